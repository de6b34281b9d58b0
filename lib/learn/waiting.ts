/**
 * Waits of a program: for something to come, or for the time to be over.
 *
 * @module
 */
import { LONGEST_SLEEP, type Timer } from "../core/scheduler.ts";
import { NetworkZeroError, SocketInterruptedError } from "../nearby/errors.ts";

/** Wait without limit. */
export const FOREVER = Infinity;

interface Wait {
  /** Monotonic ms. */
  readonly end: number;
  readonly wake: () => void;
}

/**
 * Keeps time for waits. As long as anybody waits the program stays alive; nothing else of this room
 * keeps it so.
 *
 * One timer serves all waits, and is not moved when one ends before its time, as nearly all do:
 * making a timer costs more than a round trip's share of everything else.
 */
export class Waits {
  readonly #now: () => number;
  readonly #timer: Timer;
  readonly #waits = new Set<Wait>();
  #armedFor = Infinity;
  #disarm: (() => void) | undefined;
  #anchor: ReturnType<typeof setInterval> | undefined;
  #stopped = false;

  /** `timer`: one that does not keep the program running. */
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
      if (this.#now() >= end) return undefined;
      await this.#sleep(end, listen);
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
    this.#disarm?.();
    clearInterval(this.#anchor);
    for (const { wake } of [...this.#waits]) wake();
  }

  #sleep(end: number, listen: (again: () => void) => () => void): Promise<void> {
    return new Promise((resolve) => {
      const wait: Wait = {
        end,
        wake: () => {
          unlisten();
          this.#remove(wait);
          resolve();
        },
      };
      this.#add(wait);
      const unlisten = listen(wait.wake);
    });
  }

  #add(wait: Wait): void {
    if (this.#waits.size === 0) {
      if (this.#anchor === undefined) this.#anchor = setInterval(() => {}, LONGEST_SLEEP);
      else this.#anchor.ref();
    }
    this.#waits.add(wait);
    if (wait.end < this.#armedFor) this.#arm(wait.end);
  }

  #remove(wait: Wait): void {
    this.#waits.delete(wait);
    if (this.#waits.size === 0) this.#anchor?.unref();
  }

  #arm(at: number): void {
    this.#disarm?.();
    this.#armedFor = at;
    const delay = Math.min(Math.max(0, Math.ceil(at - this.#now())), LONGEST_SLEEP);
    this.#disarm = this.#timer(() => this.#run(), delay);
  }

  #run(): void {
    this.#armedFor = Infinity;
    this.#disarm = undefined;
    const now = this.#now();
    for (const wait of [...this.#waits]) if (wait.end <= now) wait.wake();
    let next = Infinity;
    for (const { end } of this.#waits) next = Math.min(next, end);
    if (next < this.#armedFor) this.#arm(next);
  }
}

/** Lets what the kernel has come in. */
async function inputTurn(): Promise<void> {
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
