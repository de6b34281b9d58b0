import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { MAX_HEAD, RequestHead } from "../../lib/http/request_head.ts";

const latin1 = (bytes: Uint8Array) => Array.from(bytes, (b) => String.fromCharCode(b)).join("");
const bytes = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0));

/** Fed in pieces: what it said last, what it holds then with a line put in, and how much it took. */
function fed(input: Uint8Array, pieces: () => number): [state: string, all: string, taken: number] {
  const head = new RequestHead();
  let taken = 0;
  let state = "more";
  while (state === "more" && taken < input.length) {
    const { room } = head;
    const count = Math.min(room.length, pieces(), input.length - taken);
    room.set(input.subarray(taken, taken + count));
    state = head.feed(count);
    taken += count;
  }
  return [state, latin1(head.withLines("X: 1\r\n")), taken];
}

Deno.test("request head: ends at the empty line, with lines put behind the first one", () => {
  for (
    const [text, expected] of [
      ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/1.1\r\nX: 1\r\nHost: x\r\n\r\n"],
      ["GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nX: 1\r\n\r\n"],
      [
        "PUT /a HTTP/1.1\r\nA: b\r\n\r\nbody\r\n\r\n",
        "PUT /a HTTP/1.1\r\nX: 1\r\nA: b\r\n\r\nbody\r\n\r\n",
      ],
      ["GET / HTTP/1.0\nHost: x\n\n", "GET / HTTP/1.0\nX: 1\r\nHost: x\n\n"],
      ["GET / HTTP/1.1\r\nHost: x\n\r\n", "GET / HTTP/1.1\r\nX: 1\r\nHost: x\n\r\n"],
      ["\r\n\n\r\nGET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nX: 1\r\n\r\n"],
      ["\xff\x00\r\n\r\n", "\xff\x00\r\nX: 1\r\n\r\n"],
    ] as const
  ) deepStrictEqual(fed(bytes(text), () => Infinity).slice(0, 2), ["whole", expected], text);
  for (
    const text of [
      "",
      "\r\n\r\n",
      "GET / HTTP/1.1\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\n\r",
      "\n\rGET /\n",
    ]
  ) strictEqual(fed(bytes(text), () => Infinity)[0], "more", JSON.stringify(text));
});

Deno.test("request head: what is too long is not taken, whatever it is made of", () => {
  for (
    const text of [
      `GET /${"a".repeat(MAX_HEAD * 2)}`,
      `GET / HTTP/1.1\r\n${"a: b\r\n".repeat(MAX_HEAD)}`,
      "\r\n".repeat(MAX_HEAD),
      "\r".repeat(MAX_HEAD * 2),
    ]
  ) {
    for (const piece of [1_000, Infinity]) {
      const [state, , taken] = fed(bytes(text), () => piece);
      strictEqual(state, "large");
      ok(taken < 2 * MAX_HEAD, `${taken} bytes`);
    }
  }
  const long = `GET /${"a".repeat(MAX_HEAD - 100)} HTTP/1.1\r\n\r\n`;
  strictEqual(fed(bytes(long), () => 999)[0], "whole");
});

Deno.test("request head: any bytes, in any pieces, give the same; nothing is lost or made up", () => {
  const piece = fc.constantFrom(
    "\r\n",
    "\n",
    "\r",
    "\r\n\r\n",
    "GET / HTTP/1.1",
    "a: b",
    "\xff",
    " ",
  );
  const text = fc.array(piece, { maxLength: 12 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(text, fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), (text, sizes) => {
      const input = bytes(text);
      const [state, all, taken] = fed(input, () => Infinity);
      let i = 0;
      const [again, other, sooner] = fed(input, () => sizes[i++ % sizes.length] as number);
      strictEqual(again, state);
      // A slow twin: the first empty line behind a line that is not empty.
      const found = /^(?:\r?\n)*((?:(?!\r?\n)[^\n]*\n)+\r?\n)/.exec(text);
      strictEqual(state === "whole", found !== null, JSON.stringify(text));
      if (found === null) return;
      ok(sooner <= taken);
      const rest = text.slice(0, sooner).replace(/^(?:\r?\n)*/, "");
      const end = rest.indexOf("\n") + 1;
      strictEqual(other, `${rest.slice(0, end)}X: 1\r\n${rest.slice(end)}`);
      ok(all.startsWith(other.slice(0, found[1]!.length + 6)));
    }),
  );
});
