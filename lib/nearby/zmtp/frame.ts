/**
 * Frames: flags, length, body (`spec/networkzero.md §7.2`).
 *
 * @module
 */
import { readU32, WireError, writeU32 } from "../../wire/bytes.ts";

export const MORE = 0x01;
export const LONG = 0x02;
export const COMMAND = 0x04;

/** Largest body that is taken, in octets. */
export const MAX_BODY = 64 * 1024 * 1024;
/** Bodies from this on have a length of eight octets. */
const LONG_FROM = 256;
/** Least room for what is not whole yet. */
const LEAST_ROOM = 256;

/** Octets of a frame with a body of that length. */
export function frameBytes(bodyLength: number): number {
  return bodyLength < LONG_FROM ? 2 + bodyLength : 9 + bodyLength;
}

/** Writes flags and length at `at`, where there must be room. Returns where the body goes. */
export function writeHeader(into: Uint8Array, at: number, flags: number, length: number): number {
  if (length < LONG_FROM) {
    into[at] = flags;
    into[at + 1] = length;
    return at + 2;
  }
  into[at] = flags | LONG;
  writeU32(into, at + 1, Math.floor(length / 0x1_0000_0000));
  writeU32(into, at + 5, length >>> 0);
  return at + 9;
}

/** One frame. */
export function encodeFrame(flags: number, body: Uint8Array): Uint8Array {
  const out = new Uint8Array(frameBytes(body.length));
  out.set(body, writeHeader(out, 0, flags, body.length));
  return out;
}

/** One message: all frames but the last say that more follow. */
export function encodeMessage(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, { length }) => sum + frameBytes(length), 0));
  let at = 0;
  for (const [i, part] of parts.entries()) {
    at = writeHeader(out, at, i < parts.length - 1 ? MORE : 0, part.length);
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/**
 * Cuts a stream into frames. What was pushed is the reader's: bodies are views of it, where they
 * came in one piece. Its memory grows with what came, never with what a length announces.
 */
export class FrameReader {
  /** Longest body that is taken, in octets. May be changed between frames. */
  limit: number;
  /** Of the frame that {@linkcode next} found. */
  flags = 0;
  body: Uint8Array = new Uint8Array(0);
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  #end = 0;
  /** `#bytes` has room after `#end` that nobody else uses. */
  #roomy = false;
  /** Octets of the frame under way, as far as known. */
  #need = 0;
  /** Octets of the stream before `#bytes`, for errors. */
  #before = 0;

  constructor(limit = MAX_BODY) {
    this.limit = limit;
  }

  /** Octets that were pushed and not handed out. */
  get buffered(): number {
    return this.#end - this.#at;
  }

  push(bytes: Uint8Array): void {
    const left = this.#end - this.#at;
    if (left === 0) {
      this.#before += this.#end;
      this.#bytes = bytes;
      this.#at = 0;
      this.#end = bytes.length;
      this.#roomy = false;
      return;
    }
    const length = left + bytes.length;
    if (!this.#roomy || this.#end + bytes.length > this.#bytes.length) {
      const room = Math.max(length, LEAST_ROOM, Math.min(this.#need, 2 * length));
      const larger = new Uint8Array(room);
      larger.set(this.#bytes.subarray(this.#at, this.#end));
      this.#before += this.#at;
      this.#bytes = larger;
      this.#at = 0;
      this.#end = left;
      this.#roomy = true;
    }
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /**
   * Moves to the next frame; false where it is not whole yet.
   * @throws {WireError} where none can follow any more: close the connection.
   */
  next(): boolean {
    const at = this.#at;
    const have = this.#end - at;
    if (have < 2) return false;
    const bytes = this.#bytes;
    const flags = bytes[at] as number;
    if (flags > (LONG | MORE) && (flags & ~LONG) !== COMMAND) {
      throw new WireError(`frame flags ${flags.toString(16)}`, this.#before + at);
    }
    let header = 2;
    let length = bytes[at + 1] as number;
    if ((flags & LONG) !== 0) {
      header = 9;
      if (have < header) return false;
      length = readU32(bytes, at + 1) * 0x1_0000_0000 + readU32(bytes, at + 5);
    }
    if (length > this.limit) {
      throw new WireError(`a frame of more than ${this.limit} octets`, this.#before + at);
    }
    const total = header + length;
    if (have < total) {
      this.#need = total;
      return false;
    }
    this.flags = flags & ~LONG;
    this.body = bytes.subarray(at + header, at + total);
    this.#at = at + total;
    return true;
  }
}
