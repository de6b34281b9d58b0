/**
 * Writes the corpus files for `lib/http`: `deno run -A tests/http/make_corpus.ts`. Run it by hand after
 * the API changed; the files are committed.
 *
 * @module
 */
import { routes } from "../../lib/http/routes.ts";
import { writeCorpus } from "../fuzz/corpus.ts";

const text = (value: string) => new TextEncoder().encode(value);

writeCorpus("http-body", {
  entries: text('{"heating/target": 21.5, "list": [1, {"a": null}]}'),
  lease: text('{"entries": {"a": 1}, "ttl": "5m"}'),
  value: text('"on"'),
  lines: text('{"to":"pi-2","name":"t","body":1}\n\n{"to":"pi-3"}\n'),
  message: text('{"to":"pi-2","name":"weather","body":{"t":21.5},"ttl":60}'),
  call: text('{"targets":["pi-2"],"action":"echo","args":[1],"timeout":"5s"}'),
  plan: text('{"steps":{"do":"echo","on":"pi-2"}}'),
  keys: text('{"keys":["1/0123456789abcdef0123456789abcdef"]}'),
  advertise: text('{"name":"svc","address":"10.0.0.1:80","ttl":20}'),
  null: text('{"a": null}'),
  huge: text(`[${"1e999,".repeat(9)}1]`),
  deep: text(`${"[".repeat(80)}${"]".repeat(80)}`),
  proto: text('{"__proto__": {"x": 1}}'),
  "not-json": text("{"),
  "not-utf8": Uint8Array.of(0x22, 0xff, 0x22),
  empty: new Uint8Array(0),
});

/** Every route, with something behind it where something belongs. */
writeCorpus(
  "http-path",
  Object.fromEntries(
    [...new Set(routes.map(({ path }) => path))].map((path) => [
      path.replaceAll("/", "_"),
      text(path.endsWith("/") ? `${path}a%2Fb` : path),
    ]),
  ),
);
