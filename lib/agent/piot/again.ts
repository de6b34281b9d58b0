/**
 * Two ways to come back to something: in the next turn of the event loop, and a good while later.
 *
 * @module
 */
import type { Machine } from "../../core/mod.ts";

/** Until a disk that was full may have room, in ms. */
const WHILE = 10_000;

/** Does something a while after it was asked for, once for all that ask meanwhile. */
export class Again implements Machine {
  readonly #work: () => void;
  #at = Infinity;

  constructor(work: () => void) {
    this.#work = work;
  }

  after(now: number): void {
    this.#at = Math.min(this.#at, now + WHILE);
  }

  nextWake(): number {
    return this.#at;
  }

  wake(): void {
    this.#at = Infinity;
    this.#work();
  }
}

const { port1, port2 } = new MessageChannel();
const afterwards: (() => void)[] = [];

/** Calls back in the next turn of the event loop: sooner than a timer could. */
export function afterInput(callback: () => void): void {
  afterwards.push(callback);
  if (afterwards.length > 1) return;
  port1.onmessage = () => {
    port1.onmessage = null;
    for (const one of afterwards.splice(0)) one();
  };
  port2.postMessage(null);
}
