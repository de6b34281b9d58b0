/**
 * Reading and writing big-endian bytes. A reader never runs past its end and never copies.
 *
 * @module
 */

/** Bytes that are not what they should be. Every decoder of this project fails with this or not at all. */
export class WireError extends Error {
  override readonly name = "WireError";
  /** Where in the input, in bytes from its start. */
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/** A cursor over bytes. Every read throws {@linkcode WireError} where too few bytes are left. */
export class ByteReader {
  readonly bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.bytes.length - this.#offset;
  }

  u8(): number {
    const at = this.#advance(1);
    return this.bytes[at] as number;
  }

  u16(): number {
    const at = this.#advance(2);
    return readU16(this.bytes, at);
  }

  u24(): number {
    const at = this.#advance(3);
    return readU24(this.bytes, at);
  }

  u32(): number {
    const at = this.#advance(4);
    return readU32(this.bytes, at);
  }

  /** An unsigned 64-bit number; throws where it is above 2^53 − 1. */
  u53(): number {
    const at = this.#offset;
    const high = this.u32();
    const low = this.u32();
    if (high > 0x1f_ffff) throw new WireError("number above 2^53 - 1", at);
    return high * 0x1_0000_0000 + low;
  }

  /** The next `length` bytes, as a view of the input. */
  take(length: number): Uint8Array {
    const at = this.#advance(length);
    return this.bytes.subarray(at, at + length);
  }

  /** All that is left, as a view of the input. */
  rest(): Uint8Array {
    return this.take(this.remaining);
  }

  #advance(length: number): number {
    const at = this.#offset;
    if (length > this.bytes.length - at) {
      throw new WireError(`${length} bytes wanted, ${this.bytes.length - at} left`, at);
    }
    this.#offset = at + length;
    return at;
  }
}

/** Collects bytes into one growing buffer. */
export class ByteWriter {
  #buffer: Uint8Array;
  #length = 0;

  constructor(capacity = 64) {
    this.#buffer = new Uint8Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    const at = this.#grow(1);
    this.#buffer[at] = value;
    return this;
  }

  u16(value: number): this {
    const at = this.#grow(2);
    writeU16(this.#buffer, at, value);
    return this;
  }

  u24(value: number): this {
    const at = this.#grow(3);
    this.#buffer[at] = value >>> 16;
    writeU16(this.#buffer, at + 1, value & 0xffff);
    return this;
  }

  u32(value: number): this {
    const at = this.#grow(4);
    writeU32(this.#buffer, at, value);
    return this;
  }

  /** An unsigned number up to 2^53 − 1 in 8 bytes. */
  u53(value: number): this {
    return this.u32(Math.floor(value / 0x1_0000_0000)).u32(value % 0x1_0000_0000);
  }

  put(bytes: Uint8Array): this {
    const at = this.#grow(bytes.length);
    this.#buffer.set(bytes, at);
    return this;
  }

  /** The bytes of lower-case hexadecimal digits. @throws {WireError} where the text is anything else. */
  hex(text: string): this {
    const count = text.length >>> 1;
    if (text.length % 2 !== 0) throw new WireError("not hexadecimal", 0);
    const at = this.#grow(count);
    for (let i = 0; i < count; i++) {
      const high = digit(text.charCodeAt(2 * i));
      const low = digit(text.charCodeAt(2 * i + 1));
      this.#buffer[at + i] = high << 4 | low;
    }
    return this;
  }

  /** `count` zero bytes. */
  zeros(count: number): this {
    const at = this.#grow(count);
    this.#buffer.fill(0, at, at + count);
    return this;
  }

  /** What was written, as a view: write no more after it. */
  finish(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  /** What was written, as an array of its own; the writer is empty again. */
  take(): Uint8Array {
    const bytes = this.#buffer.slice(0, this.#length);
    this.#length = 0;
    return bytes;
  }

  /** Forgets what was written. */
  clear(): this {
    this.#length = 0;
    return this;
  }

  #grow(count: number): number {
    const at = this.#length;
    const wanted = at + count;
    if (wanted > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(wanted, this.#buffer.length * 2));
      larger.set(this.#buffer.subarray(0, at));
      this.#buffer = larger;
    }
    this.#length = wanted;
    return at;
  }
}

/** @throws {WireError} */
function digit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  if (code >= 0x61 && code <= 0x66) return code - 0x57;
  throw new WireError("not hexadecimal", 0);
}

export function readU16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}

export function readU24(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 16) | readU16(bytes, at + 1);
}

export function readU32(bytes: Uint8Array, at: number): number {
  return ((readU16(bytes, at) << 16) | readU16(bytes, at + 2)) >>> 0;
}

export function writeU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** One array of all parts. */
export function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0;
  for (const part of parts) length += part.length;
  const out = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Negative, zero or positive: lexicographic order of unsigned bytes, the shorter first. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Whether both hold the same bytes. Not for secrets: the time it takes tells where they differ. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  return bytes.toHex();
}

/**
 * Bytes of an even number of hexadecimal digits.
 * @throws {WireError} where the text is anything else.
 */
export function fromHex(text: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.fromHex(text);
  } catch {
    throw new WireError("not hexadecimal", 0);
  }
}
