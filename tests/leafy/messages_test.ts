import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import {
  AckStatus,
  decodeLeaf,
  encodeLeaf,
  type LeafMessage,
  MAX_WANTED,
} from "../../lib/leafy/mod.ts";
import { entryOf } from "../../lib/state/mod.ts";
import { concat, WireError } from "../../lib/wire/bytes.ts";
import { encodeCbor } from "../../lib/wire/cbor.ts";
import { TlvFormat } from "../../lib/wire/tlv.ts";

const native = TlvFormat.native;
const hex = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((value) => value.toHex());
const line = fc.string({ unit: "grapheme", maxLength: 40 }).filter((text) => !/\p{Cc}/u.test(text));
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const natural = fc.nat(Number.MAX_SAFE_INTEGER);
// Minus zero becomes zero in CBOR, as in JSON.
const json = fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.parse(JSON.stringify(value)));
const entry = fc.tuple(line, natural, json)
  .map(([key, at, value]) => entryOf(key, at, value)).filter((found) => found !== undefined);

const message: fc.Arbitrary<LeafMessage> = fc.oneof(
  fc.record({ type: fc.constant("read" as const), wanted: fc.array(line, { maxLength: 5 }) }),
  fc.record({
    type: fc.constant("state" as const),
    id: hex(8),
    node: line,
    entries: fc.array(entry, { maxLength: 4 }),
  }),
  fc.record({
    type: fc.constant("read-end" as const),
    reasons: fc.array(line, { maxLength: 4 }),
    node: line,
    id: hex(4),
    count: natural,
    missing: fc.array(natural, { maxLength: 4 }),
  }),
  fc.record({
    type: fc.constant("publish" as const),
    guestId: hex(8),
    sequence: u32,
    ttlMs: u32,
    entries: fc.array(fc.tuple(line, json), { maxLength: 4 }),
  }),
  fc.record({
    type: fc.constant("ack" as const),
    guestId: hex(8),
    sequence: u32,
    grantedMs: u32,
    status: fc.constantFrom(...Object.values(AckStatus)),
    until: natural,
    node: line,
    id: hex(8),
    message: line,
  }),
  fc.record({
    type: fc.constant("error" as const),
    exitCode: fc.constantFrom(1, 2, 3, 4, 78),
    message: line,
  }),
).map((record) => ({ ...record }));

Deno.test("leafy messages: encode and decode are inverse, alone and in a row", () => {
  fc.assert(fc.property(fc.array(message, { maxLength: 4 }), (messages) => {
    deepStrictEqual(decodeLeaf(concat(messages.map((each) => encodeLeaf(each)))), messages);
  }));
});

Deno.test("leafy messages: the layout of a publication and its ack", () => {
  const publish = encodeLeaf({
    type: "publish",
    guestId: "0123456789abcdef",
    sequence: 7,
    ttlMs: 60_000,
    entries: [["a", 1]],
  });
  strictEqual(
    publish.toHex(),
    "43000015" + "0123456789abcdef" + "00000007" + "0000ea60" + "8182616101",
  );
  const ack = encodeLeaf({
    type: "ack",
    guestId: "0123456789abcdef",
    sequence: 7,
    grantedMs: 60_000,
    status: AckStatus.TooLarge,
    until: 0x1a1_fd55_7a80,
    node: "pi",
    id: "ab12",
    message: "",
  });
  strictEqual(
    ack.toHex(),
    "44000023" + "0123456789abcdef" + "00000007" + "0000ea60" + "02" + "000001a1fd557a80" +
      "83" + "627069" + "6461623132" + "60",
  );
});

Deno.test("leafy messages: unknown types and further parts are skipped, so later programs may say more", () => {
  const later = concat([
    native.encode(70, Uint8Array.of(0xff)),
    native.encode(69, encodeCbor([4, "no", "something new"])),
  ]);
  deepStrictEqual(decodeLeaf(later), [{ type: "error", exitCode: 4, message: "no" }]);
});

Deno.test("leafy messages: what does not fit is refused with the offset", () => {
  const good = encodeLeaf({ type: "read", wanted: ["a"] });
  const cases: [value: Uint8Array, offset: number, text: RegExp][] = [
    [concat([good, native.encode(64, encodeCbor("a"))]), good.length + 4, /leafy read: an array/],
    [native.encode(64, Uint8Array.of(0x81, 0xff)), 5, /leafy read/],
    [native.encode(67, new Uint8Array(12)), 16, /leafy publish: 4 bytes wanted, 0 left/],
    [concat([good, Uint8Array.of(64, 0, 0, 9)]), good.length + 4, /cut off/],
    [native.encode(64, encodeCbor(Array(MAX_WANTED + 1).fill("a"))), 4, /at most 64/],
    [native.encode(64, encodeCbor(["x".repeat(1_000)])), 4, /a line of at most/],
    [native.encode(69, encodeCbor([4, "two\nlines"])), 4, /a line of at most/],
    [native.encode(69, encodeCbor([5, "odd code"])), 4, /an exit code/],
    [native.encode(69, encodeCbor([4])), 4, /an array of 2/],
  ];
  for (const [bytes, offset, text] of cases) {
    throws(() => decodeLeaf(bytes), (error: WireError) => {
      ok(error instanceof WireError);
      ok(text.test(error.message), error.message);
      strictEqual(error.offset, offset);
      return true;
    });
  }
});

Deno.test("leafy messages: offsets count from the input, also where that is a view", () => {
  const inner = native.encode(67, new Uint8Array(12));
  const view = concat([new Uint8Array(100), inner]).subarray(100);
  throws(() => decodeLeaf(view), (error: WireError) => error.offset === 16);
});

Deno.test("leafy messages: lines for people become one line of bounded length", () => {
  const [error] = decodeLeaf(
    encodeLeaf({ type: "error", exitCode: 4, message: `a\nb\x1b[31m${"🌡".repeat(600)}` }),
  );
  ok(error?.type === "error");
  ok(error.message.startsWith("a b [31m"));
  strictEqual(error.message.length, 500);
  const [end] = decodeLeaf(encodeLeaf({
    type: "read-end",
    reasons: Array(100).fill("why"),
    node: "pi",
    id: "ab12",
    count: 0,
    missing: [],
  }));
  ok(end?.type === "read-end" && end.reasons.length === 16);
});

Deno.test("leafy messages: any bytes give messages or a WireError", () => {
  const tlv = fc.tuple(fc.integer({ min: 63, max: 70 }), fc.uint8Array({ maxLength: 60 }))
    .map(([type, value]) => native.encode(type, value));
  const bytes = fc.oneof(fc.uint8Array({ maxLength: 80 }), fc.array(tlv).map((all) => concat(all)));
  fc.assert(fc.property(bytes, (bytes) => {
    try {
      decodeLeaf(bytes);
    } catch (error) {
      ok(error instanceof WireError);
      ok(error.offset >= 0 && error.offset <= bytes.length);
    }
  }));
});
