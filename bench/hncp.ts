/**
 * hnetd's convergence budgets for the hncp profile over many seeds, in virtual time: the figures of
 * `tests/sim/hncp_*_test.ts`, with more seeds than in CI. A seed beyond its budget ends
 * it with the seed's number.
 *
 * @module
 */
import {
  type LineBudget,
  LONG_LINE,
  routersMonkey,
  SHORT_LINES,
  startLine,
} from "../tests/sim/hncp_budget.ts";
import { type Bench, type Context, sleep } from "./harness/context.ts";
import { summarise } from "./harness/stats.ts";

export const bench: Bench = {
  name: "hncp",
  title: "hnetd's convergence budgets in the simulator (virtual time)",
  run,
};

async function run(context: Context): Promise<void> {
  const seeds = context.choose(1_000, 20);
  for (const budget of SHORT_LINES) await line(context, budget, seeds);
  // One seed takes two seconds, a full run half an hour.
  await line(context, LONG_LINE, context.choose(1_000, 5));
  const start = performance.now();
  for (let seed = 1; seed <= seeds; seed++) {
    routersMonkey(seed);
    await turn();
  }
  context.report.figures("monkey: 7 routers, 2 ports each, 1 000 steps; then all agree again", {
    seeds: { value: seeds },
    took: { value: (performance.now() - start) / 1_000, unit: "s" },
  });
}

async function line(context: Context, budget: LineBudget, seeds: number): Promise<void> {
  const start = performance.now();
  const times: number[] = [];
  for (let seed = 1; seed <= seeds; seed++) {
    times.push(startLine(budget, seed) / 1_000);
    await turn();
  }
  const { median, p90, max } = summarise(times);
  const how = budget.collisions ? ", with id collisions" : "";
  context.report.figures(`line of ${budget.nodes}${how}, cold, ${seeds} seeds`, {
    median: { value: median, unit: "s" },
    p90: { value: p90, unit: "s" },
    worst: { value: max, unit: "s", limit: budget.limit / 1_000 },
    took: { value: (performance.now() - start) / 1_000, unit: "s" },
  });
}

/** Between two seeds signals have their turn, so that Ctrl-C ends it. */
function turn(): Promise<void> {
  return sleep(0);
}
