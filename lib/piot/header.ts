/**
 * Message headers (spec/piot.md §9): encoded once by who makes the message, and carried as octets.
 *
 * @module
 */
import { ByteWriter } from "../wire/bytes.ts";
import { readCborItem } from "../wire/cbor_items.ts";
import {
  id,
  optional,
  readFields,
  required,
  text,
  uint,
  type ValuesOf,
  writeFields,
} from "./fields.ts";

/** What a message is. */
export const MessageKind = {
  Data: 0,
  Request: 1,
  Result: 2,
  Cancel: 3,
  Progress: 4,
  /** Only keeps the numbers contiguous (§7). */
  Tombstone: 15,
} as const;

/** Keys above belong to applications. */
const FIRST_OF_APPLICATIONS = 32;

const HEADER = {
  kind: required(1, uint),
  /** Topic or action. */
  name: optional(2, text),
  /** Action id; required for kinds 1 to 4. */
  correlation: optional(3, id),
  /** ms since 1970, sender's clock; informative. */
  created: optional(4, uint),
  /** Of the body; without, `application/cbor`. */
  type: optional(5, text),
  /** ms that the executor has, counted from receipt. */
  timeout: optional(6, uint),
  /** Where the message started, if not at the sender. */
  origin: optional(7, id),
  /** Where it should end, if not at the receiver. */
  target: optional(8, id),
  /** Times passed on. */
  hops: optional(9, uint),
  /** Of a result. */
  status: optional(10, uint),
  /** Parent of an aggregated action. */
  group: optional(11, id),
  /** Message id at the origin, kept when passed on. */
  original: optional(12, id),
  /** How deep aggregates are nested (§11): the first key of applications. */
  nesting: optional(FIRST_OF_APPLICATIONS, uint),
} as const;

/** A decoded header. */
export type Header = ValuesOf<typeof HEADER>;

export const CBOR_BODY = "application/cbor";
export const TOMBSTONE_ID = "0".repeat(32);

/** One for all: headers are written one after the other. */
const scratch = new ByteWriter(256);

export function encodeHeader(header: Header): Uint8Array {
  writeFields(scratch.clear(), HEADER, header);
  return scratch.take();
}

/** @throws {WireError} where it is no header, or an action's lacks its correlation. */
export function decodeHeader(bytes: Uint8Array): Header {
  const header = readFields(HEADER, readCborItem(bytes), "header", 0);
  if (header.kind >= MessageKind.Request && header.kind <= MessageKind.Progress) {
    readFields({ correlation: required(3, id) }, readCborItem(bytes), "header of an action", 0);
  }
  return header;
}
