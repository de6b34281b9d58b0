/**
 * Frames (spec/piot.md §2): a length, then one CBOR array of type and fields.
 *
 * @module
 */
import { ByteWriter, readU32, WireError, writeU32 } from "../wire/bytes.ts";
import { Major, writeCborHead } from "../wire/cbor.ts";
import { readCborItem } from "../wire/cbor_items.ts";
import {
  bool,
  epoch,
  type Fields,
  id,
  list,
  octets,
  optional,
  orNull,
  proof,
  readFields,
  required,
  tags,
  text,
  uint,
  type ValuesOf,
  writeFields,
} from "./fields.ts";

/** What each side sends before its first frame: "PIoT", version 1, line feed. */
export const PREFACE = Uint8Array.of(0x50, 0x49, 0x6f, 0x54, 0x01, 0x0a);
/** The version that this code speaks. */
export const VERSION = 1;
/** Octets of the length in front of each frame. */
export const LENGTH_BYTES = 4;
/** Largest frame where neither side says something else, in octets behind the length. */
export const MAX_FRAME = 1_048_576;
/** What a frame takes besides header and body of a message (§9), in octets. */
export const MESSAGE_ROOM = 128;

/** Name → type and fields. The client is the side that dialled, the server the one that accepted. */
export const FRAMES = {
  hello: {
    type: 1,
    fields: {
      version: required(1, uint),
      node: required(2, id),
      name: required(3, text),
      /** Random for each start of the process. */
      boot: required(4, epoch),
      /** Random for each connection. */
      nonce: required(5, id),
      inherit: required(6, bool),
      /** Whom the sender expects. */
      to: optional(7, id),
      link: optional(8, id),
      /** 0 none, 1 key. */
      auth: optional(9, uint),
      maxFrame: optional(10, uint),
      /** In seconds. */
      idle: optional(11, uint),
      features: optional(12, list(text)),
    },
  },
  auth: { type: 2, fields: { proof: required(1, proof) } },
  linkRequest: { type: 3, fields: { wanted: required(1, list(text)) } },
  linkInfo: {
    type: 4,
    fields: {
      name: required(1, text),
      addresses: optional(2, list(text)),
      tags: optional(3, tags),
    },
  },
  linkAccept: {
    type: 5,
    fields: {
      link: required(1, id),
      created: required(2, bool),
      name: required(3, text),
      addresses: optional(4, list(text)),
      tags: optional(5, tags),
    },
  },
  resume: {
    type: 6,
    fields: {
      inherit: required(1, bool),
      txEpoch: required(2, epoch),
      lastSeq: required(3, uint),
      rxEpoch: required(4, orNull(epoch)),
      rxSeq: required(5, uint),
      /** How many messages wait without a number. */
      held: required(6, uint),
      /** Correlation ids of our requests that the peer has confirmed and not answered. */
      waiting: required(7, list(id)),
      /** Of the peer's, that we have accepted and not answered. */
      running: required(8, list(id)),
    },
  },
  ready: {
    type: 7,
    fields: {
      /** 0 continue, 1 renumber, 2 clean (§5). */
      outcome: required(1, uint),
      txEpoch: required(2, epoch),
      /** The next number that the peer will see. */
      firstSeq: required(3, uint),
      /** From the server only. */
      session: optional(4, id),
    },
  },
  msg: {
    type: 8,
    fields: {
      seq: required(1, uint),
      id: required(2, id),
      header: required(3, octets),
      body: required(4, octets),
    },
  },
  confirm: {
    type: 9,
    fields: {
      seq: required(1, uint),
      id: required(2, id),
      length: required(3, uint),
      hash: required(4, uint),
      /** 0 accepted, 1 accepted before, 2 refused (§6). */
      status: required(5, uint),
      reason: optional(6, text),
    },
  },
  ping: { type: 10, fields: { token: required(1, uint) } },
  pong: { type: 11, fields: { token: required(1, uint) } },
  close: {
    type: 12,
    fields: { code: required(1, uint), text: optional(2, text), resumable: optional(3, bool) },
  },
} as const satisfies Record<string, { type: number; fields: Fields }>;

