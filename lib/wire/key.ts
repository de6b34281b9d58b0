/**
 * The network key: 32 random bytes that make a network private, and the keys derived from it with
 * HKDF-SHA-256 (RFC 5869).
 *
 * @module
 */
import { expand, extract } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { toHex, WireError } from "./bytes.ts";

/** Bytes of a network key and of every key derived from it. */
export const KEY_BYTES = 32;
/** Bytes of a key id on the wire. */
export const KEY_ID_BYTES = 4;

const ascii = new TextEncoder();
const SALT = ascii.encode("edge agent network key 1");
const INFO_ID = ascii.encode("key id");
const INFO_MULTICAST = ascii.encode("multicast");
const INFO_STREAM = ascii.encode("stream psk");

/** What a stream's handshake needs of a key: that of a network, or of an invitation to one. */
export interface StreamKey {
  /** What names it on the wire: 4 bytes. */
  readonly idBytes: Uint8Array;
  /** What names it to people: the same as 8 hexadecimal digits. */
  readonly id: string;
  /** The pre-shared key of the Noise handshake: 32 bytes. */
  readonly streamPsk: Uint8Array;
}

/**
 * A network key and what is derived from it. Printing, logging or serialising one shows its id
 * only; {@linkcode NetworkKey.toText} alone gives the secret away.
 */
export class NetworkKey implements StreamKey {
  readonly #secret: Uint8Array;
  /** HKDF's pseudorandom key (RFC 5869 §2.2): all else is expanded from it. */
  readonly #root: Uint8Array;
  readonly #idBytes: Uint8Array;
  #multicastKey: Uint8Array | undefined;
  #streamPsk: Uint8Array | undefined;

  private constructor(secret: Uint8Array) {
    this.#secret = secret;
    this.#root = extract(sha256, secret, SALT);
    this.#idBytes = expand(sha256, this.#root, INFO_ID, KEY_ID_BYTES);
  }

  /**
   * A key of 32 bytes, which are copied.
   * @throws {WireError} at any other number of bytes.
   */
  static fromBytes(bytes: Uint8Array): NetworkKey {
    if (bytes.length !== KEY_BYTES) {
      throw new WireError(`a network key has ${KEY_BYTES} bytes, not ${bytes.length}`, 0);
    }
    return new NetworkKey(bytes.slice());
  }

  /**
   * A key as {@linkcode toText} writes it: base64, white space anywhere.
   * @throws {WireError} at anything else. The message does not repeat the text.
   */
  static parse(text: string): NetworkKey {
    let bytes: Uint8Array;
    try {
      bytes = Uint8Array.fromBase64(text.replaceAll(/\s+/g, ""), { lastChunkHandling: "strict" });
    } catch {
      throw new WireError(`a network key is ${KEY_BYTES} bytes as base64 (44 characters)`, 0);
    }
    return NetworkKey.fromBytes(bytes);
  }

  /** The secret itself, as base64: for the key file, and nowhere else. */
  toText(): string {
    return this.#secret.toBase64();
  }

  /** What names this key to people and logs: 8 hexadecimal digits. It tells nothing of the secret. */
  get id(): string {
    return toHex(this.#idBytes);
  }

  /** The id as it stands on the wire: 4 bytes, not to be changed. */
  get idBytes(): Uint8Array {
    return this.#idBytes;
  }

  /** Seals datagrams: 32 bytes for XChaCha20-Poly1305, not to be changed. */
  get multicastKey(): Uint8Array {
    return this.#multicastKey ??= expand(sha256, this.#root, INFO_MULTICAST, KEY_BYTES);
  }

  /** The pre-shared key of the Noise handshake on streams: 32 bytes, not to be changed. */
  get streamPsk(): Uint8Array {
    return this.#streamPsk ??= expand(sha256, this.#root, INFO_STREAM, KEY_BYTES);
  }

  /** `NetworkKey(ID)`. */
  toString(): string {
    return `NetworkKey(${this.id})`;
  }

  /** `NetworkKey(ID)`. */
  toJSON(): string {
    return this.toString();
  }

  /** What `console.log` shows: `NetworkKey(ID)`. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }
}
