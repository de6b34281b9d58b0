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
import type { Bench, Context } from "./harness/context.ts";
import { sleep } from "./harness/sleep.ts";
import { summarise } from "./harness/stats.ts";

/** Seeds of a figure at the most, and seconds after which no further one is begun. */
const FULL = { seeds: 1_000, seconds: 100 };
const QUICK = { seeds: 20, seconds: 10 };

export const bench: Bench = {
  name: "hncp",
  title: "hnetd's convergence budgets in the simulator (virtual time)",
  about: `
Links of 10 ms, nothing lost; all nodes start at once. The budgets are those that hnetd's own tests
ask for; for the line of 150 they ask only that it converges, in hnetd's simulator it took 65.8 s. Seeds
are 1, 2, 3 …: as many as begin within 100 s a figure, at most 1 000; how many is said. So many in
any case: \`AGENT_BENCH_SEEDS=1000 ./denow task bench --write hncp\`, which takes tens of minutes. A seed
beyond its budget would end the bench with its number. A line that was parted for 30 minutes heals
in up to 21 s (\`tests/sim/hncp_lines_test.ts\`): RFC 7788's timers allow no less.
`,
  run,
};

async function run(context: Context): Promise<void> {
  for (const budget of [...SHORT_LINES, LONG_LINE]) await line(context, budget);
  const start = performance.now();
  const seeds = await overSeeds(context, (seed) => void routersMonkey(seed));
  context.report.figures("monkey: 7 routers, 2 ports each, 1 000 steps; then all agree again", {
    seeds: { value: seeds },
    took: { value: (performance.now() - start) / 1_000, unit: "s" },
  });
}

async function line(context: Context, budget: LineBudget): Promise<void> {
  const start = performance.now();
  const times: number[] = [];
  const seeds = await overSeeds(context, (seed) => {
    times.push(startLine(budget, seed) / 1_000);
  });
  const { median, p90, max } = summarise(times);
  const how = budget.collisions ? ", with id collisions" : "";
  context.report.figures(`line of ${budget.nodes}${how}, cold`, {
    seeds: { value: seeds },
    median: { value: median, unit: "s" },
    p90: { value: p90, unit: "s" },
    worst: { value: max, unit: "s", limit: budget.limit / 1_000 },
    took: { value: (performance.now() - start) / 1_000, unit: "s" },
  });
}

/** Runs seeds 1, 2, 3 … as long as there is time, and says how many. */
async function overSeeds(context: Context, run: (seed: number) => void): Promise<number> {
  const { seeds, seconds } = context.choose(FULL, QUICK);
  const asked = Number(Deno.env.get("AGENT_BENCH_SEEDS") ?? 0);
  const end = performance.now() + seconds * 1_000;
  for (let seed = 1;; seed++) {
    run(seed);
    // Signals have their turn, so that Ctrl-C ends it.
    await sleep(0);
    if (asked > 0 ? seed >= asked : seed >= seeds || performance.now() > end) return seed;
  }
}
