/** Lines, texts, and how they stand in a log. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { Random } from "../../lib/core/mod.ts";
import { LineReader } from "../../lib/ring/lines.ts";
import { isPrinting, isText } from "../../lib/ring/text.ts";
import { excerpt, foldLine, randomText, stamp, STAMP_COLUMNS } from "../../lib/ring/mod.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** All lines that a stream has, cut in the plain way; `undefined` where one is too long. */
function plainLines(text: string, ending: "lf" | "crlf", limit: number): (string | undefined)[] {
  const mark = ending === "lf" ? "\n" : "\r\n";
  const parts = text.split(mark);
  const rest = parts.pop() as string;
  const lines: (string | undefined)[] = [];
  for (const part of parts) {
    if (part.length + mark.length > limit) return [...lines, undefined];
    lines.push(ending === "lf" && part.endsWith("\r") ? part.slice(0, -1) : part);
  }
  return rest.length > limit ? [...lines, undefined] : lines;
}

Deno.test("property: lines are the same however the stream is cut, for both endings", () => {
  const character = fc.constantFrom("a", "b", "\r", "\n", "\r\n", " ");
  const stream = fc.array(character, { maxLength: 80 }).map((all) => all.join(""));
  fc.assert(
    fc.property(
      stream,
      fc.constantFrom("lf" as const, "crlf" as const),
      fc.integer({ min: 2, max: 12 }),
      fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 5 }),
      (text, ending, limit, sizes) => {
        const reader = new LineReader(ending, limit);
        const got: (string | undefined)[] = [];
        const bytes = encoder.encode(text);
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const size = sizes[i % sizes.length] as number;
          // Its memory is used again, as a socket's buffer is.
          const piece = bytes.slice(at, at + size);
          const long = reader.feed(piece, (line) => got.push(decoder.decode(line)) > 0);
          piece.fill(0x58);
          at += size;
          ok(reader.held.length <= limit);
          if (long === undefined) continue;
          ok(long.length > limit);
          got.push(undefined);
          break;
        }
        deepStrictEqual(got, plainLines(text, ending, limit));
      },
    ),
    { numRuns: 2_000 },
  );
});

Deno.test("what is text, and what prints", () => {
  const cases: [string | Uint8Array, printing: boolean, text: boolean][] = [
    ["plain ASCII ~", true, true],
    ["ä€😀", true, true],
    ["tab\t", false, true],
    ["\x7f", false, true],
    ["\x85", false, true],
    ["\x1b[31m", false, false],
    ["\0", false, false],
    ["", true, true],
    [Uint8Array.of(0xed, 0xa0, 0x80), false, false],
    [Uint8Array.of(0xc0, 0x80), false, false],
    [Uint8Array.of(0xef, 0xbb, 0xbf, 0x41), true, true],
  ];
  for (const [data, printing, text] of cases) {
    const bytes = typeof data === "string" ? encoder.encode(data) : data;
    deepStrictEqual([isPrinting(bytes), isText(bytes)], [printing, text], excerpt(bytes, ""));
  }
});

Deno.test("a stamp is local time in 20 columns", () => {
  const at = new Date(2026, 10, 21, 9, 5, 7);
  strictEqual(stamp(at.getTime()), "2026-11-21 09:05:07 ");
  strictEqual(stamp(0).length, STAMP_COLUMNS);
});

Deno.test("property: folded lines have 60 columns, and unfolded they are the text", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme", maxLength: 300 }), (text) => {
    if (/\n/.test(text) || !text.isWellFormed()) return;
    const folded = decoder.decode(foldLine(encoder.encode(text)));
    strictEqual(folded.replaceAll(`\n${" ".repeat(20)}`, ""), text);
    const [first = "", ...others] = folded.split("\n");
    for (const line of [first, ...others.map((line) => line.slice(20))]) {
      ok([...line].length <= 60, line);
    }
  }));
  strictEqual(decoder.decode(foldLine(encoder.encode("x".repeat(60)))), "x".repeat(60));
  ok(decoder.decode(foldLine(encoder.encode("x".repeat(61)))).endsWith(" x"));
});

Deno.test("random texts: 32 to 60 characters that no tool changes", () => {
  const random = new Random(3);
  const lengths = new Set<number>();
  const seen = new Set<string>();
  for (let i = 0; i < 5_000; i++) {
    const text = randomText(random, 32, 60);
    lengths.add(text.length);
    for (const character of text) seen.add(character);
    ok(/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(text) && !text.includes("  "), text);
  }
  deepStrictEqual([...lengths].sort((a, b) => a - b), Array.from({ length: 29 }, (_, i) => 32 + i));
  strictEqual(seen.size, 95);
  for (let i = 0; i < 100; i++) strictEqual(randomText(random, 1, 1).length, 1);
});
