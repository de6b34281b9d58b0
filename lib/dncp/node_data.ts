/**
 * The order of node data (RFC 7787 §7.2.3).
 *
 * @module
 */
import { compareBytes } from "../wire/mod.ts";

/** Encoded TLVs in strictly ascending order of their bytes, each once. */
export function sortTlvs(encoded: readonly Uint8Array[]): Uint8Array[] {
  const sorted = [...encoded].sort(compareBytes);
  return sorted.filter((tlv, i) => i === 0 || compareBytes(sorted[i - 1] as Uint8Array, tlv) !== 0);
}
