/**
 * hnetd's convergence budgets for the hncp profile over many seeds, in virtual time: the figures of
 * `tests/sim/hncp_*_test.ts`, with 1 000 seeds instead of CI's 200. A seed beyond its budget ends it
 * with the seed's number.
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
import type { Bench, Context } from "./harness/context.ts";

export const bench: Bench = {
  name: "hncp",
  title: "hnetd's convergence budgets in the simulator (virtual time)",
  run,
};

function run(context: Context): Promise<void> {
  const seeds = context.choose(1_000, 20);
  for (const budget of [...SHORT_LINES, LONG_LINE]) line(context, budget, seeds);
  const start = performance.now();
  for (let seed = 1; seed <= seeds; seed++) routersMonkey(seed);
  const cpu = (performance.now() - start) / 1_000;
  context.report.note(
    `monkey, 7 routers x 2 ports x 1 000 steps: ${seeds} of ${seeds} seeds agree again (${
      cpu.toFixed(0)
    } CPU s)`,
  );
  return Promise.resolve();
}

function line(context: Context, budget: LineBudget, seeds: number): void {
  const start = performance.now();
  const times: number[] = [];
  for (let seed = 1; seed <= seeds; seed++) times.push(startLine(budget, seed));
  const cpu = (performance.now() - start) / 1_000;
  times.sort((a, b) => a - b);
  const figure = (i: number) => `${((times[i] ?? 0) / 1_000).toFixed(1)} s`;
  const how = budget.collisions ? ", with id collisions" : "";
  context.report.note(
    `line of ${budget.nodes}${how}: median ${figure(seeds >> 1)}, worst of ${seeds} seeds ${
      figure(seeds - 1)
    }, budget ${budget.limit / 1_000} s (${cpu.toFixed(0)} CPU s)`,
  );
}
