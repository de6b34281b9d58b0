/**
 * The advert, one datagram: a JSON array of name, address and time to live (`spec/networkzero.md §3`).
 *
 * @module
 */
import { WireError } from "../wire/bytes.ts";
import { NetworkZeroError } from "./errors.ts";
import { decodeJson, encodeJsonBytes } from "./json.ts";

/** Longest advert that is sent or taken, in octets. A Python beacon dies of a longer one. */
export const MAX_ADVERT = 256;

/** A service as it is told to all. */
export interface Advert {
  /** Exact, case-sensitive, may be empty. */
  readonly name: string;
  /** `ip:port`. */
  readonly address: string;
  /** In seconds; null: never expires. */
  readonly ttl: number | null;
}

/** The datagram. @throws {NetworkZeroError} where it would be longer than others can read. */
export function encodeAdvert({ name, address, ttl }: Advert): Uint8Array {
  const bytes = encodeJsonBytes([name, address, ttl]);
  if (bytes.length > MAX_ADVERT) {
    throw new NetworkZeroError(
      `the name "${name.length > 40 ? `${name.slice(0, 40)}…` : name}" is too long by ` +
        `${bytes.length - MAX_ADVERT} characters; choose a shorter one`,
    );
  }
  return bytes;
}

/** The advert in a datagram. @throws {WireError} where there is none. */
export function decodeAdvert(bytes: Uint8Array): Advert {
  if (bytes.length > MAX_ADVERT) {
    throw new WireError(`an advert of more than ${MAX_ADVERT} octets`, MAX_ADVERT);
  }
  const value = decodeJson(bytes);
  if (!Array.isArray(value) || value.length !== 3) {
    throw new WireError("an advert is an array of three", 0);
  }
  const [name, address, ttl] = value;
  if (typeof name !== "string" || typeof address !== "string") {
    throw new WireError("name and address of an advert are text", 0);
  }
  // 1e999 parses as infinity; Python cannot write it that way.
  if (ttl !== null && !(typeof ttl === "number" && Number.isFinite(ttl))) {
    throw new WireError("the time to live of an advert is a number or null", 0);
  }
  return { name, address, ttl: ttl ?? null };
}
