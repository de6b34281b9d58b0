/**
 * CBOR (RFC 8949) for JSON-like values: null, booleans, finite numbers, strings, arrays, and maps
 * with string keys. Written out here rather than taken from a package: the one in the lock touches
 * `globalThis.Buffer`, which costs every start of the program 8 ms, drops a leading U+FEFF from
 * strings, and overflows the stack on deep input. It serves the tests as an independent twin.
 *
 * @module
 */
import { ByteReader, ByteWriter, compareBytes, WireError } from "./bytes.ts";

/** What CBOR carries here. An own key `__proto__` is data like any other, as with `JSON.parse`. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Arrays and maps within each other, at the most. */
export const MAX_CBOR_DEPTH = 64;

/** Major types (RFC 8949 §3.1). */
export const Major = {
  Unsigned: 0,
  Negative: 1,
  Bytes: 2,
  Text: 3,
  Array: 4,
  Map: 5,
  Tag: 6,
  Other: 7,
} as const;
const FALSE = 0xf4, TRUE = 0xf5, NULL = 0xf6, FLOAT16 = 0xf9, FLOAT32 = 0xfa, FLOAT64 = 0xfb;

/** Up to here a loop over ASCII is faster than a call to the text encoder or decoder. */
const SHORT_TEXT = 32;

const utf8Decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const utf8Encoder = new TextEncoder();
const scratch = new DataView(new ArrayBuffer(8));
const scratchBytes = new Uint8Array(scratch.buffer);

/**
 * The deterministic encoding of a value (RFC 8949 §4.2.1): shortest heads, shortest floats that
 * keep the number, map keys in the order of their encodings. Integers up to ±(2^53 − 1) are never
 * floats. Minus zero becomes zero.
 *
 * ```ts
 * import { decodeCbor, encodeCbor } from "./cbor.ts";
 * const bytes = encodeCbor({ target: 21.5, on: true });
 * if (JSON.stringify(decodeCbor(bytes)) !== '{"on":true,"target":21.5}') throw new Error();
 * ```
 *
 * @throws {RangeError} at what is no JSON-like value: numbers that are not finite, `undefined`,
 * unpaired surrogates, objects of a class, or more than {@linkcode MAX_CBOR_DEPTH} levels.
 */
export function encodeCbor(value: Json): Uint8Array {
  const writer = new ByteWriter();
  writeValue(writer, value, 0);
  return writer.finish();
}

function writeValue(writer: ByteWriter, value: Json, depth: number): void {
  if (value === null) writer.u8(NULL);
  else if (typeof value === "boolean") writer.u8(value ? TRUE : FALSE);
  else if (typeof value === "number") writeNumber(writer, value);
  else if (typeof value === "string") writeCborText(writer, value);
  else if (typeof value !== "object") throw new RangeError(`${typeof value} is no JSON value`);
  else if (depth >= MAX_CBOR_DEPTH) {
    throw new RangeError(`a value nested deeper than ${MAX_CBOR_DEPTH} levels`);
  } else if (Array.isArray(value)) {
    writeCborHead(writer, Major.Array, value.length);
    for (const item of value) writeValue(writer, item, depth + 1);
  } else writeMap(writer, value, depth);
}

