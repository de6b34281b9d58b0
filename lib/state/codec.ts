/**
 * How entries stand in node data. One codec a profile; the native one is here.
 *
 * @module
 */
import { decodeCbor, encodeCbor } from "../wire/cbor.ts";
import { compareBytes, WireError } from "../wire/bytes.ts";
import { TlvFormat } from "../wire/tlv.ts";
import { type Entry, entryOf } from "./entry.ts";

/** What decoding node data gave. */
export interface DecodedState {
  readonly entries: Map<string, Entry>;
  /** TLVs that should hold entries and do not, or node data that breaks off. */
  readonly bad: number;
}

/** Entries ⇄ TLVs of node data. */
export interface StateCodec {
  /** Bytes of node data that the encoding of no entries takes. */
  readonly overhead: number;
  /** Whether entries stand in TLVs of this type. */
  reads(type: number): boolean;
  /** Bytes of node data that this entry adds. Encodings of several entries add up. */
  sizeOf(entry: Entry): number;
  /**
   * Whole TLVs in the order of node data (RFC 7787 §7.2.3). The same entries give the same bytes,
   * in whatever order they come.
   */
  encode(entries: Iterable<Entry>): Uint8Array[];
  /**
   * Any bytes. TLVs of other types are ignored; of two entries with one key the later wins.
   */
  decode(nodeData: Uint8Array): DecodedState;
}

/** TLV `State`: CBOR [key, at, value]. */
export const STATE_TLV = 33;

/** The codec of the native profile. Encodings are kept for as long as the entry object lives. */
export class NativeStateCodec implements StateCodec {
  readonly overhead = 0;
  readonly #encoded = new WeakMap<Entry, Uint8Array>();

  reads(type: number): boolean {
    return type === STATE_TLV;
  }

  sizeOf(entry: Entry): number {
    return this.#encode(entry).length;
  }

  encode(entries: Iterable<Entry>): Uint8Array[] {
    return Array.from(entries, (entry) => this.#encode(entry)).sort(compareBytes);
  }

  decode(nodeData: Uint8Array): DecodedState {
    const entries = new Map<string, Entry>();
    const { tlvs, error } = TlvFormat.native.decode(nodeData);
    let bad = error === null ? 0 : 1;
    for (const { type, value } of tlvs) {
      if (type !== STATE_TLV) continue;
      const entry = decodeEntry(value);
      if (entry === undefined) {
        bad++;
        continue;
      }
      // Deleted first, so that the order of the map is the order of the node data.
      entries.delete(entry.key);
      entries.set(entry.key, entry);
    }
    return { entries, bad };
  }

  #encode(entry: Entry): Uint8Array {
    let encoded = this.#encoded.get(entry);
    if (encoded === undefined) {
      encoded = TlvFormat.native.encode(
        STATE_TLV,
        encodeCbor([entry.key, entry.at, entry.value]),
      );
      this.#encoded.set(entry, encoded);
    }
    return encoded;
  }
}

function decodeEntry(bytes: Uint8Array): Entry | undefined {
  let parts;
  try {
    parts = decodeCbor(bytes);
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
  if (!Array.isArray(parts) || parts.length !== 3) return undefined;
  return entryOf(parts[0], parts[1], parts[2]);
}
