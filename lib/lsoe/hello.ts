/**
 * The HELLO beacon (spec/lsoe.md §5.2): one rhythm for all interfaces, which nothing shifts.
 *
 * @module
 */

/** When the next round of HELLOs is due. */
export class Beacon {
  readonly #interval: number;
  #next: number;

  /** `interval` in ms; 0 or less: never. The first round is one interval after `now`. */
  constructor(now: number, interval: number) {
    this.#interval = interval;
    this.#next = interval > 0 ? now + interval : Infinity;
  }

  get next(): number {
    return this.#next;
  }

  /** Whether a round is due; then the next one is set, on the beat, after `now`. */
  due(now: number): boolean {
    if (now < this.#next) return false;
    const late = Math.floor((now - this.#next) / this.#interval);
    this.#next += (late + 1) * this.#interval;
    // Fractions of a millisecond may be lost in the sum above.
    if (this.#next <= now) this.#next = now + this.#interval;
    return true;
  }
}
