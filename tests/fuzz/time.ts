/**
 * Time for machines that are fuzzed.
 *
 * @module
 */
import { ok } from "node:assert/strict";

/** Wakes one after the other at one moment, beyond which a machine is a busy loop. */
const AT_ONCE = 20;
/** Wakes in one stretch of time. */
const MOST = 100_000;

/** What a scheduler asks of a machine. */
interface Timed {
  nextWake(): number;
  wake(now: number): void;
}

/**
 * Lets time pass as a scheduler does: wakes the machine when it wants, and not otherwise. Throws
 * where it wants something that is no time, or to be woken for ever.
 *
 * @returns the time after that.
 */
export function pass(machine: Timed, from: number, ms: number): number {
  const end = from + ms;
  let now = from;
  let still = 0;
  for (let wakes = 0;; wakes++) {
    const next = machine.nextWake();
    ok(!Number.isNaN(next), "it wants to be woken at no time at all");
    if (next > end) return end;
    still = next > now ? 0 : still + 1;
    ok(still <= AT_ONCE && wakes < MOST, `it wants to be woken for ever at ${now}`);
    now = Math.max(now, next);
    machine.wake(now);
  }
}
