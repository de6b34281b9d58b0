/**
 * Type-length-value framing, in the two header forms that this project speaks. This file knows
 * headers, lengths and padding; what a type means is the business of each protocol's own table.
 *
 * @module
 */
import { concat, readU16, readU24, WireError } from "./bytes.ts";
import { StreamCutter } from "./cutter.ts";

/** One TLV as it stood on the wire. All arrays are views of the input. */
export interface RawTlv {
  readonly type: number;
  /** Bytes of `value`; padding does not count. */
  readonly length: number;
  readonly value: Uint8Array;
  /** Header, value and padding. */
  readonly encoded: Uint8Array;
}

/** Why decoding stopped early. What was decoded before stands. */
export type TlvError = "truncated-header" | "length-past-end";
/** What was odd without stopping the decoder. */
export type TlvWarning =
  | "missing-final-padding"
  | "nonzero-padding"
  | "short-fixed-fields"
  | "bad-sub-tlv"
  | "bad-json"
  | "bad-pair";

/** The outcome of decoding a sequence of TLVs. */
export interface TlvSequence {
  readonly tlvs: RawTlv[];
  readonly error: TlvError | null;
  readonly warnings: TlvWarning[];
}

/** A TLV header form. */
export class TlvFormat {
  readonly headerBytes = 4;
  /** The largest type number. */
  readonly maxType: number;
  /** The largest length of a value. */
  readonly maxLength: number;
  /** Every TLV ends on a multiple of this. */
  readonly alignment: 1 | 4;
  readonly #wideLength: boolean;

  private constructor(wideLength: boolean, alignment: 1 | 4) {
    this.#wideLength = wideLength;
    this.maxType = wideLength ? 0xff : 0xffff;
    this.maxLength = wideLength ? 0xff_ffff : 0xffff;
    this.alignment = alignment;
  }

  /** RFC 7787 §7: type 2, length 2, value, zero padding to a multiple of 4. */
  static readonly rfc7787 = new TlvFormat(false, 4);
  /** The native profile: type 1, length 3, value, no padding. */
  static readonly native = new TlvFormat(true, 1);

  /** Padding bytes behind a value of `length` bytes. */
  padding(length: number): number {
    return this.alignment === 1 ? 0 : (4 - (length % 4)) % 4;
  }

  /** Bytes on the wire for a value of `length` bytes. */
  size(length: number): number {
    return this.headerBytes + length + this.padding(length);
  }

  /** One TLV with its padding. Throws `RangeError` where type or value do not fit the header. */
  encode(type: number, ...parts: Uint8Array[]): Uint8Array {
    let length = 0;
    for (const part of parts) length += part.length;
    const out = this.blank(type, length);
    let at = this.headerBytes;
    for (const part of parts) {
      out.set(part, at);
      at += part.length;
    }
    return out;
  }

  /** One TLV whose value is `length` zeros, to be filled in. Throws as {@linkcode encode}. */
  blank(type: number, length: number): Uint8Array {
    if (type < 0 || type > this.maxType) throw new RangeError(`TLV type ${type}`);
    if (length > this.maxLength) throw new RangeError(`TLV value of ${length} bytes`);
    const out = new Uint8Array(this.size(length));
    if (this.#wideLength) {
      out[0] = type;
      out[1] = length >>> 16;
    } else {
      out[0] = type >>> 8;
      out[1] = type;
    }
    out[2] = length >>> 8;
    out[3] = length;
    return out;
  }

  /** Type and length of the header at `at`, which must lie wholly inside `bytes`. */
  header(bytes: Uint8Array, at: number): { type: number; length: number } {
    return this.#wideLength
      ? { type: bytes[at] as number, length: readU24(bytes, at + 1) }
      : { type: readU16(bytes, at), length: readU16(bytes, at + 2) };
  }

  /** All TLVs of a buffer. Never throws: any bytes give a sequence and perhaps an error. */
  decode(bytes: Uint8Array): TlvSequence {
    const tlvs: RawTlv[] = [];
    const warnings: TlvWarning[] = [];
    let at = 0;
    while (at < bytes.length) {
      if (bytes.length - at < this.headerBytes) {
        return { tlvs, error: "truncated-header", warnings };
      }
      const { type, length } = this.header(bytes, at);
      const start = at + this.headerBytes;
      const end = start + length;
      if (end > bytes.length) return { tlvs, error: "length-past-end", warnings };
      let next = end + this.padding(length);
      if (next > bytes.length) {
        warnings.push("missing-final-padding");
        next = bytes.length;
      }
      for (let i = end; i < next; i++) {
        if (bytes[i] !== 0) {
          warnings.push("nonzero-padding");
          break;
        }
      }
      tlvs.push({
        type,
        length,
        value: bytes.subarray(start, end),
        encoded: bytes.subarray(at, next),
      });
      at = next;
    }
    return { tlvs, error: null, warnings };
  }
}

/**
 * Cuts a byte stream into TLVs: a TLV is taken once it is there whole. Holds at most one TLV of
 * `limit` bytes.
 */
export class TlvStreamDecoder {
  readonly #cutter: StreamCutter;

  /** `limit`: the largest TLV, header and padding included, that a stream may carry. */
  constructor(format: TlvFormat, limit: number) {
    this.#cutter = new StreamCutter(format.headerBytes, (bytes, at) => {
      const size = format.size(format.header(bytes, at).length);
      if (size > limit) throw new WireError(`TLV of ${size} bytes, ${limit} allowed`, at);
      return size;
    });
  }

  /** Bytes kept until their TLV is whole. */
  get buffered(): number {
    return this.#cutter.buffered;
  }

  /**
   * Feed bytes as they came; returns the whole TLVs, one after the other, as one buffer of its own.
   * @throws {WireError} at a TLV above the limit: the stream cannot be followed any further.
   */
  feed(bytes: Uint8Array): Uint8Array {
    const { first, run } = this.#cutter.feed(bytes);
    return first ? concat([first, run]) : run.slice();
  }
}
