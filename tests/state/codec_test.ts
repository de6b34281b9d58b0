import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import {
  type Entry,
  entryOf,
  NativeStateCodec,
  STATE_TLV,
  type Value,
} from "../../lib/state/mod.ts";
import { concat } from "../../lib/wire/bytes.ts";
import { encodeCbor, type Json } from "../../lib/wire/cbor.ts";
import { TlvFormat } from "../../lib/wire/tlv.ts";

const codec = new NativeStateCodec();
const native = TlvFormat.native;
const entry = (key: string, value: Value, at = 1_000): Entry => ({ key, value, at });
const state = (value: Json) => native.encode(STATE_TLV, encodeCbor(value));

/** Entries as anybody may make them. */
const anyEntry = fc.record({
  key: fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }),
  value: fc.jsonValue({ maxDepth: 3 }),
  at: fc.integer({ min: 0, max: 8.64e15 }),
}).map(({ key, value, at }) => entryOf(key, at, value)).filter((found) => found !== undefined);

Deno.test("native codec: a TLV of type 33 with CBOR [key, at, value]", () => {
  const [tlv, ...others] = codec.encode([entry("target", 21.5, 1_795_251_600_000)]);
  strictEqual(others.length, 0);
  // Header; array of 3; text of 6 bytes; 8-byte number 0x1a1fd557a80; half float 21.5.
  strictEqual(tlv?.toHex(), "21000014" + "83" + "66746172676574" + "1b000001a1fd557a80" + "f94d60");
});

Deno.test("native codec: encode and decode are inverse, for any entries in any order", () => {
  fc.assert(fc.property(
    fc.uniqueArray(anyEntry, { selector: ({ key }) => key, maxLength: 12 }),
    fc.infiniteStream(fc.nat()),
    (entries, draws) => {
      const shuffled = entries.map((e) => ({ e, draw: draws.next().value! }))
        .sort((a, b) => a.draw - b.draw).map(({ e }) => ({ ...e }));
      const encoded = codec.encode(entries);
      deepStrictEqual(codec.encode(shuffled), encoded, "deterministic");
      const { entries: decoded, bad } = codec.decode(concat(encoded));
      strictEqual(bad, 0);
      strictEqual(decoded.size, entries.length);
      for (const e of entries) {
        const found = decoded.get(e.key);
        deepStrictEqual([found?.key, found?.at], [e.key, e.at]);
        // Compared as bytes, because CBOR knows no minus zero, and neither does JSON.
        deepStrictEqual(encodeCbor(found!.value), encodeCbor(e.value));
      }
      const sizes = entries.reduce((sum, e) => sum + codec.sizeOf(e), codec.overhead);
      strictEqual(sizes, concat(encoded).length, "sizes add up");
    },
  ));
});

Deno.test("native codec: TLVs in strictly ascending order, as node data wants them", () => {
  const encoded = codec.encode([entry("zz", 1), entry("a", "a longer value"), entry("b", 1)]);
  const hex = encoded.map((tlv) => tlv.toHex());
  deepStrictEqual(hex, [...hex].sort());
});

Deno.test("native codec: other TLVs are ignored, bad ones counted, the rest stands", () => {
  const data = concat([
    native.encode(8, new Uint8Array(16)),
    state(["a", 1, "x"]),
    state(["a", 1]), // too few parts
    state(["a", 1, "x", 2]), // too many
    state({ key: "a" }),
    state(["", 1, "x"]), // no key
    state(["c", 1, null]), // null is no value
    state(["c", -1, 1]),
    native.encode(STATE_TLV, Uint8Array.of(0x9f)),
    native.encode(STATE_TLV),
    state(["b", 2, [1]]),
    native.encode(200, Uint8Array.of(1)),
  ]);
  const { entries, bad } = codec.decode(data);
  deepStrictEqual([...entries.values()], [entry("a", "x", 1), entry("b", [1], 2)]);
  strictEqual(bad, 8);
});

Deno.test("native codec: of two entries with one key the later wins, whatever its time", () => {
  const { entries, bad } = codec.decode(concat([
    state(["a", 9, "first"]),
    state(["b", 9, 1]),
    state(["a", 1, "second"]),
  ]));
  strictEqual(bad, 0);
  deepStrictEqual([...entries.values()], [entry("b", 1, 9), entry("a", "second", 1)]);
});

Deno.test("native codec: node data that breaks off keeps what came before", () => {
  const whole = concat([state(["a", 1, "x"]), state(["b", 1, "y"])]);
  for (let cut = 1; cut < whole.length / 2; cut++) {
    const { entries, bad } = codec.decode(whole.subarray(0, whole.length - cut));
    deepStrictEqual([...entries.keys()], ["a"]);
    strictEqual(bad, 1);
  }
});

Deno.test("native codec: a key named __proto__ is a key", () => {
  const { entries } = codec.decode(concat(codec.encode([entry("__proto__", { a: 1 })])));
  deepStrictEqual(entries.get("__proto__"), entry("__proto__", { a: 1 }));
});

Deno.test("native codec: values nested too deep are bad, not a crash", () => {
  const deep = new Uint8Array(200).fill(0x81);
  deep[199] = 0;
  const value = concat([Uint8Array.of(0x83, 0x61, 0x61, 0x01), deep]);
  strictEqual(codec.decode(native.encode(STATE_TLV, value)).bad, 1);
});

Deno.test("native codec: any bytes decode", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
    const { entries } = codec.decode(bytes);
    ok(entries.size * 8 <= bytes.length);
  }));
});
