/**
 * CBOR (RFC 8949) beyond JSON: byte strings, maps with integer keys, lengths left open. For formats
 * whose own table says which item stands where.
 *
 * @module
 */
import { ByteReader, concat, WireError } from "./bytes.ts";
import { cborTextOf, Major, MAX_CBOR_DEPTH } from "./cbor.ts";

/** What no format here uses, but may stand where a reader looks away: tags, `undefined`, big integers. */
export class OtherItem {
  /** For messages to people. */
  readonly what: string;
  constructor(what: string) {
    this.what = what;
  }
}

/** One item. Byte strings are views of the input where they came in one piece. */
export type Item =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | readonly Item[]
  | ReadonlyMap<Item, Item>
  | OtherItem;

const BREAK = 0xff;
const OPEN_ENDED = 31;

/**
 * The one item that `bytes` hold. Any well-formed CBOR is taken; an integral float becomes an
 * integer by being a number. Not taken: a map with the same key twice, and bytes behind the item.
 *
 * @throws {WireError}
 */
export function readCborItem(bytes: Uint8Array): Item {
  const reader = new ByteReader(bytes);
  const item = readItem(reader, 0);
  if (reader.remaining > 0) {
    throw new WireError(`${reader.remaining} bytes behind the CBOR item`, reader.offset);
  }
  return item;
}

/**
 * The items that `bytes` hold one after the other (a CBOR sequence, RFC 8742).
 *
 * @throws {WireError}
 */
export function readCborItems(bytes: Uint8Array): Item[] {
  const reader = new ByteReader(bytes);
  const items: Item[] = [];
  while (reader.remaining > 0) items.push(readItem(reader, 0));
  return items;
}

function readItem(reader: ByteReader, depth: number): Item {
  const at = reader.offset;
  if (depth >= MAX_CBOR_DEPTH) {
    throw new WireError(`CBOR nested deeper than ${MAX_CBOR_DEPTH} levels`, at);
  }
  const initial = reader.u8();
  const info = initial & 31;
  switch (initial >>> 5) {
    case Major.Unsigned:
      return readInteger(reader, info, (value) => value);
    case Major.Negative:
      return readInteger(reader, info, (value) => -1 - value);
    case Major.Bytes:
      return readString(reader, info, Major.Bytes);
    case Major.Text:
      return cborTextOf(readString(reader, info, Major.Text), at);
    case Major.Array:
      return readArray(reader, info, depth);
    case Major.Map:
      return readMap(reader, info, depth);
    case Major.Tag: {
      const tag = readInteger(reader, info, (value) => value);
      readItem(reader, depth + 1);
      return new OtherItem(`tag ${typeof tag === "number" ? tag : "above 2^53"}`);
    }
    default:
      return readOther(reader, initial, at);
  }
}

/** The argument of a head (RFC 8949 §3) as a number, or what stands for one above 2⁵³ − 1. */
function readInteger(
  reader: ByteReader,
  info: number,
  make: (value: number) => number,
): number | OtherItem {
  const value = readArgument(reader, info);
  const made = make(value);
  return Number.isSafeInteger(made) ? made : new OtherItem("an integer above 2^53");
}

/** Inexact above 2⁵³. */
function readArgument(reader: ByteReader, info: number): number {
  if (info < 24) return info;
  if (info === 24) return reader.u8();
  if (info === 25) return reader.u16();
  if (info === 26) return reader.u32();
  if (info === 27) return reader.u32() * 0x1_0000_0000 + reader.u32();
  throw new WireError(`CBOR head with the reserved value ${info}`, reader.offset - 1);
}

function readString(reader: ByteReader, info: number, major: number): Uint8Array {
  if (info !== OPEN_ENDED) return reader.take(readArgument(reader, info));
  const chunks: Uint8Array[] = [];
  for (;;) {
    const at = reader.offset;
    const initial = reader.u8();
    if (initial === BREAK) break;
    if (initial >>> 5 !== major || (initial & 31) === OPEN_ENDED) {
      throw new WireError("a chunk of another kind in a CBOR string", at);
    }
    const chunk = reader.take(readArgument(reader, initial & 31));
    if (major === Major.Text) cborTextOf(chunk, at); // RFC 8949 §3.2.3: each chunk is valid by itself.
    chunks.push(chunk);
  }
  return concat(chunks);
}

function readArray(reader: ByteReader, info: number, depth: number): Item[] {
  // Grown item by item: a count alone must not make us allocate.
  const items: Item[] = [];
  if (info === OPEN_ENDED) {
    while (!atBreak(reader)) items.push(readItem(reader, depth + 1));
    return items;
  }
  const count = readArgument(reader, info);
  checkCount(reader, count);
  for (let i = 0; i < count; i++) items.push(readItem(reader, depth + 1));
  return items;
}

function readMap(reader: ByteReader, info: number, depth: number): Map<Item, Item> {
  const map = new Map<Item, Item>();
  /** Keys that `Map` would not compare by value, as they stand in the input. */
  let others: Set<string> | undefined;
  const pair = () => {
    const at = reader.offset;
    const key = readItem(reader, depth + 1);
    if (typeof key === "object" && key !== null) {
      const text = reader.bytes.subarray(at, reader.offset).toHex();
      others ??= new Set();
      if (others.has(text)) throw new WireError("map key that comes twice", at);
      others.add(text);
    } else if (map.has(key)) throw new WireError("map key that comes twice", at);
    map.set(key, readItem(reader, depth + 1));
  };
  if (info === OPEN_ENDED) {
    while (!atBreak(reader)) pair();
    return map;
  }
  const count = readArgument(reader, info);
  checkCount(reader, count * 2);
  for (let i = 0; i < count; i++) pair();
  return map;
}

function checkCount(reader: ByteReader, items: number): void {
  if (items > reader.remaining) {
    throw new WireError(`${items} items announced, ${reader.remaining} bytes left`, reader.offset);
  }
}

/** Consumes the end of an item whose length was left open. */
function atBreak(reader: ByteReader): boolean {
  if (reader.remaining === 0) throw new WireError("CBOR item without an end", reader.offset);
  if (reader.bytes[reader.offset] !== BREAK) return false;
  reader.u8();
  return true;
}

function readOther(reader: ByteReader, initial: number, at: number): Item {
  const info = initial & 31;
  if (info === 20 || info === 21) return info === 21;
  if (info === 22) return null;
  if (info === 25) return floatOf(reader.take(2));
  if (info === 26) return floatOf(reader.take(4));
  if (info === 27) return floatOf(reader.take(8));
  if (info < 24) return new OtherItem(`simple value ${info}`);
  if (info === 24) {
    const value = reader.u8();
    if (value < 32) throw new WireError(`simple value ${value} in two bytes`, at);
    return new OtherItem(`simple value ${value}`);
  }
  throw new WireError(`CBOR head 0x${initial.toString(16)} where an item was due`, at);
}

function floatOf(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length === 2) return view.getFloat16(0);
  return bytes.length === 4 ? view.getFloat32(0) : view.getFloat64(0);
}
