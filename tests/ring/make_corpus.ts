/**
 * Writes the corpus files for `lib/ring`: `deno run -A tests/ring/make_corpus.ts`. Run it by hand after
 * a format changed; the files are committed.
 *
 * @module
 */
import { writeCorpus } from "../fuzz/corpus.ts";

const text = (value: string) => new TextEncoder().encode(value);

writeCorpus("ring-lines", {
  client: text("MSG hello world\nKEEPALIVE\r\nQUIT\n"),
  server: text("HELLO 1 4\n0first\n2second\nKEEPALIVE\nQUIT\n"),
  bare: text("HELLO\n0by address\n"),
  answers: text("OK\nOK\nACK\nERR syntax\n"),
  long: text(`MSG ${"x".repeat(506)}\n`),
  "too-long": text("x".repeat(600)),
  unfinished: text("MSG not fin"),
  control: text("MSG a\x1b[2J\r\n\tb\n"),
  high: Uint8Array.of(0x4d, 0x53, 0x47, 0x20, 0xc3, 0xa4, 0xff, 0x0a),
  shutdown: text("SHUTDOWN\n"),
  empty: text("\n\r\n\n"),
});

writeCorpus("ring-v01", {
  hello: text("hello\r\nkeepalive\r\nquit\r\n"),
  shutdown: text("shutdown\r\n"),
  empty: text("\r\n\r\n"),
  lone: text("a\rb\nc\r\n"),
  long: text(`${"x".repeat(509)}\r\n`),
  "too-long": text("x".repeat(600)),
  utf8: text("Küche 🌡\r\n"),
  high: Uint8Array.of(0xff, 0xfe, 0x0d, 0x0a),
  unfinished: text("not fin"),
});
