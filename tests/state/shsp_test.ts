/** SHSP's pairs and containers (spec §15). */
import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import {
  decodeShspPair,
  type Entry,
  entryOf,
  openShspContainer,
  OwnDictionary,
  SHSP_KEYED,
  SHSP_PAIR,
  ShspStateCodec,
  StateRefusal,
} from "../../lib/state/mod.ts";
import { compareBytes, concat } from "../../lib/wire/bytes.ts";
import { TlvFormat } from "../../lib/wire/tlv.ts";

const format = TlvFormat.rfc7787;
const text = (value: string) => new TextEncoder().encode(value);
const key = text("foo");
const entry = (key: string, value: Entry["value"] = 1, at = 1_000_500): Entry => ({
  key,
  value,
  at,
});

const entries = fc.uniqueArray(
  fc.record({
    key: fc.string({ minLength: 1, maxLength: 60, unit: "binary" }),
    value: fc.jsonValue(),
    at: fc.integer({ min: 0, max: 4e12 }),
  }),
  { selector: ({ key }) => key, maxLength: 12 },
).map((list) => list.flatMap(({ key, value, at }) => entryOf(key, at, value) ?? []));

Deno.test("shsp: what is encoded is decoded to the same, with and without a key", () => {
  fc.assert(fc.property(entries, fc.option(fc.uint8Array({ maxLength: 40 })), (list, secret) => {
    const codec = new ShspStateCodec(secret ?? undefined);
    const tlvs = codec.encode(list);
    const { entries: found, bad } = codec.decode(concat(tlvs));
    strictEqual(bad, 0);
    deepStrictEqual(
      new Map(found),
      // -0 has no text of its own.
      new Map(
        list.map((one) => [one.key, { ...one, value: JSON.parse(JSON.stringify(one.value)) }]),
      ),
    );
    const size = list.reduce((sum, one) => sum + codec.sizeOf(one), codec.overhead);
    strictEqual(concat(tlvs).length, size);
    const { tlvs: raws, error, warnings } = format.decode(concat(tlvs));
    deepStrictEqual([error, warnings], [null, []]);
    for (const [i, raw] of raws.entries()) {
      ok(i === 0 || compareBytes(raws[i - 1]!.encoded, raw.encoded) < 0, "ascending");
    }
  }));
});

Deno.test("shsp: any bytes give entries and a count", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
    for (const codec of [new ShspStateCodec(), new ShspStateCodec(key)]) {
      for (const type of [SHSP_PAIR, SHSP_KEYED]) {
        codec.decode(format.encode(type, bytes));
      }
      codec.decode(bytes);
    }
    decodeShspPair(bytes);
    openShspContainer(key, bytes);
  }));
});

Deno.test("shsp: pairs as other programs write them", () => {
  const decode = (json: string) => decodeShspPair(text(json));
  deepStrictEqual(decode('{"ts": 1, "k": "a", "v": 1}').pair, { key: "a", value: 1, ts: 1 });
  deepStrictEqual(decode('{"v":null,"more":[],"k":"\\u00e4","ts":0.25}').pair, {
    key: "ä",
    value: null,
    ts: 0.25,
  });
  deepStrictEqual(decode('{"k":"__proto__","v":{"__proto__":1},"ts":1}').pair?.key, "__proto__");
  for (const json of ["", "{", "nul", '{"k":"a"', '\ufeff{"k":"a","v":1,"ts":1}']) {
    strictEqual(decode(json).warning, "bad-json", json);
  }
  for (const json of ["3", "null", "[]", '"a"', "{}", '{"k":1,"v":1,"ts":1}', '{"k":"a","v":1}']) {
    strictEqual(decode(json).warning, "bad-pair", json);
  }
  strictEqual(decodeShspPair(Uint8Array.of(0x22, 0xff, 0x22)).warning, "bad-json");
  // 64 KB of brackets in each other are JSON, and no value of ours.
  const deep = `{"k":"a","ts":1,"v":${"[".repeat(30_000)}${"]".repeat(30_000)}}`;
  const { entries, bad } = new ShspStateCodec().decode(format.encode(SHSP_PAIR, text(deep)));
  deepStrictEqual([entries.size, bad], [0, 1]);
});

Deno.test("shsp: of a key that comes twice the later one in the data counts, whatever its time", () => {
  const pairs = [
    { ts: 9, k: "a", v: "first" },
    { ts: 1, k: "b", v: 1 },
    { ts: 1, k: "a", v: "second" },
  ];
  const data = concat(pairs.map((pair) => format.encode(SHSP_PAIR, text(JSON.stringify(pair)))));
  const { entries } = new ShspStateCodec().decode(data);
  deepStrictEqual([...entries.values()], [entry("b", 1, 1_000), entry("a", "second", 1_000)]);
});

Deno.test("shsp: what counts with a key, and what without (spec §15.3)", () => {
  const plain = new ShspStateCodec();
  const keyed = new ShspStateCodec(key);
  const other = new ShspStateCodec(text("bar"));
  const keys = (codec: ShspStateCodec, ...parts: Uint8Array[][]) => {
    const { entries, bad } = codec.decode(concat(parts.flat()));
    return `${[...entries.keys()]} ${bad}`;
  };
  strictEqual(keys(keyed, plain.encode([entry("p")]), keyed.encode([entry("a")])), "a 0");
  strictEqual(keys(plain, plain.encode([entry("p")]), keyed.encode([entry("a")])), "p 0");
  strictEqual(keys(keyed, other.encode([entry("x")]), keyed.encode([entry("a")])), "a 1");
  strictEqual(keys(keyed, keyed.encode([entry("a")]), keyed.encode([entry("b")])), "a,b 0");
  deepStrictEqual(keyed.encode([]).map((tlv) => tlv.length), [keyed.overhead]);
  deepStrictEqual(plain.encode([]), []);
  deepStrictEqual([plain.reads(SHSP_PAIR), plain.reads(SHSP_KEYED)], [true, false]);
  deepStrictEqual([keyed.reads(SHSP_PAIR), keyed.reads(SHSP_KEYED)], [false, true]);
});

Deno.test("shsp: an entry that no TLV holds is refused with the figures, and breaks nothing", () => {
  const own = new OwnDictionary({ codec: new ShspStateCodec(), limit: 3_000, agentReserve: 0 });
  throws(() => own.set(0, 0, [["big", "x".repeat(70_000)]]), (error: unknown) => {
    ok(error instanceof StateRefusal);
    match(error.message, /70 0\d\d bytes; 3 000 are allowed/);
    return true;
  });
  deepStrictEqual(own.share("west", [entry("big", "x".repeat(70_000)), entry("small")]).length, 1);
  deepStrictEqual(own.entries().map(({ key, source }) => [key, source]), [["small", "gateway"]]);
  own.share("west", []);
  deepStrictEqual(own.encoded(), []);
});

Deno.test("shsp: an entry keeps its time when it is written with one", () => {
  const own = new OwnDictionary({ codec: new ShspStateCodec() });
  own.putGuest(0, 9_000, "leaf", [["a", 1, 5_000], ["b", 2]], 60_000);
  deepStrictEqual(own.entries().map(({ key, at }) => [key, at]), [["a", 5_000], ["b", 9_000]]);
});
