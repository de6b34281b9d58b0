/** ELF64 as far as padding needs it. */
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { ElfError, LARGEST_PAGE, padLastSegment, readElf } from "../../tools/build/elf.ts";

/** A header and these loadable segments: address, size in the file, size in memory. */
function elf(...segments: (readonly [bigint, bigint, bigint])[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(64 + 56 * segments.length);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(0x12, 183, true);
  view.setBigUint64(0x20, 64n, true);
  view.setUint16(0x36, 56, true);
  view.setUint16(0x38, segments.length, true);
  for (const [i, [address, inFile, inMemory]] of segments.entries()) {
    const at = 64 + 56 * i;
    view.setUint32(at, 1, true);
    view.setBigUint64(at + 0x10, address, true);
    view.setBigUint64(at + 0x20, inFile, true);
    view.setBigUint64(at + 0x28, inMemory, true);
  }
  return bytes;
}

Deno.test("the last segment of a padded file ends on a page boundary, and only its size differs", () => {
  // The last one in memory, which need not be the last one in the file.
  const file = elf([0x1000n, 16n, 16n], [0x53fea30n, 0x4a190n, 0x774c8n], [0x2000n, 8n, 8n]);
  const padded = padLastSegment(file);
  deepStrictEqual(
    readElf(padded).segments.map(({ memorySize }) => memorySize),
    [16n, 0x815d0n, 8n],
  );
  strictEqual((0x53fea30n + 0x815d0n) % BigInt(LARGEST_PAGE), 0n);
  const differing = [...padded.keys()].filter((at) => padded[at] !== file[at]);
  const field = 64 + 56 + 0x28;
  ok(differing.every((at) => at >= field && at < field + 8), String(differing));
  strictEqual(readElf(padded).machine, 183);
});

Deno.test("padding what is padded changes nothing", () => {
  fc.assert(fc.property(
    fc.bigInt(0n, 1n << 40n),
    fc.bigInt(0n, 1n << 30n),
    fc.constantFrom(0x1000, 0x4000, 0x10000),
    (address, size, page) => {
      const padded = padLastSegment(elf([address, 0n, size]), page);
      const [{ memorySize } = { memorySize: 0n }] = readElf(padded).segments;
      strictEqual((address + memorySize) % BigInt(page), 0n);
      ok(memorySize >= size && memorySize < size + BigInt(page));
      deepStrictEqual(padLastSegment(padded, page), padded);
    },
  ));
});

Deno.test("what is no ELF64 file is told, with the offset", () => {
  const broken = (change: (view: DataView) => void) => {
    const bytes = elf([0n, 1n, 1n]);
    change(new DataView(bytes.buffer));
    return bytes;
  };
  for (
    const [bytes, offset] of [
      [new Uint8Array(63), 63],
      [broken((view) => view.setUint8(1, 0)), 0],
      [broken((view) => view.setUint8(4, 1)), 4],
      [broken((view) => view.setUint8(5, 2)), 5],
      [broken((view) => view.setUint16(0x36, 32, true)), 0x36],
      [broken((view) => view.setUint16(0x38, 2, true)), 0x20],
      [broken((view) => view.setBigUint64(0x20, ~0n, true)), 0x20],
      [broken((view) => view.setBigUint64(64 + 0x28, 0n, true)), 64 + 0x28],
      [broken((view) => view.setBigUint64(64 + 0x10, ~0n, true)), 64],
      [elf(), 0x38],
    ] as const
  ) {
    throws(() => padLastSegment(bytes), (error) => {
      ok(error instanceof ElfError);
      strictEqual(error.offset, offset, error.message);
      return true;
    });
  }
});

Deno.test("any bytes give an ELF file or an ElfError", () => {
  const start = [0x7f, 0x45, 0x4c, 0x46, 2, 1];
  const bytes = fc.tuple(fc.boolean(), fc.uint8Array({ maxLength: 300 })).map(([real, rest]) =>
    new Uint8Array(real ? [...start, ...rest] : rest)
  );
  fc.assert(fc.property(bytes, (bytes) => {
    try {
      padLastSegment(bytes);
    } catch (error) {
      ok(error instanceof ElfError, String(error));
    }
  }));
});
