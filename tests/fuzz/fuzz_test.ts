/** The fuzzer itself: it finds what it is there to find. */
import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import { Random } from "../../lib/core/mod.ts";
import { ByteReader, WireError } from "../../lib/wire/bytes.ts";
import { fuzz, mutate, readCorpus } from "./fuzz.ts";

/** Takes one byte length, then that many bytes, to the end. */
function sound(input: Uint8Array): Uint8Array {
  const reader = new ByteReader(input);
  const value = reader.take(reader.u8());
  if (reader.remaining > 0) throw new WireError("too long", reader.offset);
  return value;
}

Deno.test("fuzz: a sound decoder passes, and both outcomes were seen", () => {
  const { taken, refused } = fuzz({ decode: sound, corpus: "self" });
  ok(taken > 50 && refused > 50, `${taken} taken, ${refused} refused`);
});

Deno.test("fuzz: an exception of another kind is found, and the report has seed and input", () => {
  const decode = (input: Uint8Array) => {
    const value = sound(input);
    // A bug of the usual sort: one value is forgotten.
    if (value.length === 0) throw new TypeError("undefined is not an object");
    return value;
  };
  throws(() => fuzz({ decode, corpus: "self", seed: 5 }), (error: Error) => {
    match(error.message, /^fuzz self, seed 5, iteration \d+: it threw TypeError.*input 00$/);
    return true;
  });
});

Deno.test("fuzz: an offset outside the input, and a result that fails its check, are found", () => {
  const far = (input: Uint8Array) => {
    if (input[0] !== 3) throw new WireError("far out", 1_000_000);
  };
  throws(() => fuzz({ decode: far, corpus: "self" }), /WireError at offset 1000000/);
  const check = (_input: Uint8Array, result: unknown) =>
    strictEqual((result as Uint8Array).length, 3);
  throws(() => fuzz({ decode: sound, corpus: "self", check }), /its result is wrong/);
});

Deno.test("fuzz: the corpus itself is held to its names", () => {
  throws(() => fuzz({ decode: () => null, corpus: "self" }), /self\/bad-\w+ was taken/);
  const refuseAll = () => {
    throw new WireError("no", 0);
  };
  throws(() => fuzz({ decode: refuseAll, corpus: "self" }), /self\/\w+ was refused/);
  throws(() => readCorpus("no such corpus"));
});

Deno.test("fuzz: the same seed damages in the same way, and never beyond the limit", () => {
  const inputs = readCorpus("self").map(({ bytes }) => bytes);
  const before = inputs.map((bytes) => bytes.slice());
  const draw = (seed: number) => {
    const random = new Random(seed);
    return Array.from({ length: 500 }, () => mutate(random, inputs, 40).toHex());
  };
  deepStrictEqual(draw(1), draw(1));
  ok(draw(1).join() !== draw(2).join());
  ok(draw(3).every((hex) => hex.length <= 80));
  ok(new Set(draw(4)).size > 200, "damages differ");
  deepStrictEqual(inputs, before, "the corpus is not changed");
});
