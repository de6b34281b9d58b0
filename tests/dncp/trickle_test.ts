/** Trickle's properties (RFC 6206 §4.2), and sequence numbers that wrap. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { Random } from "../../lib/core/mod.ts";
import { advance, isOlder, Trickle } from "../../lib/dncp/mod.ts";

const parameters = fc.record({
  imin: fc.integer({ min: 10, max: 500 }),
  doublings: fc.nat(9),
  k: fc.integer({ min: 1, max: 4 }),
  seed: fc.integer(),
  start: fc.double({ min: 0, max: 1e9, noNaN: true }),
});

interface Parameters {
  readonly imin: number;
  readonly doublings: number;
  readonly k: number;
  readonly seed: number;
  readonly start: number;
}

function make({ imin, doublings, k, seed, start }: Parameters): { timer: Trickle; imax: number } {
  // A longest interval that is no power of two of the shortest: it is a cap.
  const imax = imin * 2 ** doublings * 0.75 + imin / 4;
  return { timer: new Trickle({ imin, imax, k }, new Random(seed), start), imax };
}

Deno.test("trickle: t lies in [I/2, I), and I doubles up to Imax", () => {
  fc.assert(fc.property(parameters, (p) => {
    const { timer, imax } = make(p);
    let start = p.start;
    let expected = p.imin;
    for (let i = 0; i < 14; i++) {
      strictEqual(timer.interval, expected);
      const t = timer.nextWake;
      ok(t >= start + expected / 2 && t <= start + expected, `${t - start} of ${expected}`);
      ok(timer.wake(t), "nothing heard: sent");
      const end = start + expected;
      strictEqual(timer.nextWake, end);
      ok(!timer.wake(end));
      start = end;
      expected = Math.min(2 * expected, imax);
    }
    strictEqual(timer.interval, imax);
  }));
});

Deno.test("trickle: t is spread over its half interval", () => {
  const timer = new Trickle({ imin: 100, imax: 100, k: 1 }, new Random(7), 0);
  const buckets = new Array<number>(10).fill(0);
  for (let start = 0; start < 200_000; start += 100) {
    const t = timer.nextWake - start;
    const bucket = Math.floor((t - 50) / 5);
    buckets[bucket] = (buckets[bucket] ?? 0) + 1;
    timer.wake(timer.nextWake);
    timer.wake(start + 100);
  }
  strictEqual(buckets.length, 10);
  ok(buckets.every((count) => count > 140 && count < 260), `${buckets}`);
});

Deno.test("trickle: k consistent messages silence it, for this interval only", () => {
  fc.assert(fc.property(parameters, fc.nat(5), (p, heard) => {
    const { timer } = make(p);
    for (let i = 0; i < heard; i++) timer.hearConsistent();
    strictEqual(timer.wake(timer.nextWake), heard < p.k);
    // What is heard behind t counts for nothing.
    for (let i = 0; i < 9; i++) timer.hearConsistent();
    timer.wake(timer.nextWake);
    ok(timer.wake(timer.nextWake), "the next interval counts anew");
  }));
});

Deno.test("trickle: a reset goes back to Imin, and changes nothing at Imin", () => {
  fc.assert(
    fc.property(
      parameters,
      fc.nat(40),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (p, wakes, part) => {
        const { timer } = make(p);
        let now = p.start;
        for (let i = 0; i < wakes; i++) timer.wake(now = timer.nextWake);
        const next = timer.nextWake;
        now += (next - now) * part;
        const { interval } = timer;
        timer.reset(now);
        strictEqual(timer.interval, p.imin);
        if (interval === p.imin) strictEqual(timer.nextWake, next);
        else ok(timer.nextWake >= now + p.imin / 2 && timer.nextWake <= now + p.imin);
      },
    ),
  );
});

Deno.test("trickle: steady resets do not silence it", () => {
  const timer = new Trickle({ imin: 200, imax: 25_600, k: 1 }, new Random(1), 0);
  let sent = 0;
  for (let now = 0; now < 10_000; now += 10) {
    if (now % 50 === 0) timer.reset(now);
    if (timer.nextWake <= now && timer.wake(now)) sent++;
  }
  ok(sent > 10, `${sent} in 10 s of changes`);
});

Deno.test("trickle: after a keep-alive the interval begins anew with the same length", () => {
  const timer = new Trickle({ imin: 100, imax: 1_600, k: 1 }, new Random(1), 0);
  for (let i = 0; i < 6; i++) timer.wake(timer.nextWake);
  const { interval } = timer;
  strictEqual(interval, 800);
  timer.hearConsistent();
  timer.restart(5_000);
  strictEqual(timer.interval, interval);
  ok(timer.nextWake >= 5_400 && timer.nextWake <= 5_800);
  ok(timer.wake(timer.nextWake), "and what was heard before is forgotten");
});

Deno.test("trickle: a late wake catches up without a burst", () => {
  fc.assert(
    fc.property(
      parameters,
      fc.nat(30),
      fc.integer({ min: 0, max: 10_000_000 }),
      (p, wakes, late) => {
        const { timer, imax } = make(p);
        for (let i = 0; i < wakes; i++) timer.wake(timer.nextWake);
        let now = timer.nextWake + late;
        const before = now;
        let sent = 0;
        // The computer slept: all wakes that are due come now, one right after the other.
        for (let i = 0; timer.nextWake <= now; i++) {
          if (timer.wake(now)) sent++;
          ok(i < 3, "it comes to rest");
        }
        ok(sent <= 2, `${sent} messages at once`);
        ok(timer.nextWake <= now + imax, "and the next wake is not further away than Imax");
        now = timer.nextWake;
        timer.wake(now);
        ok(now >= before);
      },
    ),
  );
});

Deno.test("sequence numbers: any step below 2^31 is newer, also across the wrap", () => {
  const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
  fc.assert(fc.property(u32, fc.integer({ min: 1, max: 0x7fff_ffff }), (a, step) => {
    const b = advance(a, step);
    ok(b >= 0 && b <= 0xffff_ffff && Number.isInteger(b));
    ok(isOlder(a, b) && !isOlder(b, a));
    ok(!isOlder(a, a));
  }));
  fc.assert(fc.property(u32, (a) => {
    const far = advance(a, 2 ** 31);
    ok(isOlder(a, far) && isOlder(far, a), "at 2^31 each is older than the other");
  }));
  deepStrictEqual([advance(0xffff_ffff), advance(0xffff_fffe, 3)], [0, 1]);
});
