/** When memory is given back. */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { MemoryKeeper } from "../../lib/agent/memory.ts";

Deno.test("memory is given back soon after the start, and each hour", () => {
  const released: number[] = [];
  let now = 500;
  const keeper = new MemoryKeeper(now, () => released.push(now) > 0);
  keeper.wake(now);
  while (now < 3 * 3_600_000) {
    now = keeper.nextWake();
    keeper.wake(now);
  }
  deepStrictEqual(released, [10_500, 3_610_500, 7_210_500, 10_810_500]);
});

Deno.test("memory: where the C library cannot do it, it is asked once", () => {
  let asked = 0;
  const keeper = new MemoryKeeper(0, () => ++asked < 0);
  keeper.wake(10_000);
  strictEqual(keeper.nextWake(), Infinity);
  keeper.wake(1e9);
  strictEqual(asked, 1);
});
