import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { decode as twinDecode, encode as twinEncode, rfc8949EncodeOptions } from "cborg";
import fc from "fast-check";
import {
  decodeCbor,
  encodeCbor,
  fromHex,
  type Json,
  MAX_CBOR_DEPTH,
  toHex,
  WireError,
} from "../../lib/wire/mod.ts";

// RFC 8949, Appendix A: those of its examples that are JSON values in preferred encoding.
const EXAMPLES: [Json, string][] = [
  [0, "00"],
  [1, "01"],
  [10, "0a"],
  [23, "17"],
  [24, "1818"],
  [25, "1819"],
  [100, "1864"],
  [1000, "1903e8"],
  [1000000, "1a000f4240"],
  [1000000000000, "1b000000e8d4a51000"],
  [-1, "20"],
  [-10, "29"],
  [-100, "3863"],
  [-1000, "3903e7"],
  [1.1, "fb3ff199999999999a"],
  [1.5, "f93e00"],
  [100000.5, "fa47c35040"],
  [3.4028234663852886e+38, "fa7f7fffff"],
  [1.0e+300, "fb7e37e43c8800759c"],
  [5.960464477539063e-8, "f90001"],
  [0.00006103515625, "f90400"],
  [-4.1, "fbc010666666666666"],
  [false, "f4"],
  [true, "f5"],
  [null, "f6"],
  ["", "60"],
  ["a", "6161"],
  ["IETF", "6449455446"],
  ['"\\', "62225c"],
  ["\u00fc", "62c3bc"],
  ["\u6c34", "63e6b0b4"],
  ["\ud800\udd51", "64f0908591"],
  [[], "80"],
  [[1, 2, 3], "83010203"],
  [[1, [2, 3], [4, 5]], "8301820203820405"],
  [
    Array.from({ length: 25 }, (_, i) => i + 1),
    "98190102030405060708090a0b0c0d0e0f101112131415161718181819",
  ],
  [{}, "a0"],
  [{ a: 1, b: [2, 3] }, "a26161016162820203"],
  [["a", { b: "c" }], "826161a161626163"],
  [{ a: "A", b: "B", c: "C", d: "D", e: "E" }, "a56161614161626142616361436164614461656145"],
];

// Examples of Appendix A that no JSON value stands for, and other input that is refused.
const REFUSED: [why: string, hex: string][] = [
  ["nothing", ""],
  ["2^64 - 1", "1bffffffffffffffff"],
  ["2^53", "1b0020000000000000"],
  ["-2^53", "3b001fffffffffffff"],
  ["-2^64", "3bffffffffffffffff"],
  ["infinity, half", "f97c00"],
  ["NaN, half", "f97e00"],
  ["minus infinity, single", "faff800000"],
  ["NaN, double", "fb7ff8000000000000"],
  ["undefined", "f7"],
  ["simple value 16", "f0"],
  ["simple value 255", "f8ff"],
  ["false in two bytes", "f814"],
  ["break", "ff"],
  ["reserved head", "fc"],
  ["bignum", "c249010000000000000000"],
  ["date as text", "c074323031332d30332d32315432303a30343a30305a"],
  ["date as number", "c11a514b67b0"],
  ["byte string", "4401020304"],
  ["map with number keys", "a201020304"],
  ["open text", "7f657374726561646d696e67ff"],
  ["open array", "9fff"],
  ["open map", "bf6161019f0203ffff"],
  ["reserved lengths", "1c"],
  ["array with too few items", "8301"],
  ["map without its last value", "a16161"],
  ["text cut off", "6449455"],
  ["head cut off", "19ff"],
  ["two values", "0000"],
  ["a key twice", "a2616101616102"],
  ["a key twice, __proto__", "a2695f5f70726f746f5f5f01695f5f70726f746f5f5f02"],
  ["text that is not UTF-8, short", "62c328"],
  ["a surrogate in UTF-8", "63eda080"],
];

const number = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.maxSafeInteger(),
  fc.float({ noNaN: true, noDefaultInfinity: true }),
);
const text = fc.string({ unit: "binary", maxLength: 80 });
/** JSON values, with keys and texts that tend to go wrong. */
const json: fc.Arbitrary<Json> = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constant(null),
    fc.boolean(),
    number,
    text,
    fc.array(tie("value"), { maxLength: 6 }),
    fc.dictionary(
      fc.oneof(
        text,
        fc.string({ unit: "grapheme-ascii", maxLength: 3 }),
        fc.constantFrom("__proto__", "constructor", "7", ""),
      ),
      tie("value"),
      {
        maxKeys: 6,
        noNullPrototype: true,
      },
    ),
  ),
})).value;

