/**
 * Waits of a program: for something to come, or for the time to be over.
 *
 * @module
 */
import type { Timer } from "../core/scheduler.ts";
import { NetworkZeroError, SocketInterruptedError } from "../nearby/errors.ts";

/** Wait without limit. */
export const FOREVER = Infinity;
/** The longest a timer sleeps, in ms. */
const LONGEST_SLEEP = 0x7fff_ffff;

/** Keeps time for waits. Timers that run keep the program alive; nothing else of this room does. */
export class Waits {
  readonly #now: () => number;
  readonly #timer: Timer;
  readonly #stops = new Set<() => void>();
  #stopped = false;

  constructor(now: () => number, timer: Timer) {
    this.#now = now;
    this.#timer = timer;
  }

  /**
   * What `look` finds, as soon as it finds something; `undefined` when the time is over.
   * @param seconds 0: look once.
   * @param listen calls back when another look is worth while; returns how to end that.
   * @throws {SocketInterruptedError} after {@linkcode stop}.
   */
  async until<T>(
    seconds: number,
    look: () => T | undefined,
    listen: (again: () => void) => () => void,
  ): Promise<T | undefined> {
    let found = look();
    if (found !== undefined) return found;
    if (seconds === 0) {
      await inputTurn();
      return look();
    }
    const start = this.#now();
    const end = start + seconds * 1000;
    for (;;) {
      if (this.#stopped) throw new SocketInterruptedError((this.#now() - start) / 1000);
      const left = end - this.#now();
      if (!(left > 0)) return undefined;
      await new Promise<void>((resolve) => {
        const done = () => {
          cancel();
          unlisten();
          this.#stops.delete(done);
          resolve();
        };
        this.#stops.add(done);
        const cancel = this.#timer(done, Math.min(left, LONGEST_SLEEP));
        const unlisten = listen(done);
      });
      found = look();
      if (found !== undefined) return found;
    }
  }

  /** Sleeps. */
  async pause(seconds: number): Promise<void> {
    await this.until(seconds, () => undefined, () => () => {});
  }

  /** Ends all waits, now and to come. */
  stop(): void {
    this.#stopped = true;
    for (const stop of [...this.#stops]) stop();
  }
}

/** Lets what the kernel has come in. */
export async function inputTurn(): Promise<void> {
  // Two, because the first may find a reader that has not asked yet.
  for (let i = 0; i < 2; i++) await new Promise((resolve) => setTimeout(resolve, 0));
}

/** A wait as a learner gives it: seconds; `null` is for ever. @throws {NetworkZeroError} */
export function checkWait(seconds: number | null): number {
  if (seconds === null) return FOREVER;
  if (typeof seconds !== "number" || Number.isNaN(seconds) || seconds < 0) {
    throw new NetworkZeroError(`a time to wait is a number of seconds, and ${seconds} is none`);
  }
  return seconds;
}
