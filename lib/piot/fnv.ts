/**
 * The hash of a confirmation (spec/piot.md §6).
 *
 * @module
 */

/** The hash of no octets. */
export const FNV_START = 0x811c9dc5;

/** FNV-1a, 32 bits: the hash of what `start` was the hash of, followed by `bytes`. */
export function fnv1a(bytes: Uint8Array, start: number = FNV_START): number {
  let hash = start;
  for (let i = 0; i < bytes.length; i++) {
    hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
  }
  return hash >>> 0;
}
