/**
 * The handshake and the ciphers of a native stream: `Noise_NNpsk0_25519_ChaChaPoly_SHA256`
 * (The Noise Protocol Framework, revision 34). Both sides prove that they hold the network key, and
 * fresh keys protect old traffic should the network key be stolen later:
 *
 * ```text
 *   -> psk, e
 *   <- e, ee
 * ```
 *
 * This is that one protocol and no framework: a table of patterns would only add ways to pick the
 * wrong one. X25519 comes from outside through {@linkcode Dh}, so that test vectors can fix the keys.
 *
 * @module
 */
import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { expand, extract } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { concat, WireError } from "./bytes.ts";

/** The longest Noise message (§3). */
export const MAX_NOISE_MESSAGE = 65_535;
/** A message of so many bytes takes this thread longer than having the runtime do it elsewhere. */
export const LARGE_NOISE_MESSAGE = 16_384;
/** How much longer a transport message is than its payload. */
export const NOISE_TAG_BYTES = 16;
/** Bytes of an X25519 public key. */
const DH_BYTES = 32;
const HASH_BYTES = 32;
const PSK_BYTES = 32;
/** How much longer a handshake message is than its payload: public key and tag. */
export const HANDSHAKE_OVERHEAD = DH_BYTES + NOISE_TAG_BYTES;

const PROTOCOL_NAME = new TextEncoder().encode("Noise_NNpsk0_25519_ChaChaPoly_SHA256");
const NOTHING = new Uint8Array(0);

/** X25519 (RFC 7748): makes ephemeral key pairs. */
export interface Dh {
  generate(): Promise<DhKeyPair>;
}

/** An ephemeral key pair. */
export interface DhKeyPair {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** The 32 bytes shared with the holder of that public key; throws {@linkcode WireError} at a bad one. */
  agree(publicKey: Uint8Array): Promise<Uint8Array>;
}

/** X25519 by the runtime. */
export const webCryptoDh: Dh = {
  async generate() {
    const pair = await crypto.subtle.generateKey("X25519", false, ["deriveBits"]) as CryptoKeyPair;
    const publicKey = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
    return { publicKey, agree: (theirs) => deriveX25519(pair.privateKey, theirs) };
  },
};

/** X25519 of a private key of the runtime and a public key of 32 bytes. */
export async function deriveX25519(mine: CryptoKey, theirs: Uint8Array): Promise<Uint8Array> {
  try {
    const key = await crypto.subtle.importKey("raw", theirs.slice(), "X25519", false, []);
    return new Uint8Array(
      await crypto.subtle.deriveBits({ name: "X25519", public: key }, mine, DH_BYTES * 8),
    );
  } catch {
    // The runtime refuses points of small order (RFC 7748 §6.1).
    throw new WireError("X25519 refused the other side's public key", 0);
  }
}

/**
 * Encrypts or decrypts the messages of one direction, in their order (§5.1). Nonces count from 0;
 * the other side's cipher must see each message, once.
 */
export class CipherState {
  readonly #key: Uint8Array;
  /** 4 zero bytes and the counter as a little-endian number of 64 bits (§12.3). */
  readonly #nonce = new Uint8Array(12);
  readonly #nonceView = new DataView(this.#nonce.buffer);
  #counter: number;
  #runtimeKey: Promise<CryptoKey | undefined> | undefined;

  /** `key`: 32 bytes. `counter`: the first nonce. */
  constructor(key: Uint8Array, counter = 0) {
    this.#key = key;
    this.#counter = counter;
  }

