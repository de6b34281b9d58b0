/** hnetd's budgets for lines of up to 50 nodes, in virtual time. */
import { ok } from "node:assert/strict";
import { SEEDS, SHORT_LINES, startLine } from "./hncp_budget.ts";

for (const budget of SHORT_LINES) {
  const { nodes, collisions, limit } = budget;
  const how = collisions ? "with id collisions " : "";
  Deno.test(`HNCP: ${nodes} nodes in a line ${how}agree within ${limit / 1_000} s`, () => {
    let longest = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      longest = Math.max(longest, startLine(budget, seed));
    }
    // A line that agrees before anything could travel along it is no line.
    ok(longest > nodes * 10, `${longest} ms`);
  });
}
