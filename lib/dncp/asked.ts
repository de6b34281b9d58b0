/**
 * Which node data were asked for a moment ago, so that the same data are not asked of several peers
 * at once.
 *
 * @module
 */
import type { NodeId } from "./api.ts";
import { isOlder } from "./seqno.ts";

/** From so many entries on, those that have run out are dropped now and then. */
const MANY = 256;

/** Requests for node data that may still be answered. */
export class Asked {
  readonly #open = new Map<NodeId, { seqno: number; until: number }>();
  #sweepAt = MANY;

  /** Whether data for this node, at least as new as `seqno`, are on their way. */
  pending(now: number, id: NodeId, seqno: number): boolean {
    const entry = this.#open.get(id);
    return entry !== undefined && entry.until > now && !isOlder(entry.seqno, seqno);
  }

  /** Data are being asked for; the answer is waited for until `until`. */
  note(now: number, id: NodeId, seqno: number, until: number): void {
    if (this.#open.size >= this.#sweepAt) {
      for (const [key, entry] of this.#open) if (entry.until <= now) this.#open.delete(key);
      // Not again before as many have come as were looked at now: a list may name thousands.
      this.#sweepAt = Math.max(MANY, 2 * this.#open.size);
    }
    this.#open.set(id, { seqno, until });
  }

  /** The data came; true where they had been asked for. */
  settle(now: number, id: NodeId): boolean {
    const entry = this.#open.get(id);
    this.#open.delete(id);
    return entry !== undefined && entry.until > now;
  }
}
