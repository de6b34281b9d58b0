/**
 * How often something may happen that strangers can cause.
 *
 * @module
 */

/** At most so many times within any such stretch of time. */
export class Allowance {
  readonly #withinMs: number;
  /** When it happened, on the monotonic clock; as many as may be, the oldest at `#next`. */
  readonly #times: number[];
  #next = 0;

  constructor(most: number, withinMs: number) {
    this.#withinMs = withinMs;
    this.#times = Array.from({ length: most }, () => -Infinity);
  }

  /** Whether it may happen now; if so, it has. */
  take(now: number): boolean {
    const oldest = this.#times[this.#next];
    if (oldest === undefined || now - oldest < this.#withinMs) return false;
    this.#times[this.#next] = now;
    this.#next = (this.#next + 1) % this.#times.length;
    return true;
  }
}
