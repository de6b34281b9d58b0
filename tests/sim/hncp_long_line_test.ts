/** hnetd's longest line. A file of its own, so that it runs beside the others. */
import { ok } from "node:assert/strict";
import { LONG_LINE, SEEDS, startLine } from "./hncp_budget.ts";

/** A run takes two seconds of a computer, and the whole suite ten minutes at the most. */
const FEWER = Math.ceil(0.1 * SEEDS);

Deno.test(`HNCP: ${LONG_LINE.nodes} nodes in a line agree`, () => {
  let longest = 0;
  for (let seed = 1; seed <= FEWER; seed++) {
    longest = Math.max(longest, startLine(LONG_LINE, seed));
  }
  // A line that agrees before anything could travel along it is no line.
  ok(longest > LONG_LINE.nodes * 10, `${longest} ms`);
});
