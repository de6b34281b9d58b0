import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { type AgentError, ExitCode } from "../../lib/core/mod.ts";
import {
  checkKey,
  checkValue,
  entryEqual,
  entryOf,
  jsonEqual,
  keyProblem,
  MAX_VALUE_DEPTH,
  timestamp,
  valueProblem,
} from "../../lib/state/mod.ts";
import { decodeCbor, encodeCbor, type Json } from "../../lib/wire/cbor.ts";

/** `depth` arrays within each other. */
function nested(depth: number): Json {
  let value: Json = 1;
  for (let i = 0; i < depth; i++) value = [value];
  return value;
}

Deno.test("keys: 1 to 255 bytes of UTF-8, without control characters", () => {
  for (
    const key of ["a", "/", "heating/target", "a b", "Küche", "🌡", "a:b", "*", "__proto__", "-"]
  ) {
    strictEqual(checkKey(key), key);
  }
  strictEqual(keyProblem("x".repeat(255)), undefined);
  strictEqual(keyProblem("ü".repeat(127) + "x"), undefined, "255 bytes");
  strictEqual(keyProblem("€".repeat(85)), undefined, "255 bytes");
  strictEqual(keyProblem("🌡".repeat(63) + "abc"), undefined, "255 bytes");
  for (
    const key of [
      ...["", "x".repeat(256), "ü".repeat(128), "€".repeat(85) + "x", "🌡".repeat(64)],
      ...["a\n", "\0", "a\x7f", "a\x85b", "\t", "\ud800", "a\udc00b"],
    ]
  ) ok(keyProblem(key) !== undefined, JSON.stringify(key));
});

Deno.test("keys: the length limit counts bytes, for any text", () => {
  fc.assert(fc.property(
    fc.string({ unit: "grapheme", minLength: 40, maxLength: 300 }),
    (key) => {
      const fits = new TextEncoder().encode(key).length <= 255;
      strictEqual(keyProblem(key) === undefined, fits && !/\p{Cc}/u.test(key));
    },
  ));
});

Deno.test("keys: a refusal is one line that names the key, with exit code 2", () => {
  throws(() => checkKey("a\nb"), (error: AgentError) => {
    strictEqual(error.exitCode, ExitCode.Usage);
    match(error.message, /^the key "a\\nb" contains a control character; .*1 to 255 bytes/);
    ok(!error.message.includes("\n"));
    return true;
  });
  throws(() => checkKey("x".repeat(1_000)), (error: AgentError) => error.message.length < 250);
});

Deno.test("values: JSON, but not null by itself", () => {
  for (const value of [0, "", false, [], {}, [null], { a: null }, "text", -1.5, nested(32)]) {
    strictEqual(valueProblem(value), undefined, JSON.stringify(value));
  }
  const circle: unknown[] = [];
  circle.push(circle);
  const sparse: unknown[] = [];
  sparse.length = 2;
  for (
    const value of [
      ...[null, undefined, NaN, Infinity, 1n, Symbol("x"), () => 1, new Date(0), new Map()],
      ...[[undefined], { a: NaN }, "\ud800", { "\ud800": 1 }, nested(MAX_VALUE_DEPTH + 1), circle],
      sparse,
    ]
  ) ok(valueProblem(value) !== undefined, String(value));
});

Deno.test("values: a refusal says which key, why, and what to do", () => {
  throws(() => checkValue("x", null), (error: AgentError) => {
    strictEqual(error.exitCode, ExitCode.Usage);
    strictEqual(
      error.message,
      'the value of "x" is null, and null means delete; unset the key instead',
    );
    return true;
  });
  throws(() => checkValue("x", { a: 1n }), /^AgentError: the value of "x" contains a bigint/);
});

Deno.test("values: what is taken can be encoded in a message, around it too", () => {
  fc.assert(fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
    fc.pre(valueProblem(value) === undefined);
    const round = decodeCbor(encodeCbor([["x", [[value as Json]]]]));
    return jsonEqual((round as Json[][][][])[0]![1]![0]![0]!, value as Json);
  }));
  encodeCbor([[[[nested(MAX_VALUE_DEPTH)]]]]);
});

Deno.test("equality of values: order of members does not count, types do", () => {
  const same: [Json, Json][] = [
    [{ a: 1, b: [2, { c: 3 }] }, { b: [2, { c: 3 }], a: 1 }],
    [JSON.parse('{"__proto__":1}'), JSON.parse('{"__proto__":1}')],
    [null, null],
    [0, -0],
  ];
  for (const [a, b] of same) ok(jsonEqual(a, b) && jsonEqual(b, a), JSON.stringify([a, b]));
  const different: [Json, Json][] = [
    ...[[1, true], [1, "1"], [0, false], [null, {}], [[], {}], ["", null]] as [Json, Json][],
    ...[[[1, 2], [2, 1]], [[1], [1, 2]], [{ a: 1 }, { a: 1, b: 2 }]] as [Json, Json][],
    [{ a: 1 }, { b: 1 }],
    [{ toString: 1 }, { valueOf: 1 }],
    [JSON.parse('{"__proto__":1}'), { a: 1 }],
    [[undefined as unknown as Json], [null]],
  ];
  for (const [a, b] of different) ok(!jsonEqual(a, b) && !jsonEqual(b, a), JSON.stringify([a, b]));
});

Deno.test("equality of values agrees with their canonical encoding", () => {
  const value = fc.jsonValue({ maxDepth: 3, stringUnit: "grapheme" });
  fc.assert(fc.property(value, value, (a, b) => {
    const hex = (v: unknown) => encodeCbor(v as Json).toHex();
    return jsonEqual(a as Json, b as Json) === (hex(a) === hex(b));
  }));
});

Deno.test("entries: of parts, only where all are right", () => {
  deepStrictEqual(entryOf("k", 5, [1]), { key: "k", at: 5, value: [1] });
  deepStrictEqual(entryOf("k", 0, false), { key: "k", at: 0, value: false });
  for (
    const [key, at, value] of [
      ["", 5, 1],
      [7, 5, 1],
      ["k", -1, 1],
      ["k", 1.5, 1],
      ["k", "5", 1],
      ["k", 8.64e15 + 1, 1],
      ["k", NaN, 1],
      ["k", 5, null],
      ["k", 5, undefined],
    ]
  ) strictEqual(entryOf(key, at, value), undefined, `${key} ${at} ${value}`);
  const latest = entryOf("k", 8.64e15, 1);
  strictEqual(new Date(latest!.at).toISOString(), "+275760-09-13T00:00:00.000Z");
});

Deno.test("entries: equal in value and time", () => {
  ok(entryEqual(undefined, undefined));
  ok(entryEqual({ key: "k", at: 1, value: [1] }, { key: "k", at: 1, value: [1] }));
  ok(!entryEqual({ key: "k", at: 1, value: [1] }, { key: "k", at: 2, value: [1] }));
  ok(!entryEqual({ key: "k", at: 1, value: [1] }, undefined));
});

Deno.test("time stamps are whole and have a date, whatever the clock says", () => {
  strictEqual(timestamp(1_795_251_600_000.4), 1_795_251_600_000);
  strictEqual(timestamp(-5), 0);
  strictEqual(timestamp(1e300), 8.64e15);
});