  /**
   * The next message: `plaintext` and 16 bytes more, written to `into` if given, which must be just
   * as long and share no memory with `plaintext`.
   * @throws {RangeError} where the message would be longer than Noise allows.
   * @throws {WireError} after 2^53 − 1 messages: close the stream.
   */
  encrypt(plaintext: Uint8Array, into?: Uint8Array, associated?: Uint8Array): Uint8Array {
    if (plaintext.length > MAX_NOISE_MESSAGE - NOISE_TAG_BYTES) {
      throw new RangeError(`${plaintext.length} bytes in one Noise message`);
    }
    const nonce = this.#nextNonce();
    this.#counter++;
    return chacha20poly1305(this.#key, nonce, associated).encrypt(plaintext, into);
  }

  /**
   * The plaintext of the next message, as a new array.
   * @throws {WireError} where it is not the next message of the other side, byte for byte. The
   * state stays as it was, but on a stream there is no way on.
   */
  decrypt(message: Uint8Array, associated?: Uint8Array): Uint8Array {
    if (message.length < NOISE_TAG_BYTES || message.length > MAX_NOISE_MESSAGE) {
      throw new WireError(`a Noise message of ${message.length} bytes`, 0);
    }
    const nonce = this.#nextNonce();
    let plaintext: Uint8Array;
    try {
      plaintext = chacha20poly1305(this.#key, nonce, associated).decrypt(message);
    } catch {
      throw new WireError("a message that the other side did not send like this", 0);
    }
    this.#counter++;
    return plaintext;
  }

  /**
   * Like {@linkcode encrypt}, by the runtime and beside this thread: for large messages. The next one
   * may be given at once; `plaintext` must not change until this one is done.
   */
  async encryptAside(plaintext: Uint8Array): Promise<Uint8Array> {
    if (plaintext.length > MAX_NOISE_MESSAGE - NOISE_TAG_BYTES) {
      throw new RangeError(`${plaintext.length} bytes in one Noise message`);
    }
    const nonce = this.#nextNonce().slice();
    this.#counter++;
    const key = await (this.#runtimeKey ??= importCipherKey(this.#key));
    if (!key) return chacha20poly1305(this.#key, nonce).encrypt(plaintext);
    const params = { name: RUNTIME_CIPHER, iv: nonce };
    return new Uint8Array(await crypto.subtle.encrypt(params, key, plaintext as BufferSource));
  }

  /**
   * The plaintexts of the next messages, the large ones by the runtime and beside this thread. One
   * call after the other; the messages must not change until it is done.
   * @throws {WireError} where one of them is not what the other side sent. There is no way on then.
   */
  async decryptAside(messages: readonly Uint8Array[]): Promise<Uint8Array[]> {
    const key = await (this.#runtimeKey ??= importCipherKey(this.#key));
    return await Promise.all(messages.map(async (message) => {
      if (!key || message.length < LARGE_NOISE_MESSAGE) return this.decrypt(message);
      const params = { name: RUNTIME_CIPHER, iv: this.#nextNonce().slice() };
      this.#counter++;
      try {
        const bytes = message as BufferSource;
        return new Uint8Array(await crypto.subtle.decrypt(params, key, bytes));
      } catch {
        throw new WireError("a message that the other side did not send like this", 0);
      }
    }));
  }

  #nextNonce(): Uint8Array {
    // Noise stops at 2^64 − 1 (§5.1); numbers stay exact up to 2^53 − 1, which is far enough.
    if (this.#counter >= Number.MAX_SAFE_INTEGER) throw new WireError("nonces are used up", 0);
    this.#nonceView.setUint32(4, this.#counter % 0x1_0000_0000, true);
    this.#nonceView.setUint32(8, Math.floor(this.#counter / 0x1_0000_0000), true);
    return this.#nonce;
  }
}

const RUNTIME_CIPHER = "ChaCha20-Poly1305";

/** The key for the runtime's cipher; `undefined` where it has none. */
async function importCipherKey(key: Uint8Array): Promise<CryptoKey | undefined> {
  try {
    // Both are of Modern Algorithms in the Web Cryptography API (WICG): not every runtime has them.
    return await crypto.subtle.importKey("raw-secret", key.slice(), RUNTIME_CIPHER, false, [
      "encrypt",
      "decrypt",
    ]);
  } catch {
    return undefined;
  }
}

/** Chaining key, handshake hash, and the cipher once there is one (§5.2). */
class SymmetricState {
  #chainingKey: Uint8Array;
  #hash: Uint8Array;
  #cipher: CipherState | undefined;

  constructor(protocolName: Uint8Array) {
    // A name longer than a hash is hashed (§5.2); ours has 36 bytes.
    this.#hash = sha256(protocolName);
    this.#chainingKey = this.#hash;
  }

  get hash(): Uint8Array {
    return this.#hash;
  }

  mixHash(data: Uint8Array): void {
    this.#hash = sha256(concat([this.#hash, data]));
  }

  mixKey(material: Uint8Array): void {
    const [chainingKey, key] = this.#derive(material, 2) as [Uint8Array, Uint8Array];
    this.#chainingKey = chainingKey;
    this.#cipher = new CipherState(key);
  }

  mixKeyAndHash(material: Uint8Array): void {
    const [chainingKey, hashed, key] = this.#derive(material, 3) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    this.#chainingKey = chainingKey;
    this.mixHash(hashed);
    this.#cipher = new CipherState(key);
  }

  encryptAndHash(plaintext: Uint8Array): Uint8Array {
    const message = this.#keyed().encrypt(plaintext, undefined, this.#hash);
    this.mixHash(message);
    return message;
  }

  decryptAndHash(message: Uint8Array): Uint8Array {
    const plaintext = this.#keyed().decrypt(message, this.#hash);
    this.mixHash(message);
    return plaintext;
  }

  /** The ciphers of initiator and responder. */
  split(): [CipherState, CipherState] {
    const [first, second] = this.#derive(NOTHING, 2) as [Uint8Array, Uint8Array];
    return [new CipherState(first), new CipherState(second)];
  }

  /** HKDF of §4.3, which is that of RFC 5869 without info. */
  #derive(material: Uint8Array, outputs: 2 | 3): Uint8Array[] {
    const root = extract(sha256, material, this.#chainingKey);
    const all = expand(sha256, root, undefined, outputs * HASH_BYTES);
    const keys: Uint8Array[] = [];
    for (let i = 0; i < outputs; i++) keys.push(all.slice(i * HASH_BYTES, (i + 1) * HASH_BYTES));
    return keys;
  }

  #keyed(): CipherState {
    if (!this.#cipher) throw new Error("a payload before the first key");
    return this.#cipher;
  }
}

/** What a handshake leads to. */
export interface NoiseSession {
  /** Encrypts what this side sends. */
  readonly send: CipherState;
  /** Decrypts what the other side sends. */
  readonly receive: CipherState;
  /** The handshake hash: the same on both sides, and different for every session (§11.2). */
  readonly hash: Uint8Array;
}

export interface NoiseOptions {
  readonly role: "initiator" | "responder";
  /** 32 bytes: {@linkcode NetworkKey.streamPsk}. */
  readonly psk: Uint8Array;
  /** What both sides saw in the clear before. */
  readonly prologue: Uint8Array;
  /** Default: {@linkcode webCryptoDh}. */
  readonly dh?: Dh;
}

/**
 * One side of a handshake. The initiator writes a message and then reads one, the responder the
 * other way round; then {@linkcode finish}. A step out of turn throws `Error`, and after any error
 * the handshake is dead.
 */
export class NoiseHandshake {
  readonly #initiator: boolean;
  readonly #psk: Uint8Array;
  readonly #dh: Dh;
  readonly #symmetric = new SymmetricState(PROTOCOL_NAME);
  /** Messages that went either way. `Infinity`: at work, or dead. */
  #step = 0;
  #mine: DhKeyPair | undefined;
  #theirs: Uint8Array | undefined;

  constructor(options: NoiseOptions) {
    if (options.psk.length !== PSK_BYTES) {
      throw new RangeError(`a psk of ${options.psk.length} bytes`);
    }
    this.#initiator = options.role === "initiator";
    this.#psk = options.psk;
    this.#dh = options.dh ?? webCryptoDh;
    this.#symmetric.mixHash(options.prologue);
  }

  /** The next message of this side, with a payload: {@linkcode HANDSHAKE_OVERHEAD} bytes longer. */
  async writeMessage(payload: Uint8Array): Promise<Uint8Array> {
    if (payload.length > MAX_NOISE_MESSAGE - HANDSHAKE_OVERHEAD) {
      throw new RangeError(`${payload.length} bytes in a handshake message`);
    }
    const step = this.#take(this.#initiator ? 0 : 1);
    if (step === 0) this.#symmetric.mixKeyAndHash(this.#psk);
    const mine = this.#mine = await this.#dh.generate();
    this.#mixPublic(mine.publicKey);
    if (step === 1) await this.#mixShared();
    const message = concat([mine.publicKey, this.#symmetric.encryptAndHash(payload)]);
    this.#step = step + 1;
    return message;
  }

  /**
   * The payload of the other side's next message.
   * @throws {WireError} where the other side holds another key, saw another prologue, or sent
   * garbage: these look the same.
   */
  async readMessage(message: Uint8Array): Promise<Uint8Array> {
    const step = this.#take(this.#initiator ? 1 : 0);
    if (message.length < HANDSHAKE_OVERHEAD || message.length > MAX_NOISE_MESSAGE) {
      throw new WireError(`a handshake message of ${message.length} bytes`, 0);
    }
    if (step === 0) this.#symmetric.mixKeyAndHash(this.#psk);
    this.#theirs = message.slice(0, DH_BYTES);
    const sealed = message.slice(DH_BYTES);
    this.#mixPublic(this.#theirs);
    if (step === 1) await this.#mixShared();
    const payload = this.#symmetric.decryptAndHash(sealed);
    this.#step = step + 1;
    return payload;
  }

  /** The ciphers, after both messages. Once. */
  finish(): NoiseSession {
    this.#take(2);
    const [initiator, responder] = this.#symmetric.split();
    const [send, receive] = this.#initiator ? [initiator, responder] : [responder, initiator];
    return { send, receive, hash: this.#symmetric.hash };
  }

  /** The step that is due, which must be `expected`; until it is done, no other may begin. */
  #take(expected: number): number {
    const step = this.#step;
    if (step !== expected) throw new Error("a Noise handshake step out of turn");
    this.#step = Infinity;
    return step;
  }

  /** Token `e`. In patterns with a pre-shared key it is mixed into the key too (§9.2). */
  #mixPublic(publicKey: Uint8Array): void {
    this.#symmetric.mixHash(publicKey);
    this.#symmetric.mixKey(publicKey);
  }

  /** Token `ee`. */
  async #mixShared(): Promise<void> {
    if (!this.#mine || !this.#theirs) throw new Error("token ee before both keys");
    const shared = await this.#mine.agree(this.#theirs);
    // Only a public key of small order gives zero (RFC 7748 §6.1).
    if (shared.every((byte) => byte === 0)) throw new WireError("the shared secret is zero", 0);
    this.#symmetric.mixKey(shared);
  }
}
