/**
 * Sealed blocks: what one holder of the network key says to all the others, in one datagram.
 *
 * ```text
 *  offset 0         1        5       29
 *  +---------+--------+-------+--------------------------------------------------+-----+
 *  | version | key id | nonce | sealed: sender 8, epoch 8, counter 8, payload ... | tag |
 *  +---------+--------+-------+--------------------------------------------------+-----+
 * ```
 *
 * The cipher is XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) under the key's multicast key. What
 * is authenticated besides is the header and then a context string, so that a block made for one
 * purpose is no block for another. Who opens a block asks a {@linkcode ReplayGuard} next.
 *
 * @module
 */
import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import { fromHex, readU32, toHex, writeU32 } from "./bytes.ts";
import { KEY_ID_BYTES, type NetworkKey } from "./key.ts";

/** Bytes of the nonce. Random ones do not collide. */
export const SEAL_NONCE_BYTES = 24;

const VERSION = 1;
const NONCE_AT = 1 + KEY_ID_BYTES;
const HEADER_BYTES = NONCE_AT + SEAL_NONCE_BYTES;
const SENDER_BYTES = 8;
const INNER_BYTES = SENDER_BYTES + 8 + 8;
const TAG_BYTES = 16;
/** How much longer a sealed block is than its payload. */
export const SEAL_OVERHEAD = HEADER_BYTES + INNER_BYTES + TAG_BYTES;

/** Who sealed a block, and which one of theirs it is. */
export interface SealOrigin {
  /** Node id: 16 hexadecimal digits. */
  readonly sender: string;
  /** Grows with every start of the sender, up to 2^53 − 1. */
  readonly epoch: number;
  /** Grows with every block of that epoch, up to 2^53 − 1. */
  readonly counter: number;
}

/** What a block turned out to be. */
export type Opened =
  & { readonly kind: "opened"; /** Which of the keys given. */ readonly keyIndex: number }
  & SealOrigin
  & { readonly payload: Uint8Array };
export type OpenResult =
  | Opened
  /** Sealed with a key that is not among ours; its id, 8 hexadecimal digits. */
  | { readonly kind: "unknown-key"; readonly keyId: string }
  /** No block of ours: garbage, tampered with, or made for another context. */
  | { readonly kind: "damaged"; readonly reason: string };

const utf8 = new TextEncoder();

/**
 * Seals a payload. `nonce` is 24 bytes, random, and never used twice.
 * @throws {RangeError} where origin or nonce do not fit.
 */
export function seal(
  key: NetworkKey,
  context: string,
  origin: SealOrigin,
  payload: Uint8Array,
  nonce: Uint8Array,
): Uint8Array {
  if (nonce.length !== SEAL_NONCE_BYTES) throw new RangeError(`a nonce of ${nonce.length} bytes`);
  if (!/^[0-9a-f]{16}$/.test(origin.sender)) throw new RangeError(`sender "${origin.sender}"`);
  const block = new Uint8Array(SEAL_OVERHEAD + payload.length);
  block[0] = VERSION;
  block.set(key.idBytes, 1);
  block.set(nonce, NONCE_AT);
  const inner = new Uint8Array(INNER_BYTES + payload.length);
  inner.set(fromHex(origin.sender));
  writeU53(inner, SENDER_BYTES, origin.epoch);
  writeU53(inner, SENDER_BYTES + 8, origin.counter);
  inner.set(payload, INNER_BYTES);
  const aad = associatedData(block, context);
  xchacha20poly1305(key.multicastKey, nonce, aad).encrypt(inner, block.subarray(HEADER_BYTES));
  return block;
}

/** Opens a block with whichever of `keys` sealed it. Never throws. The payload is a new array. */
export function open(
  keys: readonly NetworkKey[],
  context: string,
  block: Uint8Array,
): OpenResult {
  if (block.length < SEAL_OVERHEAD) return damaged(`${block.length} bytes are no sealed block`);
  if (block[0] !== VERSION) return damaged(`sealed block of version ${block[0]}`);
  let known = false;
  let aad: Uint8Array | undefined;
  for (let keyIndex = 0; keyIndex < keys.length; keyIndex++) {
    const key = keys[keyIndex] as NetworkKey;
    if (readU32(block, 1) !== readU32(key.idBytes, 0)) continue;
    // Two keys may share an id, so a failure is final only after the last of them.
    known = true;
    aad ??= associatedData(block, context);
    const nonce = block.subarray(NONCE_AT, HEADER_BYTES);
    let inner: Uint8Array;
    try {
      inner = xchacha20poly1305(key.multicastKey, nonce, aad).decrypt(block.subarray(HEADER_BYTES));
    } catch {
      continue;
    }
    const epoch = readU53(inner, SENDER_BYTES);
    const counter = readU53(inner, SENDER_BYTES + 8);
    if (epoch === undefined || counter === undefined) return damaged("epoch or counter past 2^53");
    const sender = toHex(inner.subarray(0, SENDER_BYTES));
    return {
      kind: "opened",
      keyIndex,
      sender,
      epoch,
      counter,
      payload: inner.subarray(INNER_BYTES),
    };
  }
  if (known) return damaged("the seal is broken");
  return { kind: "unknown-key", keyId: toHex(block.subarray(1, NONCE_AT)) };
}

/** The header, whose length is fixed, and then the context. */
function associatedData(block: Uint8Array, context: string): Uint8Array {
  const text = utf8.encode(context);
  const aad = new Uint8Array(HEADER_BYTES + text.length);
  aad.set(block.subarray(0, HEADER_BYTES));
  aad.set(text, HEADER_BYTES);
  return aad;
}

function damaged(reason: string): OpenResult {
  return { kind: "damaged", reason };
}

function writeU53(bytes: Uint8Array, at: number, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`epoch or counter ${value}`);
  writeU32(bytes, at, Math.floor(value / 0x1_0000_0000));
  writeU32(bytes, at + 4, value % 0x1_0000_0000);
}

function readU53(bytes: Uint8Array, at: number): number | undefined {
  const high = readU32(bytes, at);
  return high > 0x1f_ffff ? undefined : high * 0x1_0000_0000 + readU32(bytes, at + 4);
}