/** As JSON sees it: minus zero is zero. */
function asJson(value: Json): unknown {
  return JSON.parse(JSON.stringify(value));
}

function refuse(hex: string, why: string): void {
  const bytes = fromHex(hex.length % 2 ? hex.slice(0, -1) : hex);
  throws(() => decodeCbor(bytes), (error) => {
    ok(error instanceof WireError, `${why}: ${error}`);
    ok(error.offset >= 0 && error.offset <= bytes.length, why);
    return true;
  }, why);
}

Deno.test("cbor: the examples of RFC 8949, both ways", () => {
  for (const [value, hex] of EXAMPLES) {
    strictEqual(toHex(encodeCbor(value)), hex);
    deepStrictEqual(decodeCbor(fromHex(hex)), value);
  }
});

Deno.test("cbor: what is no JSON value is refused", () => {
  for (const [why, hex] of REFUSED) refuse(hex, why);
});

Deno.test("cbor: longer heads and floats than needed are taken", () => {
  const cases: [string, Json][] = [
    ["1800", 0],
    ["1b0000000000000001", 1],
    ["3b0000000000000000", -1],
    ["7b00000000000000016b", "k"],
    ["9a0000000101", [1]],
    ["b9000161610a", { a: 10 }],
    ["f93c00", 1],
    ["fb3ff0000000000000", 1],
    ["fa3fc00000", 1.5],
    ["f90000", 0],
    ["a2616201616102", { a: 2, b: 1 }],
  ];
  for (const [hex, value] of cases) deepStrictEqual(decodeCbor(fromHex(hex)), value, hex);
});

Deno.test("cbor: integers up to ±(2^53 - 1) are integers on the wire", () => {
  const edges = [
    2 ** 32 - 1,
    2 ** 32,
    2 ** 32 + 1,
    2 ** 40,
    1_795_251_600_000,
    Number.MAX_SAFE_INTEGER,
  ];
  for (const value of edges.flatMap((edge) => [edge, -edge])) {
    const bytes = encodeCbor(value);
    ok(bytes[0]! >>> 5 <= 1, `${value} has major type ${bytes[0]! >>> 5}`);
    strictEqual(decodeCbor(bytes), value);
  }
  fc.assert(fc.property(fc.maxSafeInteger(), (value) => {
    const bytes = encodeCbor(value);
    return bytes[0]! >>> 5 === (value < 0 ? 1 : 0) && decodeCbor(bytes) === value;
  }));
  strictEqual(toHex(encodeCbor(-0)), "00");
  // Beyond, no integer is exact in JavaScript: a float, which says so.
  strictEqual(encodeCbor(2 ** 53)[0]! >>> 5, 7);
  strictEqual(decodeCbor(encodeCbor(2 ** 53)), 2 ** 53);
});

Deno.test("cbor: any JSON value comes back the same", () => {
  fc.assert(
    fc.property(json, (value) => {
      const bytes = encodeCbor(value);
      const back = decodeCbor(bytes);
      deepStrictEqual(asJson(back), asJson(value));
      deepStrictEqual(toHex(encodeCbor(back)), toHex(bytes));
    }),
    { numRuns: 500 },
  );
});

Deno.test("cbor: an independent implementation reads and writes the same bytes", () => {
  fc.assert(
    fc.property(json, (value) => {
      const bytes = encodeCbor(value);
      strictEqual(toHex(bytes), toHex(twinEncode(asJson(value), rfc8949EncodeOptions)));
      // It drops a byte order mark at the start of a text, which is why it is not used.
      if (!JSON.stringify(value).includes("\ufeff")) {
        deepStrictEqual(asJson(twinDecode(bytes) as Json), asJson(value));
      }
    }),
    { numRuns: 300 },
  );
});

Deno.test("cbor: the encoding does not depend on the order of keys", () => {
  const a = { b: 1, aa: 2, a: 3, "": 4, "\uffff": 5, "\u{10000}": 6, "é": 7, "10": 8, "9": 9 };
  const b = Object.fromEntries(Object.entries(a).reverse());
  strictEqual(toHex(encodeCbor(a)), toHex(encodeCbor(b)));
  // By length in UTF-8, then by bytes: U+FFFF has three bytes and stands before U+10000.
  deepStrictEqual(
    [...keysInOrder(encodeCbor(a))],
    ["", "9", "a", "b", "10", "aa", "é", "\uffff", "\u{10000}"],
  );
  const ascii = { aa: 1, b: 2, "10": 3, a: 4, aaa: 5, "9": 6 };
  deepStrictEqual([...keysInOrder(encodeCbor(ascii))], ["9", "a", "b", "10", "aa", "aaa"]);
});

