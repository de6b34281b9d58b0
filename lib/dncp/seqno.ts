/**
 * Sequence numbers: 32 bits that wrap (RFC 7787 §4.4).
 *
 * @module
 */

/** Whether `a` is older than `b`. At a distance of exactly 2^31 each is older than the other. */
export function isOlder(a: number, b: number): boolean {
  return ((a - b) >>> 31) === 1;
}

/** `a + n` modulo 2^32. */
export function advance(a: number, n = 1): number {
  return (a + n) >>> 0;
}
