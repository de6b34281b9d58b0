/**
 * What leafy clients and nodes say to each other, as a table: TLVs with the native header inside a
 * stream of purpose "leaf" (`lib/wire/preface.ts`). Types that are not in the table are skipped, so
 * that later programs may say more.
 *
 * ```text
 * 64 read     CBOR [address text, …]                                        client → node
 * 65 state    CBOR [node id, node name, [[key, at, value], …]]              node → client
 * 66 read-end CBOR [[reason, …], node name, node id, entries, [missing, …]] node → client
 * 67 publish  | guest id 8 | sequence 4 | TTL ms 4 | CBOR [[key, value], …] client → node
 * 68 ack      | guest id 8 | sequence 4 | granted ms 4 | status 1 | until 8
 *             | CBOR [node name, node id, message]                          node → client
 * 69 error    CBOR [exit code, message]                                     node → client
 * ```
 *
 * @module
 */
import { ExitCode } from "../core/errors.ts";
import type { NodeId } from "../dncp/api.ts";
import { type Entry, entryOf, MAX_KEY_BYTES, MAX_NAME_BYTES } from "../state/api.ts";
import type { RefusalReason } from "../state/mod.ts";
import { ByteReader, ByteWriter, fromHex, toHex, WireError } from "../wire/bytes.ts";
import { decodeCbor, encodeCbor, type Json } from "../wire/cbor.ts";
import { TlvFormat } from "../wire/tlv.ts";

/** Largest TLV that a client sends, in bytes. */
export const MAX_REQUEST_TLV = 0x1_1000;
/**
 * Largest TLV that a node answers with: holds the largest entry of one node. That is 96 KiB of native
 * node data, or 64 KiB of JSON in which each number of 4 characters becomes 9 bytes.
 */
export const MAX_ANSWER_TLV = 0x2_8000;
/** Addresses in one read. */
export const MAX_WANTED = 64;
/** Bytes of a guest id. */
export const GUEST_ID_BYTES = 8;

const MAX_REASONS = 16;
const MAX_LINE = 500;
/** A name with `~` and an id behind it. */
const MAX_SHOWN_NAME = MAX_NAME_BYTES + 65;
/** Longest NODE:KEY* in UTF-16 units. */
export const MAX_ADDRESS = MAX_SHOWN_NAME + MAX_KEY_BYTES + 2;

/** "What do you know?" An empty list asks for everything. */
export interface LeafRead {
  readonly type: "read";
  /** Addresses as `parseAddress` takes them. */
  readonly wanted: readonly string[];
}

/** Entries of one node. A node with many entries comes in several of these. */
export interface LeafState {
  readonly type: "state";
  readonly id: NodeId;
  readonly node: string;
  readonly entries: readonly Entry[];
}

/** The end of an answer. */
export interface LeafReadEnd {
  readonly type: "read-end";
  /** Why the picture may be partial, one line each; empty where it is complete. */
  readonly reasons: readonly string[];
  /** Who answered. */
  readonly node: string;
  readonly id: NodeId;
  /** Entries in the whole answer. */
  readonly count: number;
  /** Positions in `wanted` of the addresses that meant nothing. */
  readonly missing: readonly number[];
}

/** "Publish this for me." */
export interface LeafPublish {
  readonly type: "publish";
  /** 8 bytes in hexadecimal. */
  readonly guestId: string;
  /** Grows with the content, modulo 2^32. */
  readonly sequence: number;
  /** How long, in ms; 0 withdraws. */
  readonly ttlMs: number;
  readonly entries: readonly (readonly [key: string, value: Json])[];
}

/** What became of a publication (`spec/dncp.md` §16.4). */
export const AckStatus = {
  Published: 0,
  /** This node takes no guests. */
  NotWilling: 1,
  TooLarge: 2,
  /** An older number, or the same number with other content; the ack has the number to go beyond. */
  Stale: 3,
  TooManyGuests: 4,
  /** A key or value that cannot be published. */
  NotAllowed: 5,
} as const;
export type AckStatus = typeof AckStatus[keyof typeof AckStatus];

