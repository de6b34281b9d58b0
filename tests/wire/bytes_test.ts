import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import {
  ByteReader,
  ByteWriter,
  compareBytes,
  concat,
  equalBytes,
  fromHex,
  readU16,
  readU24,
  readU32,
  toHex,
  WireError,
  writeU16,
  writeU32,
} from "../../lib/wire/mod.ts";

const bytes = fc.uint8Array({ maxLength: 64 });
const u53 = fc.oneof(
  fc.maxSafeNat(),
  fc.nat(),
  fc.constantFrom(0, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1),
);

/** At which offset it failed. */
function offsetOf(action: () => unknown): number {
  let offset = -1;
  throws(action, (error) => {
    ok(error instanceof WireError, String(error));
    offset = error.offset;
    return true;
  });
  return offset;
}

Deno.test("bytes: what the writer writes, the reader reads", () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("u8" as const), value: fc.nat(0xff) }),
    fc.record({ kind: fc.constant("u16" as const), value: fc.nat(0xffff) }),
    fc.record({ kind: fc.constant("u24" as const), value: fc.nat(0xff_ffff) }),
    fc.record({ kind: fc.constant("u32" as const), value: fc.nat(0xffff_ffff) }),
    fc.record({ kind: fc.constant("u53" as const), value: u53 }),
  );
  fc.assert(fc.property(fc.array(step), fc.nat(8), bytes, (steps, capacity, tail) => {
    const writer = new ByteWriter(capacity);
    for (const { kind, value } of steps) strictEqual(writer[kind](value), writer);
    writer.put(tail).zeros(3);
    const reader = new ByteReader(writer.finish());
    strictEqual(reader.remaining, writer.length);
    for (const { kind, value } of steps) strictEqual(reader[kind](), value);
    deepStrictEqual(reader.take(tail.length), tail);
    deepStrictEqual(reader.rest(), new Uint8Array(3));
    strictEqual(reader.offset, writer.length);
    strictEqual(reader.remaining, 0);
  }));
});

Deno.test("bytes: big-endian, also above 2^31 and 2^32", () => {
  const writer = new ByteWriter(1).u8(1).u16(0x0203).u24(0x040506).u32(0xf708090a).u53(2 ** 53 - 1);
  strictEqual(toHex(writer.finish()), "010203040506f708090a001fffffffffffff");
  const all = fromHex("fefdfcfb");
  strictEqual(readU16(all, 1), 0xfdfc);
  strictEqual(readU24(all, 1), 0xfdfcfb);
  strictEqual(readU32(all, 0), 0xfefdfcfb);
  const out = new Uint8Array(6);
  writeU16(out, 0, 0x1_2345);
  writeU32(out, 2, 0xfefdfcfb);
  strictEqual(toHex(out), "2345fefdfcfb");
});

Deno.test("bytes: a reader never runs past its end, says where, and stays where it was", () => {
  for (
    const [method, size] of [["u8", 1], ["u16", 2], ["u24", 3], ["u32", 4], ["u53", 8]] as const
  ) {
    for (let left = 0; left < size; left++) {
      const reader = new ByteReader(new Uint8Array(5 + left));
      reader.take(5);
      const offset = offsetOf(() => reader[method]());
      ok(offset >= 5 && offset <= 5 + left);
    }
  }
  const reader = new ByteReader(fromHex("0102"));
  strictEqual(offsetOf(() => reader.take(3)), 0);
  strictEqual(reader.u16(), 0x0102);
  strictEqual(offsetOf(() => new ByteReader(fromHex("0020000000000000")).u53()), 0);
  strictEqual(new ByteReader(fromHex("001fffffffffffff")).u53(), Number.MAX_SAFE_INTEGER);
});

Deno.test("bytes: reading copies nothing", () => {
  const input = fromHex("010203040506");
  const reader = new ByteReader(input);
  reader.u8();
  const taken = reader.take(2);
  strictEqual(taken.buffer, input.buffer);
  strictEqual(taken.byteOffset, input.byteOffset + 1);
});

Deno.test("bytes: concat joins, in order", () => {
  fc.assert(fc.property(fc.array(bytes), (parts) => {
    deepStrictEqual([...concat(parts)], parts.flatMap((part) => [...part]));
  }));
});

Deno.test("bytes: order and equality are those of hexadecimal text", () => {
  fc.assert(fc.property(bytes, bytes, fc.nat(64), (a, b, cut) => {
    for (const [x, y] of [[a, b], [a, a.slice(0, cut)], [a, a.slice()]] as const) {
      const [hexX, hexY] = [toHex(x), toHex(y)];
      strictEqual(Math.sign(compareBytes(x, y)), hexX < hexY ? -1 : hexX > hexY ? 1 : 0);
      strictEqual(equalBytes(x, y), hexX === hexY);
    }
  }));
});

Deno.test("bytes: hexadecimal", () => {
  fc.assert(fc.property(bytes, (value) => deepStrictEqual(fromHex(toHex(value)), value)));
  strictEqual(toHex(fromHex("ABcd01")), "abcd01");
  for (const text of ["0", "0g", "00 11", "0x00", "ß"]) throws(() => fromHex(text), WireError);
});
