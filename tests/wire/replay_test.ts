import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { ReplayGuard } from "../../lib/wire/mod.ts";

const WINDOW = 256;

/** The same rule, with everything ever taken in a set. */
class SlowGuard {
  readonly #epochs = new Map<string, number>();
  readonly #taken = new Map<string, Set<number>>();

  accept(sender: string, epoch: number, counter: number): boolean {
    const newest = this.#epochs.get(sender);
    if (newest === undefined || epoch > newest) {
      this.#epochs.set(sender, epoch);
      this.#taken.set(sender, new Set([counter]));
      return true;
    }
    if (epoch < newest) return false;
    const taken = this.#taken.get(sender)!;
    if (taken.has(counter) || counter <= Math.max(...taken) - WINDOW) return false;
    taken.add(counter);
    return true;
  }
}

Deno.test("replay: agrees with the slow rule on any sequence of messages", () => {
  // Counters move around the newest one, so that old places in the window are used again.
  const step = fc.oneof(
    fc.integer({ min: -WINDOW - 5, max: 5 }),
    fc.integer({ min: -40, max: 120 }),
    fc.constantFrom(-WINDOW, 1 - WINDOW, 0, 1, WINDOW - 1, WINDOW, WINDOW + 1, 3 * WINDOW),
  );
  const message = fc.tuple(
    fc.constantFrom("a", "b"),
    fc.oneof({ weight: 30, arbitrary: fc.constant(0) }, {
      weight: 1,
      arbitrary: fc.integer({ min: -1, max: 1 }),
    }),
    step,
  );
  fc.assert(
    fc.property(fc.array(message, { maxLength: 200, size: "max" }), (messages) => {
      const fast = new ReplayGuard();
      const slow = new SlowGuard();
      const newest = { a: { epoch: 5, counter: 300 }, b: { epoch: 5, counter: 300 } };
      for (const [i, [sender, epochStep, step]] of messages.entries()) {
        const of = newest[sender as "a" | "b"];
        const epoch = of.epoch + epochStep;
        const counter = Math.max(0, of.counter + step);
        const wanted = slow.accept(sender, epoch, counter);
        strictEqual(
          fast.accept(sender, epoch, counter),
          wanted,
          `#${i}: ${sender} ${epoch} ${counter}`,
        );
        if (wanted && (epoch > of.epoch || counter > of.counter)) {
          Object.assign(of, { epoch, counter });
        }
      }
    }),
    { numRuns: 300 },
  );
});

Deno.test("replay: places in the window are free again once it moved on", () => {
  const guard = new ReplayGuard();
  for (let counter = 0; counter <= 100; counter++) ok(guard.accept("a", 1, counter));
  ok(guard.accept("a", 1, 300));
  // Late ones that fall on the places of 4 and 43.
  ok(guard.accept("a", 1, WINDOW + 4));
  ok(guard.accept("a", 1, WINDOW + 43));
  ok(!guard.accept("a", 1, WINDOW + 4));
  ok(!guard.accept("a", 1, 60));
});

Deno.test("replay: the window's edges", () => {
  const guard = new ReplayGuard();
  ok(guard.accept("a", 1, 1_000));
  ok(!guard.accept("a", 1, 1_000));
  ok(guard.accept("a", 1, 1_000 - WINDOW + 1));
  ok(!guard.accept("a", 1, 1_000 - WINDOW + 1));
  ok(!guard.accept("a", 1, 1_000 - WINDOW));
  // A step of one empties just the bit that changes hands.
  ok(guard.accept("a", 1, 1_001));
  ok(!guard.accept("a", 1, 1_001 - WINDOW));
  ok(guard.accept("a", 1, 1_002 - WINDOW + 1));
  // A leap of a whole window and more empties all.
  ok(guard.accept("a", 1, 1_001 + WINDOW));
  ok(!guard.accept("a", 1, 1_001));
  ok(guard.accept("a", 1, 1_002));
});

Deno.test("replay: a restarted sender begins anew, and its old epoch is over", () => {
  const guard = new ReplayGuard();
  for (let i = 0; i < 500; i++) ok(guard.accept("a", 3, i));
  ok(guard.accept("a", 4, 0));
  ok(!guard.accept("a", 3, 500));
  ok(!guard.accept("a", 4, 0));
  ok(guard.accept("a", 4, 1));
});

Deno.test("replay: large counters and epochs are exact", () => {
  const guard = new ReplayGuard();
  const top = Number.MAX_SAFE_INTEGER;
  ok(guard.accept("a", top - 1, top - 3));
  ok(guard.accept("a", top - 1, top));
  ok(guard.accept("a", top - 1, top - 1));
  ok(!guard.accept("a", top - 1, top));
  ok(guard.accept("a", top, 0));
  ok(!guard.accept("a", top - 1, top - 2));
});

Deno.test("replay: senders do not meet, and the one silent longest is forgotten first", () => {
  const guard = new ReplayGuard(3);
  for (const sender of ["a", "b", "c"]) ok(guard.accept(sender, 1, 7));
  ok(guard.accept("a", 1, 8));
  // A refused message is no sign of life.
  ok(!guard.accept("b", 1, 7));
  ok(guard.accept("d", 1, 7));
  strictEqual(guard.size, 3);
  deepStrictEqual(["a", "c", "d"].map((sender) => guard.accept(sender, 1, 7)), [
    false,
    false,
    false,
  ]);
  ok(guard.accept("b", 1, 7), "b was forgotten");
  for (let i = 0; i < 10_000; i++) guard.accept(`s${i}`, 1, 0);
  strictEqual(guard.size, 3);
  throws(() => new ReplayGuard(0), RangeError);
});
