/** How often something may happen. */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { Allowance } from "../../../lib/agent/network/allowance.ts";

Deno.test("allowance: so many times within any second, and again when the first is a second old", () => {
  const allowance = new Allowance(3, 1_000);
  const asked = [0, 10, 20, 30, 999, 1_000, 1_001, 1_010, 1_015, 1_020, 1_021];
  deepStrictEqual(asked.filter((now) => allowance.take(now)), [0, 10, 20, 1_000, 1_010, 1_020]);
  strictEqual(new Allowance(0, 1_000).take(5), false);
});

Deno.test("allowance: asked without pause, it is never more than that", () => {
  const allowance = new Allowance(4, 1_000);
  const taken: number[] = [];
  for (let now = 0; now < 20_000; now += 7) if (allowance.take(now)) taken.push(now);
  for (const from of taken) {
    const within = taken.filter((now) => now >= from && now < from + 1_000).length;
    strictEqual(within <= 4, true, `${within} from ${from} on`);
  }
  strictEqual(taken.length >= 4 * 19, true);
});
