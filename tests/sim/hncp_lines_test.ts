/** hnetd's budgets for lines of nodes, in virtual time. */
import { ok } from "node:assert/strict";
import { type LineBudget, SEEDS, startLine } from "./hncp_budget.ts";

const LINES: (LineBudget & { seeds: number })[] = [
  { nodes: 6, collisions: true, limit: 10_000, seeds: SEEDS },
  { nodes: 50, collisions: false, limit: 30_000, seeds: SEEDS },
  { nodes: 50, collisions: true, limit: 70_000, seeds: SEEDS },
  // hnetd asks for no time here. A run takes seconds of this computer, so CI has a tenth of the seeds.
  { nodes: 150, collisions: false, limit: 120_000, seeds: Math.ceil(SEEDS / 10) },
];

for (const { seeds, ...budget } of LINES) {
  const { nodes, collisions, limit } = budget;
  const how = collisions ? "with id collisions " : "";
  Deno.test(`HNCP: ${nodes} nodes in a line ${how}agree within ${limit / 1_000} s`, () => {
    let longest = 0;
    for (let seed = 1; seed <= seeds; seed++) {
      longest = Math.max(longest, startLine(budget, seed));
    }
    // A line that agrees before anything could travel along it is no line.
    ok(longest > nodes * 10, `${longest} ms`);
  });
}
