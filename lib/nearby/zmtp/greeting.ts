/**
 * How a ZMTP connection begins: a greeting of 64 octets from each side, then READY
 * (`spec/networkzero.md §7.1`, `§7.3`).
 *
 * @module
 */
import { WireError } from "../../wire/bytes.ts";

export const GREETING_BYTES = 64;
/** Where the mechanism stands, and how long its field is. */
const MECHANISM_AT = 12;
const MECHANISM = new TextEncoder().encode("NULL");
const MECHANISM_BYTES = 20;

/** Ours: version 3.1, mechanism NULL. */
export const GREETING: Uint8Array = makeGreeting();

function makeGreeting(): Uint8Array {
  const bytes = new Uint8Array(GREETING_BYTES);
  bytes[0] = 0xff;
  bytes[9] = 0x7f;
  bytes[10] = 3;
  bytes[11] = 1;
  bytes.set(MECHANISM, MECHANISM_AT);
  return bytes;
}

/** Version of a peer. */
export interface Version {
  readonly major: number;
  readonly minor: number;
}

/**
 * The version in a greeting, as soon as all of it is there; before that `undefined`. Octets after
 * it are not looked at.
 * @throws {WireError} at the first octet that we cannot talk with, as soon as it is there.
 */
export function readGreeting(bytes: Uint8Array): Version | undefined {
  const at = (i: number) => bytes[i] as number;
  if (bytes.length > 0 && at(0) !== 0xff) throw new WireError("not ZMTP", 0);
  if (bytes.length > 9 && at(9) !== 0x7f) throw new WireError("not ZMTP", 9);
  if (bytes.length > 10 && at(10) < 3) throw new WireError(`ZMTP of version ${at(10)}`, 10);
  const end = Math.min(bytes.length, MECHANISM_AT + MECHANISM_BYTES);
  for (let i = MECHANISM_AT; i < end; i++) {
    if (at(i) !== (MECHANISM[i - MECHANISM_AT] ?? 0)) throw new WireError("another mechanism", i);
  }
  if (bytes.length < GREETING_BYTES) return undefined;
  return { major: at(10), minor: at(11) };
}