/** How a guest is told that the dictionary refused. */
export const STATUS_OF_REFUSAL: { readonly [reason in RefusalReason]: AckStatus } = {
  "not-allowed": AckStatus.NotAllowed,
  "too-large": AckStatus.TooLarge,
  "too-many": AckStatus.TooManyGuests,
};

/** The answer to a publication. */
export interface LeafPublishAck {
  readonly type: "ack";
  readonly guestId: string;
  readonly sequence: number;
  /** In ms; 0 where nothing is published. */
  readonly grantedMs: number;
  readonly status: AckStatus;
  /** When it ends by the node's own clock, ms since 1970; 0 where nothing is published. */
  readonly until: number;
  /** Who publishes. */
  readonly node: string;
  readonly id: NodeId;
  /** For people; empty where there is nothing to say. */
  readonly message: string;
}

/** A request that cannot be answered. */
export interface LeafError {
  readonly type: "error";
  readonly exitCode: ExitCode;
  readonly message: string;
}

export type LeafMessage =
  | LeafRead
  | LeafState
  | LeafReadEnd
  | LeafPublish
  | LeafPublishAck
  | LeafError;

interface Row<M extends LeafMessage> {
  readonly number: number;
  readonly encode: (message: M) => Uint8Array[];
  /** Reads all of the value. Throws WireError with an offset in the value. */
  readonly decode: (reader: ByteReader) => Omit<M, "type">;
}

const table: { readonly [T in LeafMessage["type"]]: Row<Extract<LeafMessage, { type: T }>> } = {
  "read": {
    number: 64,
    encode: ({ wanted }) => [encodeCbor([...wanted])],
    decode: (reader) => {
      const wanted = cbor(reader, (value) => list(value, MAX_WANTED, text(MAX_ADDRESS)));
      return { wanted };
    },
  },
  "state": {
    number: 65,
    encode: ({ id, node, entries }) => [
      encodeCbor([id, node, entries.map(({ key, at, value }) => [key, at, value])]),
    ],
    decode: (reader) =>
      cbor(reader, (value) => {
        const [id, node, entries] = tuple(value, 3);
        return { id: nodeId(id), node: shownName(node), entries: list(entries, Infinity, entry) };
      }),
  },
  "read-end": {
    number: 66,
    encode: ({ reasons, node, id, count, missing }) => [
      encodeCbor([reasons.slice(0, MAX_REASONS).map(line), node, id, count, [...missing]]),
    ],
    decode: (reader) =>
      cbor(reader, (value) => {
        const [reasons, node, id, count, missing] = tuple(value, 5);
        return {
          reasons: list(reasons, MAX_REASONS, text(MAX_LINE)),
          node: shownName(node),
          id: nodeId(id),
          count: natural(count),
          missing: list(missing, MAX_WANTED, natural),
        };
      }),
  },
  "publish": {
    number: 67,
    encode: ({ guestId, sequence, ttlMs, entries }) => [
      new ByteWriter(16).put(fromHex(guestId)).u32(sequence).u32(ttlMs).finish(),
      encodeCbor(entries.map(([key, value]) => [key, value])),
    ],
    decode: (reader) => ({
      guestId: toHex(reader.take(GUEST_ID_BYTES)),
      sequence: reader.u32(),
      ttlMs: reader.u32(),
      entries: cbor(reader, (value) => list(value, Infinity, pair)),
    }),
  },
  "ack": {
    number: 68,
    encode: ({ guestId, sequence, grantedMs, status, until, node, id, message }) => [
      new ByteWriter(25).put(fromHex(guestId)).u32(sequence).u32(grantedMs).u8(status).u53(until)
        .finish(),
      encodeCbor([node, id, line(message)]),
    ],
    decode: (reader) => {
      const guestId = toHex(reader.take(GUEST_ID_BYTES));
      const sequence = reader.u32();
      const grantedMs = reader.u32();
      const at = reader.offset;
      const status = reader.u8();
      const known = Object.values(AckStatus).find((value) => value === status);
      if (known === undefined) throw new WireError(`status ${status} of a publication`, at);
      const until = reader.u53();
      return cbor(reader, (value) => {
        const [node, id, message] = tuple(value, 3);
        return {
          ...{ guestId, sequence, grantedMs, status: known, until },
          ...{ node: shownName(node), id: nodeId(id), message: text(MAX_LINE)(message) },
        };
      });
    },
  },
  "error": {
    number: 69,
    encode: ({ exitCode, message }) => [encodeCbor([exitCode, line(message)])],
    decode: (reader) =>
      cbor(reader, (value) => {
        const [code, message] = tuple(value, 2);
        const exitCode = Object.values(ExitCode).find((known) => known === code && known !== 0);
        if (exitCode === undefined) throw misfit("an exit code");
        return { exitCode, message: text(MAX_LINE)(message) };
      }),
  },
};

