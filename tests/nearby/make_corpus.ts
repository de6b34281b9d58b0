/**
 * Writes the corpus files of the decoders in `lib/nearby`:
 * `deno run -A tests/nearby/make_corpus.ts`. Run it by hand after a format changed; the files are
 * committed.
 *
 * @module
 */
import {
  COMMAND,
  encodeAdvert,
  encodeCommand,
  encodeFrame,
  encodeMessage,
  encodeReady,
  encodeRequest,
  GREETING,
  LONG,
  MORE,
} from "../../lib/nearby/machines.ts";
import { concat } from "../../lib/wire/bytes.ts";
import { writeCorpus as write } from "../fuzz/corpus.ts";

const text = (value: string) => new TextEncoder().encode(value);

write("nearby-advert", {
  usual: encodeAdvert({ name: "myservice1", address: "192.168.1.5:51234", ttl: 20 }),
  forever: encodeAdvert({ name: "", address: "10.0.0.1:1", ttl: null }),
  fraction: encodeAdvert({ name: "café 😀", address: "10.0.0.1:1", ttl: 2.5 }),
  spaces: text(' [ "a" , "b" , -1 ] '),
  "bad-empty": text(""),
  "bad-two": text('["a", "b"]'),
  "bad-ttl": text('["a", "b", true]'),
  "bad-name": text('[1, "b", 20]'),
  "bad-infinite": text('["a", "b", 1e999]'),
  "bad-utf8": Uint8Array.of(0x22, 0xff, 0x22),
  "bad-long": text(`["${"n".repeat(260)}", "b", 1]`),
});

write("nearby-request", {
  advertise: encodeRequest("advertise", "svc", "10.9.0.1:5000", false, 20),
  discover: encodeRequest("DISCOVER", "svc", 0.5),
  reset: encodeRequest("reset"),
  "bad-empty": text("[]"),
  "bad-object": text('{"discover": 1}'),
  "bad-action": text("[1, 2]"),
});

write("zmtp-command", {
  ready: encodeReady("REQ").subarray(2),
  subscribe: encodeCommand("SUBSCRIBE", text("temp")).subarray(2),
  ping: encodeCommand("PING", text("xx0123456789abcdef0")).subarray(2),
  error: encodeCommand("ERROR", text("\x04oops")).subarray(2),
  nameless: Uint8Array.of(0),
  "bad-empty": new Uint8Array(0),
  "bad-name": Uint8Array.of(9, 0x50),
  "bad-ready": text("\x05READY\x0bSocket-Type\x00\x00\x00\x09REQ"),
  "bad-error": text("\x05ERROR\x09oops"),
  "bad-ping": text("\x04PINGx"),
});

write("zmtp-frames", {
  message: encodeMessage([text("temperature"), text("21.5")]),
  empty: encodeMessage([new Uint8Array(0), new Uint8Array(0)]),
  long: encodeMessage([new Uint8Array(300).fill(0x61)]),
  "long-short": concat([Uint8Array.of(LONG, 0, 0, 0, 0, 0, 0, 0, 2), text("ab")]),
  command: encodeCommand("SUBSCRIBE", text("temp")),
  mixed: concat([encodeFrame(MORE, text("a")), encodeFrame(0, text("b")), encodeCommand("X")]),
  "bad-flags": Uint8Array.of(0x08, 0),
  "bad-command-more": Uint8Array.of(COMMAND | MORE, 0),
  "bad-huge": Uint8Array.of(LONG, 0, 0, 0, 1, 0, 0, 0, 0),
});

const conversation = (type: "REQ" | "SUB", traffic: Uint8Array) =>
  concat([GREETING, encodeReady(type), traffic]);
const old = GREETING.slice();
old[11] = 0;
write("zmtp-stream", {
  req: conversation("REQ", encodeMessage([new Uint8Array(0), text('"World"')])),
  pipelined: conversation(
    "REQ",
    concat([1, 2, 3].map((n) => encodeMessage([text("e"), new Uint8Array(0), text(`${n}`)]))),
  ),
  ping: conversation("REQ", encodeCommand("PING", text("\x00\x64context"))),
  old: concat([old, encodeReady("REQ"), encodeMessage([new Uint8Array(0), text("5")])]),
  "no-envelope": conversation("REQ", encodeMessage([text("x")])),
  "bad-partner": conversation("SUB", new Uint8Array(0)),
  "bad-greeting": text("GET / HTTP/1.1\r\nHost: example\r\n\r\n"),
  "bad-early": concat([GREETING, encodeMessage([text("x")])]),
  "bad-version": Uint8Array.of(0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 1, 0),
});
