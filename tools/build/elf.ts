/**
 * As much of ELF64 as padding needs. `deno compile` maps what it embeds right behind the last segment,
 * at the next 4 KiB. On a kernel with larger pages (a Raspberry Pi 5 boots one with 16 KiB) both then
 * share a page, and the tail of .bss with it: the program crashes. A base whose last segment ends on a
 * page of the largest size has nothing to share.
 *
 * Fields: System V ABI, chapter 4 (ELF header) and 5 (program header).
 *
 * @module
 */

/** The largest pages of an aarch64 kernel, in bytes. */
export const LARGEST_PAGE = 0x10000;

const HEADER_SIZE = 64;
const PROGRAM_HEADER_SIZE = 56;
const PT_LOAD = 1;

/** A file that is not an ELF64 executable, or a broken one; `offset` is where it is wrong. */
export class ElfError extends Error {
  override readonly name = "ElfError";
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(`${message} (at byte ${offset})`);
    this.offset = offset;
  }
}

/** A loadable segment. */
export interface Segment {
  /** Where its program header stands in the file. */
  readonly header: number;
  readonly address: bigint;
  readonly fileSize: bigint;
  readonly memorySize: bigint;
}

/** What is read of a file. */
export interface Elf {
  /** `e_machine`. */
  readonly machine: number;
  /** PT_LOAD segments in the order of the file. */
  readonly segments: readonly Segment[];
}

/**
 * Reads the header and the loadable segments.
 *
 * @throws {ElfError} where it is no little-endian ELF64 file, or its program headers do not fit.
 */
export function readElf(bytes: Uint8Array): Elf {
  const view = viewOf(bytes);
  if (bytes.length < HEADER_SIZE) throw new ElfError("too short for an ELF header", bytes.length);
  if (view.getUint32(0) !== 0x7f454c46) throw new ElfError("not an ELF file", 0);
  if (view.getUint8(4) !== 2) throw new ElfError("not a 64-bit ELF file", 4);
  if (view.getUint8(5) !== 1) throw new ElfError("not a little-endian ELF file", 5);
  const start = view.getBigUint64(0x20, true);
  const size = view.getUint16(0x36, true);
  const count = view.getUint16(0x38, true);
  if (size !== PROGRAM_HEADER_SIZE) throw new ElfError(`program headers of ${size} bytes`, 0x36);
  if (start + BigInt(count * size) > BigInt(bytes.length)) {
    throw new ElfError("the program headers lie outside of the file", 0x20);
  }
  const segments: Segment[] = [];
  for (let i = 0; i < count; i++) {
    const header = Number(start) + i * size;
    if (view.getUint32(header, true) !== PT_LOAD) continue;
    const segment = {
      header,
      address: view.getBigUint64(header + 0x10, true),
      fileSize: view.getBigUint64(header + 0x20, true),
      memorySize: view.getBigUint64(header + 0x28, true),
    };
    if (segment.memorySize < segment.fileSize) {
      throw new ElfError("a segment is smaller in memory than in the file", header + 0x28);
    }
    segments.push(segment);
  }
  return { machine: view.getUint16(0x12, true), segments };
}

/**
 * A copy whose last loadable segment ends on a boundary of `page` in memory. Eight bytes differ, or
 * none where it does so already.
 *
 * @throws {ElfError} as {@linkcode readElf}, where there is no loadable segment, or no room behind it.
 */
export function padLastSegment(
  bytes: Uint8Array,
  page: number = LARGEST_PAGE,
): Uint8Array<ArrayBuffer> {
  const [first, ...rest] = readElf(bytes).segments;
  if (first === undefined) throw new ElfError("no loadable segment", 0x38);
  const last = rest.reduce((last, one) => one.address >= last.address ? one : last, first);
  const mask = BigInt(page) - 1n;
  const end = (last.address + last.memorySize + mask) & ~mask;
  if (end >= 1n << 47n) throw new ElfError("the last segment ends outside of memory", last.header);
  const padded = new Uint8Array(bytes);
  viewOf(padded).setBigUint64(last.header + 0x28, end - last.address, true);
  return padded;
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
