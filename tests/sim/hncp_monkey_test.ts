/** hnetd's monkey: 7 routers with 2 ports each, 1 000 steps, and after each run all agree again. */
import { ok } from "node:assert/strict";
import { dncp } from "./dncp.ts";
import { SEEDS } from "./hncp_budget.ts";
import { monkey } from "./monkey.ts";

Deno.test("HNCP: 7 routers with 2 ports agree again after 1 000 steps of a monkey", () => {
  let steps = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const report = monkey({
      nodes: 7,
      ports: 2,
      links: 6,
      mode: "hncp",
      steps: 1_000,
      limit: 75_000,
      seed: 1_000 + seed,
      machine: dncp,
    });
    for (const count of report.steps.values()) steps += count;
  }
  ok(steps >= 1_000 * SEEDS);
});
