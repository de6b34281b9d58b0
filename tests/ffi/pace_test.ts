/** When the poll loop waits for more. */
import { ok, strictEqual } from "node:assert/strict";
import { Pace } from "../../ffi/pace.ts";

/** Wakes `count` times, `gap` ms apart. How often it was to wait. */
function wakes(pace: Pace, clock: { now: number }, count: number, gap: number): number {
  let waits = 0;
  for (let i = 0; i < count; i++) {
    clock.now += gap;
    if (pace.afterDrain(clock.now) > 0) waits++;
  }
  return waits;
}

Deno.test("a few frames are read at once, however close together", () => {
  const pace = new Pace();
  const clock = { now: 1_000 };
  strictEqual(wakes(pace, clock, 1, 0), 0);
  strictEqual(wakes(pace, clock, 30, 0.02), 0);
  // After a silence it is as new.
  for (let i = 0; i < 20; i++) {
    strictEqual(wakes(pace, clock, 1, 500), 0);
    strictEqual(wakes(pace, clock, 20, 0.02), 0);
  }
});

Deno.test("900 wakes a second are served at once, 2 000 are gathered", () => {
  const clock = { now: 0 };
  strictEqual(wakes(new Pace(), clock, 5_000, 1.1), 0);
  const pace = new Pace();
  wakes(pace, clock, 100, 0.5);
  strictEqual(wakes(pace, clock, 1_000, 0.5), 1_000);
});

Deno.test("the wait itself does not end the waiting, quieter traffic does", () => {
  const pace = new Pace();
  const clock = { now: 0 };
  wakes(pace, clock, 100, 0.02);
  // A timer of 1 ms takes 2, and there is something to read each time.
  strictEqual(wakes(pace, clock, 1_000, 2.2), 1_000);
  ok(wakes(pace, clock, 100, 8) < 20);
  strictEqual(wakes(pace, clock, 100, 8), 0);
});

Deno.test("a sleep can be cut short, and leaves no timer", async () => {
  const pace = new Pace();
  const sleeping = pace.sleep(1_000_000);
  pace.interrupt();
  await sleeping;
  pace.interrupt();
  await pace.sleep(0);
});
