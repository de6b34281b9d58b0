/**
 * Writes the corpus files of the decoders in `lib/state`: `deno run -A tests/state/make_corpus.ts`.
 * Run it by hand after a format changed; the files are committed.
 *
 * @module
 */
import { NativeStateCodec, ShspStateCodec, STATE_TLV } from "../../lib/state/mod.ts";
import { writeCorpus } from "../fuzz/corpus.ts";
import { concat } from "../../lib/wire/bytes.ts";
import { encodeCbor } from "../../lib/wire/cbor.ts";
import { TlvFormat } from "../../lib/wire/tlv.ts";

const codec = new NativeStateCodec();
const native = TlvFormat.native;
const at = 1_795_251_600_000;
const files: Record<string, Uint8Array> = {
  "empty": new Uint8Array(0),
  "one": concat(codec.encode([{ key: "heating/target", value: 21.5, at }])),
  "several": concat([
    native.encode(8, new Uint8Array(16)),
    ...codec.encode([
      { key: "agent/name", value: "pi-kitchen", at },
      { key: "Küche/🌡", value: [1, -1, 1.5, "x", { a: null }], at },
      { key: "__proto__", value: { __proto__: null, on: true }, at: 0 },
    ]),
    native.encode(200, Uint8Array.of(1, 2, 3)),
  ]),
  "twice": concat([
    native.encode(STATE_TLV, encodeCbor(["a", 1, "x"])),
    native.encode(STATE_TLV, encodeCbor(["a", 1, "y"])),
  ]),
  "bad-null": native.encode(STATE_TLV, encodeCbor(["a", 1, null])),
  "bad-time": native.encode(STATE_TLV, encodeCbor(["a", 1.5, 1])),
  "bad-key": native.encode(STATE_TLV, encodeCbor(["a\n", 1, 1])),
  "bad-parts": native.encode(STATE_TLV, encodeCbor(["a", 1])),
  "bad-cut": concat(codec.encode([{ key: "a", value: "x", at }])).slice(0, -1),
  "bad-cbor": native.encode(STATE_TLV, Uint8Array.of(0x83, 0x61)),
};
writeCorpus("state-native", files);

const text = (value: string) => new TextEncoder().encode(value);
const rfc = TlvFormat.rfc7787;
const entries = [
  { key: "heating/target", value: 21.5, at },
  { key: "Küche", value: [1, { a: null }], at: 0 },
];
const shsp = concat(new ShspStateCodec().encode(entries));
const bad = {
  "bad-json": rfc.encode(789, text("{")),
  "bad-pair": rfc.encode(789, text('{"k":1,"ts":1,"v":1}')),
  "bad-key": rfc.encode(789, text('{"k":"","ts":1,"v":1}')),
  "bad-cut": shsp.slice(0, 11),
};
writeCorpus("state-shsp", {
  empty: new Uint8Array(0),
  two: shsp,
  null: rfc.encode(789, text('{"k":"a","ts":1e300,"v":null}')),
  proto: rfc.encode(789, text('{"__proto__":1,"k":"__proto__","ts":-1,"v":{"__proto__":1}}')),
  others: concat([rfc.encode(32, text("x")), shsp, rfc.encode(790, new Uint8Array(20))]),
  ...bad,
});
const keyed = concat(new ShspStateCodec(text("fuzz")).encode(entries));
writeCorpus("state-keyed", {
  empty: new Uint8Array(0),
  two: keyed,
  "not-keyed": shsp,
  "bad-digest": Uint8Array.of(...keyed.subarray(0, 4), 0xff, ...keyed.subarray(5)),
  "bad-short": rfc.encode(790, new Uint8Array(15)),
  "bad-cut": keyed.slice(0, 9),
});
writeCorpus("shsp-json", {
  pair: text('{"ts":1,"k":"door","v":true}'),
  number: text("1"),
  nested: text('{"ts":1,"k":"a","v":[[[[1]]]]}'),
});
