/**
 * Networks of up to 150 nodes in the simulator: how long until they agree, and what that and one
 * change cost, over many seeds, beside the figures of other simulators as handed down. Larger ones:
 * `scale.ts`.
 *
 * @module
 */
import type { Bench, Context } from "./harness/context.ts";
import { world } from "./harness/simulator.ts";
import { summarise } from "./harness/stats.ts";
import { net } from "./scale.ts";
import type { SeedResult, WorldRequest } from "./sim_world.ts";

/** One row: a request, what it has to reach, and what others need for the same. */
interface Row {
  readonly topology: WorldRequest["topology"];
  readonly nodes: number;
  readonly loss?: number;
  /** Virtual ms. */
  readonly coldLimit?: number;
  readonly changeLimit?: number;
  readonly others?: string;
}

/** Ten milliseconds a link; budgets of the issue. */
const SMALL: readonly Row[] = [
  {
    topology: "line",
    nodes: 10,
    others: "pysyma 2.9 s, 540 messages, 0.03 CPU s; change 1.1 s, 74",
  },
  { topology: "line", nodes: 20, coldLimit: 2_000, changeLimit: 19 * 10 + 50 },
  { topology: "line", nodes: 20, loss: 0.05, coldLimit: 6_000 },
  {
    topology: "line",
    nodes: 30,
    changeLimit: 29 * 10 + 50,
    others: "pysyma 7.4 s, 4 258 messages, 0.29 CPU s; change 3.3 s, 323",
  },
  {
    topology: "line",
    nodes: 100,
    changeLimit: 99 * 10 + 50,
    others: "pysyma 24.3 s, 41 500 messages, 5 CPU s; change 10.7 s, 1 427",
  },
  { topology: "shared", nodes: 10, others: "pysyma 4.0 s, 800 messages" },
  { topology: "shared", nodes: 20, coldLimit: 2_000, changeLimit: 250 },
  { topology: "shared", nodes: 20, loss: 0.05, coldLimit: 6_000 },
  { topology: "shared", nodes: 30, others: "pysyma 15 s, 11 700 messages" },
  {
    topology: "shared",
    nodes: 50,
    coldLimit: 5_000,
    changeLimit: 250,
    others: "pysyma 26 s, 37 900 messages, 13.8 MB, 100 CPU s; change 0.22 s, 201",
  },
  { topology: "shared", nodes: 50, loss: 0.05, coldLimit: 15_000 },
  { topology: "shared", nodes: 100, others: "pysyma does not converge in 400 CPU s" },
  { topology: "star", nodes: 100, others: "pysyma 35 s, 53 000 messages, 21 CPU s" },
  {
    topology: "line",
    nodes: 150,
    others: "hnetd (C) 65.8 s, 51 800 messages, 3.3 CPU s",
  },
];

/** Seeds of a row, of up to 50 nodes and of more. */
const SEEDS = { few: 100, many: 20 };
const QUICK_SEEDS = { few: 4, many: 2 };

export const bench: Bench = {
  name: "sim",
  title: "simulated networks, links of 10 ms: virtual time, messages, bytes, processor time",
  about: `
Virtual time, links of 10 ms. Medians over the seeds, and the worst of them for times. Targets with loss are
three times those without; \`tests/sim/convergence_test.ts\` asserts them too. "Others" are figures of
pysyma and hnetd in their own simulators, on another day and computer of two x86-64 cores. Messages
and bytes are as handed to the transport, before sealing and headers. CPU is that of all nodes and the
simulator together. In 24 virtual hours at 5 % loss no living node was taken for gone; that is a test
(\`tests/sim/convergence_test.ts\`), not repeated here. More seeds:
\`AGENT_BENCH_SEEDS=200 ./denow task bench --write sim\`.
`,
  run,
};

async function run(context: Context): Promise<void> {
  const asked = Number(Deno.env.get("AGENT_BENCH_SEEDS") ?? 0);
  const { few, many } = context.choose(SEEDS, QUICK_SEEDS);
  for (const row of SMALL) await small(context, row, asked || (row.nodes > 50 ? many : few));
}

async function small(context: Context, row: Row, many: number): Promise<void> {
  const { topology, nodes, loss, coldLimit, changeLimit, others } = row;
  const seeds = Array.from({ length: many }, (_, i) => i + 1);
  const { seeds: results } = await world(context, {
    topology,
    nodes,
    seeds,
    ...(loss !== undefined && { loss }),
    changes: 1,
  });
  const name = `${topology} of ${nodes}${loss ? `, ${loss * 100} % loss` : ""}`;
  const worst = (of: (result: SeedResult) => number) => summarise(results.map(of)).max;
  const median = (of: (result: SeedResult) => number) => summarise(results.map(of)).median;
  context.report.figures(name, {
    seeds: { value: many },
    cold: { value: median((r) => r.cold.virtualMs), unit: "ms" },
    worst: { value: worst((r) => r.cold.virtualMs), unit: "ms", ...limit(coldLimit) },
    messages: { value: median((r) => r.cold.messages) },
    bytes: { value: median((r) => r.cold.bytes) },
    CPU: { value: median((r) => r.cold.cpuSeconds), unit: "s" },
    change: { value: median((r) => r.changeMs), unit: "ms" },
    "worst change": { value: worst((r) => r.changeMs), unit: "ms", ...limit(changeLimit) },
    "messages of a change": { value: median((r) => net(r).messages) },
    ...(others !== undefined && { others: { value: others } }),
  });
}

function limit(value: number | undefined): { limit: number } | Record<never, never> {
  return value === undefined ? {} : { limit: value };
}