/** The keys of a map of small numbers, as they stand on the wire. */
function* keysInOrder(bytes: Uint8Array): Generator<string> {
  for (let at = 1; at < bytes.length;) {
    const length = bytes[at]! & 31;
    yield new TextDecoder().decode(bytes.subarray(at + 1, at + 1 + length));
    at += 2 + length;
  }
}

Deno.test("cbor: __proto__ is a key like any other", () => {
  const value = JSON.parse('{"__proto__":{"polluted":true},"constructor":1}') as Json;
  const back = decodeCbor(encodeCbor(value)) as { [key: string]: Json };
  deepStrictEqual(JSON.stringify(back), JSON.stringify(value));
  strictEqual(Object.getPrototypeOf(back), Object.prototype);
  deepStrictEqual(Object.keys(back).sort(), ["__proto__", "constructor"]);
  strictEqual((back as { polluted?: boolean }).polluted, undefined);
  strictEqual(({} as { polluted?: boolean }).polluted, undefined);
  const bare = Object.assign(Object.create(null), { a: 1 }) as Json;
  strictEqual(toHex(encodeCbor(bare)), "a1616101");
});

Deno.test("cbor: texts keep their byte order mark and every well-formed character", () => {
  for (const value of ["\ufeff", "\ufeffabc", "x".repeat(31) + "ü", "y".repeat(40), "\0\x7f\x80"]) {
    strictEqual(decodeCbor(encodeCbor(value)), value);
  }
});

Deno.test("cbor: values that CBOR could not give back are refused", () => {
  class Point {
    x = 1;
  }
  const cycle: Json[] = [];
  cycle.push(cycle);
  const holed: Json[] = [1];
  holed.length = 2;
  const values: unknown[] = [
    NaN,
    Infinity,
    -Infinity,
    undefined,
    10n,
    Symbol("s"),
    () => 1,
    "\ud800",
    { "\udc00": 1 },
    [undefined],
    { a: undefined },
    new Date(0),
    new Map(),
    new Uint8Array(1),
    new Point(),
    holed,
    cycle,
  ];
  for (const value of values) {
    throws(() => encodeCbor(value as Json), RangeError, String(typeof value));
  }
});

Deno.test("cbor: nesting ends at the limit, on both ways, whatever the input", () => {
  const nest = (levels: number) => {
    let value: Json = 1;
    for (let i = 0; i < levels; i++) value = i % 2 ? [value] : { k: value };
    return value;
  };
  const deepest = nest(MAX_CBOR_DEPTH);
  deepStrictEqual(decodeCbor(encodeCbor(deepest)), deepest);
  throws(() => encodeCbor(nest(MAX_CBOR_DEPTH + 1)), RangeError);
  const array = new Uint8Array(MAX_CBOR_DEPTH + 2).fill(0x81);
  array[MAX_CBOR_DEPTH + 1] = 0;
  throws(() => decodeCbor(array), /nested deeper/);
  decodeCbor(array.subarray(1));
  // 64 KiB and 1 MiB of opening brackets: no exception of another kind.
  for (const size of [65_536, 1 << 20]) {
    throws(() => decodeCbor(new Uint8Array(size).fill(0x81)), WireError);
    throws(() => decodeCbor(new Uint8Array(size).fill(0xa1)), WireError);
  }
});

Deno.test("cbor: a count that the input cannot keep is refused at once", () => {
  const heads = ["9b001fffffffffffff", "9a7fffffff", "ba7fffffff", "8300", "a26161"];
  for (const hex of heads) throws(() => decodeCbor(fromHex(hex)), /items announced/, hex);
  for (const hex of ["7a7fffffff61", "7b001fffffffffffff61"]) refuse(hex, hex);
});

Deno.test("cbor: any bytes give a value or a WireError", () => {
  const check = (_input: Uint8Array, value: unknown) => {
    const canonical = encodeCbor(value as Json);
    deepStrictEqual(asJson(decodeCbor(canonical)), asJson(value as Json));
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
    try {
      check(bytes, decodeCbor(bytes));
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
    }
  }));
});
