/**
 * How a native stream begins, before anything is secret, and how messages are cut on it.
 *
 * The client speaks first, 10 bytes in the clear:
 *
 * ```text
 *  | magic ed 61 67 74 | version 1 | purpose 1 | key id 4 |
 * ```
 *
 * The server answers with one status byte; behind "unknown key" stand a count and that many ids of
 * the keys that it does hold, and behind "no invitation" one byte that says why not. With purpose
 * "join" the key is that of an invitation (docs/join.md). After "go on", both sides send Noise
 * messages, each behind its length in 2 bytes. All of the client's preface is the prologue of the
 * Noise handshake, so nobody on the way can change it unnoticed. The answer is not authenticated:
 * believe it only for telling people.
 *
 * @module
 */
import { equalBytes, readU16, toHex, WireError, writeU16 } from "./bytes.ts";
import { StreamCutter } from "./cutter.ts";
import { KEY_ID_BYTES } from "./key.ts";
import { type CipherState, MAX_NOISE_MESSAGE, NOISE_TAG_BYTES } from "./noise.ts";

/** Bytes of the client's preface. */
export const PREFACE_BYTES = 10;
/** Key ids that a server tells at the most. */
export const MAX_TOLD_KEYS = 16;

const MAGIC = Uint8Array.of(0xed, 0x61, 0x67, 0x74);
const VERSION = 1;
const PURPOSES = ["node", "leaf", "join", "piot"] as const;

/** What a client opens a stream for: to be a peer, as a leafy guest, to join by an invitation, or for messages. */
export type Purpose = typeof PURPOSES[number];

/** What a client says first. */
export type Preface =
  | { readonly kind: "preface"; readonly purpose: Purpose; readonly keyId: Uint8Array }
  /** A later program's: the answer is status `unknown-version`. */
  | { readonly kind: "unknown-version"; readonly version: number };

/** The preface of a client that holds the key with this id (4 bytes). */
export function encodePreface(purpose: Purpose, keyId: Uint8Array): Uint8Array {
  if (keyId.length !== KEY_ID_BYTES) throw new RangeError(`a key id of ${keyId.length} bytes`);
  const out = new Uint8Array(PREFACE_BYTES);
  out.set(MAGIC);
  out[4] = VERSION;
  out[5] = PURPOSES.indexOf(purpose) + 1;
  out.set(keyId, 6);
  return out;
}

/**
 * What the first {@linkcode PREFACE_BYTES} bytes from a client say.
 * @throws {WireError} where no client of ours would begin like this.
 */
export function decodePreface(bytes: Uint8Array): Preface {
  if (bytes.length !== PREFACE_BYTES) {
    throw new WireError(`a preface has ${PREFACE_BYTES} bytes, not ${bytes.length}`, 0);
  }
  if (!equalBytes(bytes.subarray(0, 4), MAGIC)) throw new WireError("not an agent's stream", 0);
  const version = bytes[4] as number;
  if (version !== VERSION) return { kind: "unknown-version", version };
  const purpose = PURPOSES[(bytes[5] as number) - 1];
  if (purpose === undefined) throw new WireError(`purpose ${bytes[5]} of a stream`, 5);
  return { kind: "preface", purpose, keyId: bytes.slice(6) };
}

/** What a server answers. */
export type PrefaceReply =
  | { readonly status: "go-on" }
  /** It holds other keys: their ids, 8 hexadecimal digits each, newest first. */
  | { readonly status: "unknown-key"; readonly keyIds: readonly string[] }
  /** It has no room for another stream now. */
  | { readonly status: "busy" }
  /** The invitation with this id is none that can be used now. */
  | { readonly status: "no-invitation"; readonly why: InviteState }
  /** It does not speak this version. */
  | { readonly status: "unknown-version" };

const STATUSES = ["go-on", "unknown-key", "busy", "unknown-version", "no-invitation"] as const;
const INVITE_STATES = ["unknown", "used", "expired", "withdrawn"] as const;

/** Why there is no such invitation; `withdrawn` also where too many tried it with a wrong proof. */
export type InviteState = typeof INVITE_STATES[number];

/** A status that needs no more than its byte. */
export function encodePrefaceReply(
  status: Exclude<PrefaceReply["status"], "unknown-key" | "no-invitation">,
): Uint8Array {
  return Uint8Array.of(STATUSES.indexOf(status));
}

/** "Unknown key", with the ids (4 bytes each) of the first 16 keys held, newest first. */
export function encodeUnknownKey(held: readonly Uint8Array[]): Uint8Array {
  const count = Math.min(held.length, MAX_TOLD_KEYS);
  const out = new Uint8Array(2 + KEY_ID_BYTES * count);
  out[0] = STATUSES.indexOf("unknown-key");
  out[1] = count;
  for (let i = 0; i < count; i++) {
    const id = held[i] as Uint8Array;
    if (id.length !== KEY_ID_BYTES) throw new RangeError(`a key id of ${id.length} bytes`);
    out.set(id, 2 + KEY_ID_BYTES * i);
  }
  return out;
}

/** "No invitation", and why not. */
export function encodeNoInvitation(why: InviteState): Uint8Array {
  return Uint8Array.of(STATUSES.indexOf("no-invitation"), INVITE_STATES.indexOf(why));
}

/**
 * The server's answer at the start of `bytes`, and how many bytes it took; `undefined` as long as
 * it is not there whole.
 * @throws {WireError} where no server of ours would answer like this.
 */
