/**
 * Virtual time for programs on real sockets: while anything happens it stands still, and when
 * nothing has happened for a moment it jumps to the next timer.
 *
 * @module
 */
import type { Clock, Timer } from "../../lib/core/mod.ts";

/** A real moment without any event, in ms, after which nothing more is expected. */
const QUIET = 40;

export class IdleTime {
  #now = 1_000;
  readonly #timers = new Set<{ at: number; callback: () => void }>();

  readonly clock: Clock = { now: () => this.#now, wall: () => 0 };

  readonly timer: Timer = (callback, delay) => {
    const timer = { at: this.#now + delay, callback };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  };

  get now(): number {
    return this.#now;
  }

  /** Waits for a promise, and lets time pass where nothing else happens. Returns the seconds, too. */
  async run<T>(promise: Promise<T>): Promise<{ result: T; seconds: number }> {
    const start = this.#now;
    let settled = false;
    const mark = () => {
      settled = true;
    };
    promise.then(mark, mark);
    while (!settled) {
      await new Promise((resolve) => setTimeout(resolve, QUIET));
      if (!settled) this.#jump();
    }
    return { result: await promise, seconds: (this.#now - start) / 1000 };
  }

  #jump(): void {
    const [next] = [...this.#timers].sort((a, b) => a.at - b.at);
    if (!next) return;
    this.#timers.delete(next);
    this.#now = Math.max(this.#now, next.at);
    next.callback();
  }
}
