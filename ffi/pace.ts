/**
 * When a poll loop should wait a millisecond, so that more is there to read at once. Above about a
 * thousand wakes a second the waking costs more than the reading: at 50 000 frames/s 35 µs a frame
 * without the wait, 5 µs with it.
 *
 * @module
 */

/** The wait, in ms. */
const WAIT = 1;
/** It begins where the mean time between wakes is below this, and ends where above that; in ms. */
const DENSE = 1;
const SPARSE = 5;
/** A gap as long as this, in ms, is a new beginning: it takes about 50 dense wakes in a row. */
const LONGEST_GAP = 20;
/** Share of a new gap in the mean. */
const WEIGHT = 1 / 16;

/** Watches how often the loop wakes, and sleeps for it. */
export class Pace {
  #last = -Infinity;
  #meanGap = LONGEST_GAP;
  #dense = false;
  #endSleep: (() => void) | undefined;

  /** To be called after each wake, with monotonic ms. How long to sleep now, in ms: 0 for not at all. */
  afterDrain(now: number): number {
    const gap = now - this.#last;
    this.#last = now;
    if (gap >= LONGEST_GAP) this.#meanGap = LONGEST_GAP;
    else this.#meanGap += (gap - this.#meanGap) * WEIGHT;
    this.#dense = this.#meanGap < (this.#dense ? SPARSE : DENSE);
    return this.#dense ? WAIT : 0;
  }

  /** Sleeps, unless {@linkcode interrupt} comes before. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.interrupt(), ms);
      this.#endSleep = () => {
        clearTimeout(timer);
        this.#endSleep = undefined;
        resolve();
      };
    });
  }

  interrupt(): void {
    this.#endSleep?.();
  }
}