export function decodePrefaceReply(
  bytes: Uint8Array,
): { readonly reply: PrefaceReply; readonly length: number } | undefined {
  if (bytes.length < 1) return undefined;
  const status = STATUSES[bytes[0] as number];
  if (status === undefined) throw new WireError(`status ${bytes[0]} of a stream`, 0);
  if (status !== "unknown-key" && status !== "no-invitation") {
    return { reply: { status }, length: 1 };
  }
  if (bytes.length < 2) return undefined;
  if (status === "no-invitation") {
    const why = INVITE_STATES[bytes[1] as number];
    if (why === undefined) throw new WireError(`reason ${bytes[1]} of a refused invitation`, 1);
    return { reply: { status, why }, length: 2 };
  }
  const count = bytes[1] as number;
  if (count > MAX_TOLD_KEYS) throw new WireError(`${count} key ids`, 1);
  const length = 2 + KEY_ID_BYTES * count;
  if (bytes.length < length) return undefined;
  const keyIds: string[] = [];
  for (let at = 2; at < length; at += KEY_ID_BYTES) {
    keyIds.push(toHex(bytes.subarray(at, at + KEY_ID_BYTES)));
  }
  return { reply: { status, keyIds }, length };
}

/** Bytes of the length in front of each Noise message. */
export const FRAME_HEADER_BYTES = 2;

/** One Noise message behind its length. */
export function encodeFrame(message: Uint8Array): Uint8Array {
  if (message.length < NOISE_TAG_BYTES || message.length > MAX_NOISE_MESSAGE) {
    throw new RangeError(`a Noise message of ${message.length} bytes`);
  }
  const out = new Uint8Array(FRAME_HEADER_BYTES + message.length);
  writeU16(out, 0, message.length);
  out.set(message, FRAME_HEADER_BYTES);
  return out;
}

/**
 * Plaintext bytes in each but the last frame of a long text: the most with which a frame, its length
 * included, ends on a multiple of 4.
 */
const CHUNK = (MAX_NOISE_MESSAGE & ~3) + 2 - NOISE_TAG_BYTES;

/**
 * `plaintext` encrypted into as many frames as it needs, ready to be written in one piece. The
 * other side joins what it decrypts: the ends of frames mean nothing.
 * @throws {WireError} where the cipher is used up.
 */
export function encryptFrames(cipher: CipherState, plaintext: Uint8Array): Uint8Array {
  const frames = Math.max(1, Math.ceil(plaintext.length / CHUNK));
  const overhead = FRAME_HEADER_BYTES + NOISE_TAG_BYTES;
  // Two bytes unused in front put each ciphertext on a multiple of 4, where the cipher is faster.
  const out = new Uint8Array(2 + plaintext.length + frames * overhead);
  let at = 2;
  for (let from = 0, i = 0; i < frames; i++, from += CHUNK) {
    const part = frames === 1 ? plaintext : plaintext.subarray(from, from + CHUNK);
    const length = part.length + NOISE_TAG_BYTES;
    writeU16(out, at, length);
    at += FRAME_HEADER_BYTES;
    cipher.encrypt(part, out.subarray(at, at + length));
    at += length;
  }
  return out.subarray(2);
}

/** The same, beside this thread: for a long text, which must not change until it is done. */
export async function encryptFramesAside(
  cipher: CipherState,
  plaintext: Uint8Array,
): Promise<Uint8Array> {
  const sealing: Promise<Uint8Array>[] = [];
  for (let from = 0; from < plaintext.length; from += CHUNK) {
    sealing.push(cipher.encryptAside(plaintext.subarray(from, from + CHUNK)));
  }
  const messages = await Promise.all(sealing);
  const overhead = FRAME_HEADER_BYTES + NOISE_TAG_BYTES;
  const out = new Uint8Array(plaintext.length + messages.length * overhead);
  let at = 0;
  for (const message of messages) {
    writeU16(out, at, message.length);
    out.set(message, at + FRAME_HEADER_BYTES);
    at += FRAME_HEADER_BYTES + message.length;
  }
  return out;
}

/** Cuts a stream into its Noise messages. Holds at most one of them. */
export class FrameDecoder {
  readonly #cutter: StreamCutter;

  /** `limit`: the longest message taken; what is known to be short need not be allowed to be long. */
  constructor(limit = MAX_NOISE_MESSAGE) {
    this.#cutter = new StreamCutter(FRAME_HEADER_BYTES, (bytes, at) => {
      const length = readU16(bytes, at);
      if (length < NOISE_TAG_BYTES || length > limit) {
        throw new WireError(`a frame of ${length} bytes`, at);
      }
      return FRAME_HEADER_BYTES + length;
    });
  }

  /** Bytes kept until their frame is whole. */
  get buffered(): number {
    return this.#cutter.buffered;
  }

  /**
   * Feed bytes as they came; returns the whole messages. They are views, some of `bytes`: good
   * until the next feed, or until `bytes` are overwritten.
   * @throws {WireError} at a frame shorter than a tag or above the limit: there is no way on.
   */
  feed(bytes: Uint8Array): Uint8Array[] {
    const { first, run } = this.#cutter.feed(bytes);
    const messages: Uint8Array[] = [];
    if (first) messages.push(first.subarray(FRAME_HEADER_BYTES));
    for (let at = 0; at < run.length;) {
      const end = at + FRAME_HEADER_BYTES + readU16(run, at);
      messages.push(run.subarray(at + FRAME_HEADER_BYTES, end));
      at = end;
    }
    return messages;
  }
}