/** `hello`, `auth`, …. */
export type FrameName = keyof typeof FRAMES;
/** The fields of a frame. */
export type FrameFields<N extends FrameName> = ValuesOf<typeof FRAMES[N]["fields"]>;
/** Any frame: its name, and its fields beside it. */
export type Frame = { [N in FrameName]: { readonly frame: N } & FrameFields<N> }[FrameName];

const byType = new Map<number, FrameName>(
  (Object.keys(FRAMES) as FrameName[]).map((name) => [FRAMES[name].type, name]),
);
/** Unknown types up to here are an error, above they are passed over. */
const LAST_STRICT = 15;

/** One for all: frames are written one after the other. */
const scratch = new ByteWriter(4_096);

/** A frame with its length in front. */
export function encodeFrame(frame: Frame): Uint8Array {
  const { type, fields } = FRAMES[frame.frame];
  const writer = scratch.clear().u32(0);
  writeCborHead(writer, Major.Array, 2);
  writeCborHead(writer, Major.Unsigned, type);
  writeFields(writer, fields, frame);
  const bytes = writer.take();
  writeU32(bytes, 0, bytes.length - LENGTH_BYTES);
  return bytes;
}

/**
 * The frame behind a length. `undefined`: of a type that later versions may have, to be ignored.
 *
 * @throws {WireError} what a protocol error is.
 */
export function decodeFrame(bytes: Uint8Array): Frame | undefined {
  const item = readCborItem(bytes);
  if (!Array.isArray(item) || item.length !== 2) {
    throw new WireError("a frame that is not [type, fields]", 0);
  }
  const type: unknown = item[0];
  if (typeof type !== "number" || !Number.isSafeInteger(type) || type < 0) {
    throw new WireError("a frame whose type is no number", 0);
  }
  const name = byType.get(type);
  if (name === undefined) {
    if (type > LAST_STRICT) return undefined;
    throw new WireError(`frame type ${type} is not known`, 0);
  }
  return { frame: name, ...readFields(FRAMES[name].fields, item[1], name, 0) } as Frame;
}

/** A frame that is longer than was agreed, or empty. */
export class FrameSizeError extends WireError {}

/**
 * The size of the frame that begins at `at`, length included; for `StreamCutter`.
 * @throws {FrameSizeError}
 */
export function frameSize(bytes: Uint8Array, at: number, maxFrame: number): number {
  const length = readU32(bytes, at);
  if (length === 0 || length > maxFrame) {
    throw new FrameSizeError(`a frame of ${length} octets, where 1 to ${maxFrame} are allowed`, at);
  }
  return LENGTH_BYTES + length;
}

/** Why a session ends (§8). */
export const CloseCode = {
  Normal: 0,
  GoingAway: 1,
  Protocol: 2,
  Version: 3,
  WrongNode: 4,
  LinkRejected: 5,
  LinkPending: 6,
  Auth: 7,
  Duplicate: 8,
  Superseded: 9,
  Gap: 10,
  Mismatch: 11,
  Timeout: 12,
  TooLarge: 13,
  Busy: 14,
  Self: 15,
  /** Never on the wire: the connection ended without a word. */
  Lost: 16,
} as const;
export type CloseCode = typeof CloseCode[keyof typeof CloseCode];

/** Whether it is worth dialling again soon. */
export function isResumable(code: CloseCode): boolean {
  const final: readonly CloseCode[] = [
    CloseCode.Version,
    CloseCode.WrongNode,
    CloseCode.LinkRejected,
    CloseCode.Auth,
    CloseCode.Duplicate,
    CloseCode.TooLarge,
    CloseCode.Self,
  ];
  return !final.includes(code);
}
