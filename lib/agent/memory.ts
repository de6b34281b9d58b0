/**
 * Gives back what the start has left over, and later what a busy hour has.
 *
 * @module
 */
import type { Machine } from "../core/mod.ts";

/** The runtime has compiled and stored everything by then, in ms. */
const AFTER_START = 10_000;
const AGAIN = 3_600_000;

/** Calls `release` now and then. Where that answers false, it is of no use here, and never asked again. */
export class MemoryKeeper implements Machine {
  readonly #release: () => boolean;
  #at: number;

  constructor(now: number, release: () => boolean) {
    this.#release = release;
    this.#at = now + AFTER_START;
  }

  nextWake(): number {
    return this.#at;
  }

  wake(now: number): void {
    if (now < this.#at) return;
    this.#at = this.#release() ? now + AGAIN : Infinity;
  }
}