const byNumber = new Map(
  Object.entries(table).map(([type, row]) => [row.number, { type, decode: row.decode }]),
);

/** One message as one TLV. Lines for people are cut to length and to one line. */
export function encodeLeaf<T extends LeafMessage["type"]>(
  message: Extract<LeafMessage, { type: T }>,
): Uint8Array {
  const row = table[message.type as T];
  return TlvFormat.native.encode(row.number, ...row.encode(message));
}

/**
 * The messages of whole TLVs, as `TlvStreamDecoder` cuts them.
 * @throws {WireError} at the first TLV that is not what its type says.
 */
export function decodeLeaf(bytes: Uint8Array): LeafMessage[] {
  const { tlvs, error } = TlvFormat.native.decode(bytes);
  const messages: LeafMessage[] = [];
  for (const { type, value } of tlvs) {
    const row = byNumber.get(type);
    if (row === undefined) continue;
    try {
      messages.push({ type: row.type, ...row.decode(new ByteReader(value)) } as LeafMessage);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      throw new WireError(
        `leafy ${row.type}: ${error.message}`,
        value.byteOffset - bytes.byteOffset + error.offset,
      );
    }
  }
  if (error !== null) throw new WireError(`leafy message cut off: ${error}`, bytes.length);
  return messages;
}

/** A line for people: no line breaks or other control characters, and not too long. */
function line(message: string): string {
  const clean = message.toWellFormed().replace(/\p{Cc}+/gu, " ");
  return clean.length <= MAX_LINE ? clean : `${clean.slice(0, MAX_LINE - 1).toWellFormed()}…`;
}

/** The rest of a value as CBOR, in the shape that `read` makes of it. */
function cbor<T>(reader: ByteReader, read: (value: Json) => T): T {
  const at = reader.offset;
  try {
    return read(decodeCbor(reader.rest()));
  } catch (error) {
    // Where inside the CBOR the misfit stands is not known; its start is.
    if (error instanceof WireError) throw new WireError(error.message, at + error.offset);
    throw error;
  }
}

function misfit(wanted: string): WireError {
  return new WireError(`${wanted} expected`, 0);
}

/** At least `length` items; later programs may send more. */
function tuple(value: Json, length: number): Json[] & { [index: number]: Json } {
  if (!Array.isArray(value) || value.length < length) throw misfit(`an array of ${length}`);
  return value;
}

function list<T>(value: Json | undefined, most: number, item: (value: Json) => T): T[] {
  if (!Array.isArray(value) || value.length > most) throw misfit(`an array of at most ${most}`);
  return value.map(item);
}

function text(most: number): (value: Json | undefined) => string {
  return (value) => {
    if (typeof value === "string" && value.length <= most && !/\p{Cc}/u.test(value)) return value;
    throw misfit(`a line of at most ${most} characters`);
  };
}

const shownName = text(MAX_SHOWN_NAME);

function nodeId(value: Json | undefined): NodeId {
  if (typeof value === "string" && /^(?:[0-9a-f]{2}){1,32}$/.test(value)) return value;
  throw misfit("a node id");
}

function natural(value: Json | undefined): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw misfit("a natural number");
}

function entry(value: Json): Entry {
  const [key, at, content] = tuple(value, 3);
  const found = entryOf(key, at, content);
  if (found === undefined) throw misfit("an entry");
  return found;
}

function pair(value: Json): [string, Json] {
  const [key, content] = tuple(value, 2);
  if (typeof key !== "string" || content === undefined) throw misfit("a key and a value");
  return [key, content];
}