function writeMap(writer: ByteWriter, map: { [key: string]: Json }, depth: number): void {
  const prototype: unknown = Object.getPrototypeOf(map);
  if (prototype !== null && prototype !== Object.prototype) {
    throw new RangeError("an object of a class is no JSON value");
  }
  const keys = Object.keys(map);
  // The head of a shorter key is the smaller one, so the order of encodings is this (§4.2.1).
  if (keys.every(isAscii)) keys.sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
  else {
    const encoded = new Map(keys.map((key) => [key, utf8(key)]));
    const bytesOf = (key: string) => encoded.get(key) as Uint8Array;
    keys.sort((a, b) => {
      const [x, y] = [bytesOf(a), bytesOf(b)];
      return x.length - y.length || compareBytes(x, y);
    });
  }
  writeCborHead(writer, Major.Map, keys.length);
  for (const key of keys) {
    writeCborText(writer, key);
    writeValue(writer, map[key] as Json, depth + 1);
  }
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

function utf8(text: string): Uint8Array {
  // The encoder would write U+FFFD for these, and two different keys could become one.
  if (!text.isWellFormed()) throw new RangeError("text with an unpaired surrogate");
  return utf8Encoder.encode(text);
}

/** A text item. @throws {RangeError} at unpaired surrogates. */
export function writeCborText(writer: ByteWriter, text: string): void {
  if (text.length < SHORT_TEXT && isAscii(text)) {
    writeCborHead(writer, Major.Text, text.length);
    for (let i = 0; i < text.length; i++) writer.u8(text.charCodeAt(i));
    return;
  }
  const bytes = utf8(text);
  writeCborHead(writer, Major.Text, bytes.length);
  writer.put(bytes);
}

function writeNumber(writer: ByteWriter, value: number): void {
  if (Number.isSafeInteger(value)) {
    if (value >= 0) writeCborHead(writer, Major.Unsigned, value);
    else writeCborHead(writer, Major.Negative, -1 - value);
  } else if (!Number.isFinite(value)) {
    throw new RangeError(`${value} is no JSON value`);
  } else if (Math.f16round(value) === value) {
    scratch.setFloat16(0, value);
    writer.u8(FLOAT16).put(scratchBytes.subarray(0, 2));
  } else if (Math.fround(value) === value) {
    scratch.setFloat32(0, value);
    writer.u8(FLOAT32).put(scratchBytes.subarray(0, 4));
  } else {
    scratch.setFloat64(0, value);
    writer.u8(FLOAT64).put(scratchBytes);
  }
}

/** Initial byte and argument (RFC 8949 §3), in the shortest form. */
export function writeCborHead(writer: ByteWriter, major: number, argument: number): void {
  const type = major << 5;
  if (argument < 24) writer.u8(type | argument);
  else if (argument < 0x100) writer.u8(type | 24).u8(argument);
  else if (argument < 0x1_0000) writer.u8(type | 25).u16(argument);
  else if (argument < 0x1_0000_0000) writer.u8(type | 26).u32(argument);
  else writer.u8(type | 27).u53(argument);
}

/**
 * The one value that `bytes` hold. Heads and floats longer than needed and keys in another order
 * are taken from other writers; what JSON cannot say (byte strings, tags, `undefined`, NaN,
 * infinities, integers beyond ±(2^53 − 1), keys that are not text), keys that come twice, lengths
 * left open, and bytes behind the value are not.
 *
 * @throws {WireError}
 */
export function decodeCbor(bytes: Uint8Array): Json {
  const reader = new ByteReader(bytes);
  const value = readValue(reader, 0);
  if (reader.remaining > 0) {
    throw new WireError(`${reader.remaining} bytes behind the CBOR value`, reader.offset);
  }
  return value;
}

function readValue(reader: ByteReader, depth: number): Json {
  const at = reader.offset;
  const initial = reader.u8();
  switch (initial >>> 5) {
    case Major.Unsigned:
      return readArgument(reader, initial);
    case Major.Negative: {
      const value = -1 - readArgument(reader, initial);
      if (!Number.isSafeInteger(value)) throw new WireError("number below -(2^53 - 1)", at);
      return value;
    }
    case Major.Text:
      return readText(reader, initial);
    case Major.Array:
      return readArray(reader, initial, depth);
    case Major.Map:
      return readMap(reader, initial, depth);
    case Major.Other:
      return readOther(reader, initial);
    default:
      throw new WireError(`CBOR item 0x${initial.toString(16)} is no JSON value`, at);
  }
}

/** The argument of an initial byte (RFC 8949 §3); lengths left open (31) are refused. */
function readArgument(reader: ByteReader, initial: number): number {
  const info = initial & 31;
  if (info < 24) return info;
  if (info === 24) return reader.u8();
  if (info === 25) return reader.u16();
  if (info === 26) return reader.u32();
  if (info === 27) return reader.u53();
  throw new WireError(`CBOR head 0x${initial.toString(16)} is not supported`, reader.offset - 1);
}

function readText(reader: ByteReader, initial: number): string {
  const length = readArgument(reader, initial);
  const at = reader.offset;
  return cborTextOf(reader.take(length), at);
}

/** The text of UTF-8 that stands at the offset `at`. @throws {WireError} where it is none. */
export function cborTextOf(bytes: Uint8Array, at: number): string {
  if (bytes.length < SHORT_TEXT) {
    let text = "";
    let i = 0;
    for (; i < bytes.length; i++) {
      const unit = bytes[i] as number;
      if (unit > 0x7f) break;
      text += String.fromCharCode(unit);
    }
    if (i === bytes.length) return text;
  }
  try {
    return utf8Decoder.decode(bytes);
  } catch {
    throw new WireError("text that is not UTF-8", at);
  }
}

function readArray(reader: ByteReader, initial: number, depth: number): Json[] {
  const count = readCount(reader, initial, 1, depth);
  // Grown item by item: a count alone must not make us allocate.
  const array: Json[] = [];
  for (let i = 0; i < count; i++) array.push(readValue(reader, depth + 1));
  return array;
}

function readMap(reader: ByteReader, initial: number, depth: number): { [key: string]: Json } {
  const count = readCount(reader, initial, 2, depth);
  const map: { [key: string]: Json } = {};
  for (let i = 0; i < count; i++) {
    const at = reader.offset;
    const keyInitial = reader.u8();
    if (keyInitial >>> 5 !== Major.Text) throw new WireError("map key that is not text", at);
    const key = readText(reader, keyInitial);
    if (Object.hasOwn(map, key)) throw new WireError("map key that comes twice", at);
    const value = readValue(reader, depth + 1);
    if (key === "__proto__") {
      // With `--unstable-unsafe-proto`, an assignment would set the prototype instead.
      Object.defineProperty(map, key, {
        value,
        writable: true,
        enumerable: true,
        configurable: true,
      });
    } else map[key] = value;
  }
  return map;
}

/** How many items, each of at least `least` bytes, an array or map has. */
function readCount(reader: ByteReader, initial: number, least: number, depth: number): number {
  const at = reader.offset - 1;
  if (depth >= MAX_CBOR_DEPTH) {
    throw new WireError(`CBOR nested deeper than ${MAX_CBOR_DEPTH} levels`, at);
  }
  const count = readArgument(reader, initial);
  if (count * least > reader.remaining) {
    throw new WireError(`${count} items announced, ${reader.remaining} bytes left`, at);
  }
  return count;
}

function readOther(reader: ByteReader, initial: number): Json {
  const at = reader.offset - 1;
  if (initial === FALSE) return false;
  if (initial === TRUE) return true;
  if (initial === NULL) return null;
  let value: number;
  if (initial === FLOAT16) {
    scratch.setUint16(0, reader.u16());
    value = scratch.getFloat16(0);
  } else if (initial === FLOAT32) {
    scratch.setUint32(0, reader.u32());
    value = scratch.getFloat32(0);
  } else if (initial === FLOAT64) {
    scratch.setUint32(0, reader.u32());
    scratch.setUint32(4, reader.u32());
    value = scratch.getFloat64(0);
  } else {
    throw new WireError(`CBOR item 0x${initial.toString(16)} is no JSON value`, at);
  }
  if (!Number.isFinite(value)) throw new WireError(`${value} is no JSON value`, at);
  return value;
}
