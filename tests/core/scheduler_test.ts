import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  type Clock,
  type Machine,
  monotonicClock,
  Scheduler,
  type Timer,
} from "../../lib/core/mod.ts";

/** Virtual time: a clock, and timers that fire when it is moved. */
class VirtualTime implements Clock {
  #now = 1_000;
  #timers = new Map<number, { at: number; callback: () => void }>();
  #next = 1;
  /** The delays asked for. */
  readonly delays: number[] = [];

  now(): number {
    return this.#now;
  }

  wall(): number {
    return 0;
  }

  readonly timer: Timer = (callback, delay) => {
    this.delays.push(delay);
    const id = this.#next++;
    this.#timers.set(id, { at: this.#now + delay, callback });
    return () => this.#timers.delete(id);
  };

  get armed(): number {
    return this.#timers.size;
  }

  /** Lets microtasks run, then moves time and fires what falls due, in order. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await Promise.resolve();
      let first: [number, { at: number; callback: () => void }] | undefined;
      for (const entry of this.#timers) if (!first || entry[1].at < first[1].at) first = entry;
      if (!first || first[1].at > end) break;
      this.#timers.delete(first[0]);
      this.#now = Math.max(this.#now, first[1].at);
      first[1].callback();
    }
    this.#now = end;
  }
}

class Ticker implements Machine {
  readonly woken: number[] = [];
  constructor(public next: number, readonly interval: number) {}
  nextWake(): number {
    return this.next;
  }
  wake(now: number): void {
    this.woken.push(now);
    this.next = now + this.interval;
  }
}

function rethrow(error: unknown): never {
  throw error;
}

Deno.test("scheduler: wakes each machine when it asked to be woken, on one timer", async () => {
  const time = new VirtualTime();
  const scheduler = new Scheduler(time, rethrow, time.timer);
  const fast = new Ticker(1_010, 10);
  const slow = new Ticker(1_025, 50);
  scheduler.add(fast);
  scheduler.add(slow);
  await time.advance(40);
  deepStrictEqual(fast.woken, [1_010, 1_020, 1_030, 1_040]);
  deepStrictEqual(slow.woken, [1_025]);
  strictEqual(time.armed, 1);
  strictEqual(scheduler.now(), 1_040);
});

Deno.test("scheduler: a machine that wants nothing costs no timer", async () => {
  const time = new VirtualTime();
  const scheduler = new Scheduler(time, rethrow, time.timer);
  scheduler.add(new Ticker(Infinity, 1));
  await time.advance(1_000);
  strictEqual(time.armed, 0);
  deepStrictEqual(time.delays, []);
});

Deno.test("scheduler: touch finds a wake that moved, earlier or later", async () => {
  const time = new VirtualTime();
  const scheduler = new Scheduler(time, rethrow, time.timer);
  const machine = new Ticker(5_000, 10_000);
  scheduler.add(machine);
  await time.advance(10);
  machine.next = 1_020;
  scheduler.touch();
  scheduler.touch();
  await time.advance(15);
  deepStrictEqual(machine.woken, [1_020]);
  machine.next = 90_000;
  scheduler.touch();
  await time.advance(20_000);
  deepStrictEqual(machine.woken, [1_020]);
  // One timer for the first wish, one for the earlier one, one after it ran, one for the later.
  strictEqual(time.delays.length, 4);
});

Deno.test("scheduler: a wake in the past is due at once", async () => {
  const time = new VirtualTime();
  const scheduler = new Scheduler(time, rethrow, time.timer);
  const machine = new Ticker(-50, 1_000_000);
  scheduler.add(machine);
  await time.advance(0);
  deepStrictEqual(machine.woken, [1_000]);
  deepStrictEqual(time.delays.slice(0, 1), [0]);
});

Deno.test("scheduler: sleeps longer than a 32-bit timer", async () => {
  const time = new VirtualTime();
  const scheduler = new Scheduler(time, rethrow, time.timer);
  const days60 = 60 * 86_400_000;
  const machine = new Ticker(1_000 + days60, Infinity);
  scheduler.add(machine);
  await time.advance(days60 - 1);
  deepStrictEqual(machine.woken, []);
  ok(time.delays.every((delay) => delay <= 0x7fff_ffff));
  await time.advance(1);
  deepStrictEqual(machine.woken, [1_000 + days60]);
});

Deno.test("scheduler: one machine that throws does not stop the others", async () => {
  const time = new VirtualTime();
  const errors: [unknown, Machine][] = [];
  const scheduler = new Scheduler(
    time,
    (error, machine) => errors.push([error, machine]),
    time.timer,
  );
  const broken = new Ticker(1_010, 10);
  broken.wake = function (now) {
    this.next = now + 10;
    throw new Error("broken");
  };
  const sound = new Ticker(1_010, 10);
  scheduler.add(broken);
  scheduler.add(sound);
  await time.advance(20);
  deepStrictEqual(sound.woken, [1_010, 1_020]);
  strictEqual(errors.length, 2);
  strictEqual((errors[0]![0] as Error).message, "broken");
  strictEqual(errors[0]![1], broken);
});

Deno.test("scheduler: removed machines and a stopped scheduler stay silent", async () => {
  const time = new VirtualTime();
  const scheduler = new Scheduler(time, rethrow, time.timer);
  const gone = new Ticker(1_010, 10);
  const remover = new Ticker(1_010, 10);
  remover.wake = (now) => {
    scheduler.remove(gone);
    remover.woken.push(now);
    remover.next = now + 10;
  };
  // The remover stands first, so that it acts while the other is due in the same turn.
  scheduler.add(remover);
  scheduler.add(gone);
  await time.advance(10);
  deepStrictEqual([remover.woken, gone.woken], [[1_010], []]);
  scheduler.stop();
  strictEqual(time.armed, 0);
  scheduler.add(gone);
  scheduler.touch();
  await time.advance(1_000);
  deepStrictEqual([remover.woken, gone.woken], [[1_010], []]);
});

Deno.test("scheduler: runs on real time by default", async () => {
  const woken = Promise.withResolvers<number>();
  const scheduler = new Scheduler(monotonicClock, rethrow);
  const due = scheduler.now() + 2;
  let next = due;
  scheduler.add({
    nextWake: () => next,
    wake(now) {
      next = Infinity;
      woken.resolve(now);
    },
  });
  ok(await woken.promise >= due);
  scheduler.stop();
});
