/**
 * Building this node's own node data (RFC 7787 §7.2.3).
 *
 * @module
 */
import { compareBytes, concat } from "../wire/mod.ts";

/** Node data as RFC 7787 §7.2.3 wants it: encoded TLVs in strictly ascending order, each once. */
export function sortTlvs(encoded: readonly Uint8Array[]): Uint8Array[] {
  const sorted = [...encoded].sort(compareBytes);
  return sorted.filter((tlv, i) => i === 0 || compareBytes(sorted[i - 1] as Uint8Array, tlv) !== 0);
}

/** What this node has published, and what it will publish next. */
export class OwnData {
  #application: readonly Uint8Array[] = [];

  /** The application's TLVs; replaces those of before. */
  setApplication(encoded: readonly Uint8Array[]): void {
    this.#application = [...encoded];
  }

  /** Node data of the application's TLVs and those that DNCP adds itself. */
  build(added: readonly Uint8Array[]): Uint8Array {
    return concat(sortTlvs([...this.#application, ...added]));
  }
}
