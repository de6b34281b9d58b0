/**
 * An invitation to a network: a secret that works once, the text that a person carries to the next
 * computer, and the messages of the exchange (docs/join.md).
 *
 * The secret has 128 bits, so that nobody can try all of them against a recorded exchange. Its text
 * is Crockford's base32, 28 letters and digits in groups of four; the last 12 bits are a checksum,
 * which notices every single wrong letter and every swap of two neighbours.
 *
 * @module
 */
import { expand, extract } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { toHex, WireError } from "./bytes.ts";
import { KEY_BYTES, KEY_ID_BYTES, type StreamKey } from "./key.ts";

/** Bytes of an invitation's secret. */
export const INVITE_BYTES = 16;
/** Letters and digits of its text, without hyphens. */
const INVITE_SYMBOLS = 28;

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const GROUP = 4;
const CHECK_BITS = 12;
/** x^12 + x^11 + x^3 + x^2 + x + 1 (CRC-12): notices every burst of up to 12 bits. */
const CHECK_POLYNOMIAL = 0x80f;

const ascii = new TextEncoder();
const SALT = ascii.encode("edge agent invitation 1");
const INFO_ID = ascii.encode("invitation id");
const INFO_PSK = ascii.encode("invitation psk");

/**
 * The key of one invitation. Like a network key it shows its id only, wherever it is printed;
 * {@linkcode InviteKey.toText} alone gives the secret away.
 */
export class InviteKey implements StreamKey {
  readonly #secret: Uint8Array;
  readonly idBytes: Uint8Array;
  readonly streamPsk: Uint8Array;

  /** `secret`: 16 random bytes, which are copied. */
  constructor(secret: Uint8Array) {
    if (secret.length !== INVITE_BYTES) {
      throw new WireError(`an invitation has ${INVITE_BYTES} bytes, not ${secret.length}`, 0);
    }
    this.#secret = secret.slice();
    const root = extract(sha256, secret, SALT);
    this.idBytes = expand(sha256, root, INFO_ID, KEY_ID_BYTES);
    this.streamPsk = expand(sha256, root, INFO_PSK, KEY_BYTES);
  }

  /**
   * An invitation as {@linkcode toText} writes it. Small letters, missing and further hyphens, and
   * `O`, `I`, `L` for 0, 1, 1 are taken.
   * @throws {WireError} that says which of the possible mistakes it was.
   */
  static parse(text: string): InviteKey {
    return new InviteKey(decodeSecret(text));
  }

  /** 8 hexadecimal digits, which tell nothing of the secret. */
  get id(): string {
    return toHex(this.idBytes);
  }

  /** The secret itself, for the code: 28 letters and digits in groups of four. */
  toText(): string {
    return encodeSecret(this.#secret);
  }

  /** `InviteKey(ID)`. */
  toString(): string {
    return `InviteKey(${this.id})`;
  }

  /** `InviteKey(ID)`. */
  toJSON(): string {
    return this.toString();
  }

  /** What `console.log` shows: `InviteKey(ID)`. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }
}

function encodeSecret(secret: Uint8Array): string {
  const bits = (toNumber(secret) << BigInt(CHECK_BITS)) | BigInt(checksum(secret));
  let text = "";
  for (let i = 0; i < INVITE_SYMBOLS; i++) {
    if (i > 0 && i % GROUP === 0) text += "-";
    text += ALPHABET[Number((bits >> BigInt(5 * (INVITE_SYMBOLS - 1 - i))) & 31n)];
  }
  return text;
}

function decodeSecret(text: string): Uint8Array {
  let bits = 0n;
  let count = 0;
  for (const [at, letter] of [...text.toUpperCase()].entries()) {
    if (letter === "-" || /\s/.test(letter)) continue;
    const plain = letter === "O" ? "0" : letter === "I" || letter === "L" ? "1" : letter;
    const value = ALPHABET.indexOf(plain);
    if (value < 0) throw new WireError(`"${letter}" stands in no invitation`, at);
    if (++count > INVITE_SYMBOLS) break;
    bits = (bits << 5n) | BigInt(value);
  }
  if (count !== INVITE_SYMBOLS) {
    const much = count > INVITE_SYMBOLS ? "more" : `only ${count}`;
    throw new WireError(`it has ${much} of the ${INVITE_SYMBOLS} letters and digits`, text.length);
  }
  const secret = new Uint8Array(INVITE_BYTES);
  let rest = bits >> BigInt(CHECK_BITS);
  for (let i = INVITE_BYTES - 1; i >= 0; i--, rest >>= 8n) secret[i] = Number(rest & 255n);
  if (checksum(secret) !== Number(bits & ((1n << BigInt(CHECK_BITS)) - 1n))) {
    throw new WireError("its letters do not fit together", 0);
  }
  return secret;
}

function toNumber(bytes: Uint8Array): bigint {
  return BigInt(`0x${toHex(bytes)}`);
}

/** CRC-12 of the secret. It protects from slips, not from people. */
function checksum(bytes: Uint8Array): number {
  let crc = 0xfff;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      const carry = ((crc >> (CHECK_BITS - 1)) ^ (byte >> bit)) & 1;
      crc = ((crc << 1) & 0xfff) ^ (carry ? CHECK_POLYNOMIAL : 0);
    }
  }
  return crc;
}
