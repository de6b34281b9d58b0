import { deepStrictEqual, notDeepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import fc from "fast-check";
import {
  concat,
  fromHex,
  NetworkKey,
  open,
  type OpenResult,
  seal,
  SEAL_OVERHEAD,
  type SealOrigin,
  toHex,
} from "../../lib/wire/mod.ts";
import { CORPUS_CONTEXT, CORPUS_KEY } from "../fuzz/corpus_key.ts";

const key = NetworkKey.fromBytes(new Uint8Array(32).fill(1));
const old = NetworkKey.fromBytes(new Uint8Array(32).fill(2));
const origin: SealOrigin = { sender: "0123456789abcdef", epoch: 7, counter: 2 ** 40 + 1 };
const nonce = Uint8Array.from({ length: 24 }, (_, i) => i);
const payload = new TextEncoder().encode("hello");

function kind(result: OpenResult): string {
  return result.kind;
}

Deno.test("sealed: what was sealed opens, with everything that was said", () => {
  const u53 = fc.maxSafeNat();
  fc.assert(fc.property(
    fc.record({
      sender: fc.uint8Array({ minLength: 8, maxLength: 8 }).map(toHex),
      epoch: u53,
      counter: u53,
    }),
    fc.uint8Array({ maxLength: 1_500, size: "max" }),
    fc.uint8Array({ minLength: 24, maxLength: 24 }),
    fc.string({ unit: "grapheme" }),
    (origin, payload, nonce, context) => {
      const block = seal(key, context, origin, payload, nonce);
      strictEqual(block.length, payload.length + SEAL_OVERHEAD);
      const result = open([key], context, block);
      deepStrictEqual(result, { kind: "opened", keyIndex: 0, ...origin, payload });
    },
  ));
});

Deno.test("sealed: the layout, built by hand", () => {
  const header = concat([fromHex("01"), key.idBytes, nonce]);
  const inner = concat([
    fromHex("0123456789abcdef"),
    fromHex("0000000000000007"),
    fromHex("0000010000000001"),
    payload,
  ]);
  const aad = concat([header, new TextEncoder().encode("dncp")]);
  const twin = concat([header, xchacha20poly1305(key.multicastKey, nonce, aad).encrypt(inner)]);
  strictEqual(toHex(seal(key, "dncp", origin, payload, nonce)), toHex(twin));
});

Deno.test("sealed: every flipped bit, and every byte cut off or added, is refused", () => {
  const block = seal(key, "dncp", origin, payload, nonce);
  for (let bit = 0; bit < block.length * 8; bit++) {
    const bad = block.slice();
    bad[bit >>> 3] = bad[bit >>> 3]! ^ (1 << (bit & 7));
    const result = open([key, old], "dncp", bad);
    const inKeyId = bit >= 8 && bit < 40;
    strictEqual(result.kind, inKeyId ? "unknown-key" : "damaged", `bit ${bit}`);
  }
  for (let length = 0; length < block.length; length++) {
    strictEqual(kind(open([key], "dncp", block.subarray(0, length))), "damaged");
  }
  strictEqual(kind(open([key], "dncp", concat([block, new Uint8Array(1)]))), "damaged");
});

Deno.test("sealed: a block is good for its own context only", () => {
  const block = seal(key, "dncp", origin, payload, nonce);
  for (const context of ["", "dnc", "dncp ", "leaf"]) {
    strictEqual(kind(open([key], context, block)), "damaged", context);
  }
});

Deno.test("sealed: any of the keys opens, and the result says which", () => {
  const block = seal(old, "dncp", origin, payload, nonce);
  const result = open([key, old], "dncp", block);
  ok(result.kind === "opened");
  strictEqual(result.keyIndex, 1);
  deepStrictEqual(open([key], "dncp", block), { kind: "unknown-key", keyId: old.id });
  deepStrictEqual(open([], "dncp", block), { kind: "unknown-key", keyId: old.id });
  notDeepStrictEqual(block, seal(key, "dncp", origin, payload, nonce));
});

Deno.test("sealed: the payload is nobody else's memory", () => {
  const block = seal(key, "dncp", origin, payload, nonce);
  const result = open([key], "dncp", block);
  block.fill(0);
  ok(result.kind === "opened");
  deepStrictEqual(result.payload, payload);
});

Deno.test("sealed: numbers past 2^53 inside are damage, not wrong numbers", () => {
  for (
    const [epoch, counter] of [["0020000000000000", "00".repeat(8)], [
      "00".repeat(8),
      "ff".repeat(8),
    ]]
  ) {
    const header = concat([fromHex("01"), key.idBytes, nonce]);
    const aad = concat([header, new TextEncoder().encode("x")]);
    const inner = concat([new Uint8Array(8), fromHex(epoch!), fromHex(counter!)]);
    const block = concat([header, xchacha20poly1305(key.multicastKey, nonce, aad).encrypt(inner)]);
    strictEqual(kind(open([key], "x", block)), "damaged");
  }
});

Deno.test("sealed: what does not fit is refused when sealing", () => {
  const bad: [SealOrigin, Uint8Array][] = [
    [{ ...origin, sender: "0123" }, nonce],
    [{ ...origin, sender: "0123456789ABCDEF" }, nonce],
    [{ ...origin, sender: "0123456789abcdef00" }, nonce],
    [{ ...origin, epoch: -1 }, nonce],
    [{ ...origin, epoch: 2 ** 53 }, nonce],
    [{ ...origin, counter: 1.5 }, nonce],
    [{ ...origin, counter: NaN }, nonce],
    [origin, new Uint8Array(12)],
  ];
  for (const [origin, nonce] of bad) {
    throws(() => seal(key, "x", origin, payload, nonce), RangeError);
  }
});

Deno.test("sealed: any bytes open, or are said to be damaged or for another key", () => {
  const keys = [NetworkKey.parse(CORPUS_KEY)];
  const decode = (input: Uint8Array) => open(keys, CORPUS_CONTEXT, input);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
    notDeepStrictEqual(decode(bytes).kind, "opened");
  }));
});
