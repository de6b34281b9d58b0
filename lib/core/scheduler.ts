/**
 * One scheduler for all machines: it owns the only real timer, sleeps until the earliest wake that
 * any machine asks for, and calls those that are due.
 *
 * @module
 */
import type { Clock } from "./clock.ts";

/** A protocol machine as the scheduler sees it. */
export interface Machine {
  /** When it wants to be woken: milliseconds on the monotonic clock, `Infinity` for never. */
  nextWake(): number;
  /** Called once `now >= nextWake()`. It must move `nextWake()` beyond `now`. */
  wake(now: number): void;
}

/** Calls back once, `delay` milliseconds from now, unless what it returns is called before. */
export type Timer = (callback: () => void, delay: number) => () => void;

/** The one real timer. Tests bring their own. */
const realTimer: Timer = (callback, delay) => {
  const timer = setTimeout(callback, delay);
  return () => clearTimeout(timer);
};

/** The longest sleep that a 32-bit timer takes, in milliseconds. */
export const LONGEST_SLEEP = 0x7fff_ffff;

/**
 * Runs machines on real time. Whoever feeds a machine from outside calls {@linkcode touch}
 * afterwards, because the input may have moved the machine's next wake.
 */
export class Scheduler {
  readonly #clock: Clock;
  readonly #machines = new Set<Machine>();
  readonly #onError: (error: unknown, machine: Machine) => void;
  readonly #timer: Timer;
  /** Ends the sleep under way. */
  #cancel: (() => void) | undefined;
  #armedFor = Infinity;
  #touched = false;
  #stopped = false;

  /** `onError` is told of a machine that threw in `wake`; the others run on. */
  constructor(
    clock: Clock,
    onError: (error: unknown, machine: Machine) => void,
    timer: Timer = realTimer,
  ) {
    this.#clock = clock;
    this.#onError = onError;
    this.#timer = timer;
  }

  /** Monotonic milliseconds, for handing to machines. */
  now(): number {
    return this.#clock.now();
  }

  add(machine: Machine): void {
    this.#machines.add(machine);
    this.touch();
  }

  remove(machine: Machine): void {
    this.#machines.delete(machine);
  }

  /** Ask all machines again for their next wake, at the end of the current turn. */
  touch(): void {
    if (this.#touched || this.#stopped) return;
    this.#touched = true;
    queueMicrotask(() => {
      this.#touched = false;
      this.#arm();
    });
  }

  /** Stop for good. Machines are not told. */
  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
    this.#machines.clear();
  }

  #arm(): void {
    if (this.#stopped) return;
    let earliest = Infinity;
    for (const machine of this.#machines) earliest = Math.min(earliest, machine.nextWake());
    if (earliest === this.#armedFor && this.#cancel !== undefined) return;
    this.#cancel?.();
    this.#cancel = undefined;
    this.#armedFor = earliest;
    if (earliest === Infinity) return;
    const delay = Math.min(Math.max(0, Math.ceil(earliest - this.#clock.now())), LONGEST_SLEEP);
    this.#cancel = this.#timer(() => this.#run(), delay);
  }

  #run(): void {
    this.#cancel = undefined;
    this.#armedFor = Infinity;
    const now = this.#clock.now();
    for (const machine of [...this.#machines]) {
      if (machine.nextWake() > now || !this.#machines.has(machine)) continue;
      try {
        machine.wake(now);
      } catch (error) {
        this.#onError(error, machine);
      }
    }
    this.#arm();
  }
}
