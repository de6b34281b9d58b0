/**
 * Who passes a message on to whom (`spec/pzog.md` §3.2). With N servers and m = floor(N / 2): the
 * server that a client has chosen sends one copy to each of +1 … +m, and each of those passes it on
 * to the one m further, where that is not behind the whole ring. So the offsets 0 … N − 1 are reached
 * once each.
 *
 * @module
 */

/** One octet tells the wrapping: 0–9, then A–Z. So m ≤ 35. */
const OCTETS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/** The largest ring whose wrappings fit into one octet. */
export const MAX_MEMBERS = 71;

/** A copy that the server which a client has chosen sends. */
export interface Hop {
  /** To whom, counted from the sender. */
  readonly offset: number;
  /** How far the receiver passes it on, counted from itself; 0: not at all. */
  readonly wrapping: number;
}

/** The largest wrapping of a ring of `members`. */
export function largestWrapping(members: number): number {
  return Math.floor(members / 2);
}

/**
 * The copies of a client's message, nearest first.
 *
 * ```ts
 * import { firstHops } from "./topology.ts";
 * const hops = firstHops(5).map(({ offset, wrapping }) => `+${offset}: ${wrapping}`).join();
 * if (hops !== "+1: 2,+2: 2") throw new Error(hops);
 * ```
 *
 * @throws {RangeError} where the ring has no members or more than {@linkcode MAX_MEMBERS}.
 */
export function firstHops(members: number): Hop[] {
  if (!(Number.isInteger(members) && members >= 1 && members <= MAX_MEMBERS)) {
    throw new RangeError(`a ring has 1 to ${MAX_MEMBERS} members, not ${members}`);
  }
  const m = largestWrapping(members);
  return Array.from({ length: m }, (_, i) => ({
    offset: i + 1,
    wrapping: i + 1 + m <= members - 1 ? m : 0,
  }));
}

/** The octet that stands for a wrapping. */
export function wrappingOctet(wrapping: number): number {
  return OCTETS.charCodeAt(wrapping);
}

/** The wrapping that an octet stands for; undefined where it stands for none. */
export function wrappingOf(octet: number): number | undefined {
  if (octet >= 0x30 && octet <= 0x39) return octet - 0x30;
  if (octet >= 0x41 && octet <= 0x5a) return octet - 0x41 + 10;
  return undefined;
}
