/**
 * Networks of up to 1 000 nodes in the simulator: how long until they agree, and what that and one
 * change cost. Beside the figures of other simulators as handed down (docs/bench.md).
 *
 * @module
 */
import { type Bench, CannotMeasure, type Context, ROOT } from "./harness/context.ts";
import { availableMemory } from "./harness/machine.ts";
import { growthExponent, summarise } from "./harness/stats.ts";
import type { Cost, SeedResult, WorldRequest, WorldResult } from "./sim_world.ts";

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

/** A world of 1 000 nodes on one link holds a million node records twice over. In GB (10^9 bytes). */
const MEMORY_OF_1000 = 9;
/** An exponent that counts as linear growth: measured, so not exactly 1. */
const LINEAR = 1.1;
/** No node has more peers than this in a world of 1 000. */
const STREAMS_OF_1000 = 1_024;

export const bench: Bench = {
  name: "sim",
  title: "simulated networks, links of 10 ms: virtual time, messages, bytes, processor time",
  run,
};

async function run(context: Context): Promise<void> {
  const { report } = context;
  report.note("messages and bytes: as handed to the transport, before sealing and headers");
  for (const row of SMALL) await small(context, row);
  const large = context.choose(1_000, 250);
  await big(context, "tree", large);
  await big(context, "mesh", large);
  await big(context, "shared", 200);
  if (!context.quick) await big(context, "shared", 1_000);
  const sizes = context.choose([125, 250, 500, 1_000], [60, 125, 250]);
  await growth(context, "tree", sizes);
  await growth(context, "shared", context.choose([125, 250, 500], [60, 125, 250]));
}

async function small(context: Context, row: Row): Promise<void> {
  const { topology, nodes, loss, coldLimit, changeLimit, others } = row;
  const many = nodes > 50 ? context.choose(5, 2) : context.choose(20, 4);
  const seeds = Array.from({ length: many }, (_, i) => i + 1);
  const { seeds: results } = await world(context, {
    topology,
    nodes,
    seeds,
    ...(loss !== undefined && { loss }),
    changes: 1,
  });
  const name = `${topology} of ${nodes}${loss ? `, ${loss * 100} % loss` : ""}, ${many} seeds`;
  const worst = (of: (result: SeedResult) => number) => summarise(results.map(of)).max;
  const median = (of: (result: SeedResult) => number) => summarise(results.map(of)).median;
  context.report.figures(name, {
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

async function big(
  context: Context,
  topology: WorldRequest["topology"],
  nodes: number,
): Promise<void> {
  if (nodes >= 1_000 && availableMemory() < MEMORY_OF_1000) {
    context.report.note(
      `${topology} of ${nodes}: left out, less than ${MEMORY_OF_1000} GB of memory are free`,
    );
    return;
  }
  const { seeds, rssMb } = await world(context, {
    topology,
    nodes,
    seeds: [1],
    maxStreams: STREAMS_OF_1000,
    changes: 3,
  });
  const [result] = seeds as [SeedResult];
  const cost = net(result);
  context.report.figures(`${topology} of ${nodes}`, {
    cold: { value: result.cold.virtualMs, unit: "ms" },
    messages: { value: result.cold.messages },
    bytes: { value: result.cold.bytes },
    CPU: { value: result.cold.cpuSeconds, unit: "s" },
    RSS: { value: rssMb, unit: "MB" },
    change: { value: result.changeMs, unit: "ms" },
    "messages of a change": { value: cost.messages },
    "bytes of a change": { value: cost.bytes },
    "CPU of a change": { value: cost.cpuSeconds * 1_000, unit: "ms" },
  });
}

/**
 * How the cost of one change grows with the number of nodes. A simulated network of n nodes keeps n²
 * node records in one process, and the processor's caches do not grow with it; so the same change
 * is measured in networks of the smallest size, as many as have the same number of records.
 */
async function growth(
  context: Context,
  topology: WorldRequest["topology"],
  sizes: readonly number[],
): Promise<void> {
  const [smallest] = sizes as [number];
  const changes = context.choose(9, 3);
  const measure = async (nodes: number, copies: number): Promise<Cost> => {
    const { seeds: [result] } = await world(context, {
      topology,
      nodes,
      seeds: [2],
      maxStreams: STREAMS_OF_1000,
      changes: Math.max(changes, copies),
      copies,
    });
    return net(result as SeedResult);
  };
  const rows: { nodes: number; messages: number; bytes: number; cpu: number; alike: number }[] = [];
  for (const nodes of sizes) {
    const { messages, bytes, cpuSeconds } = await measure(nodes, 1);
    const alike = await measure(smallest, Math.round((nodes / smallest) ** 2));
    const row = {
      nodes,
      messages,
      bytes,
      cpu: cpuSeconds * 1_000,
      alike: alike.cpuSeconds * 1_000,
    };
    rows.push(row);
    context.report.figures(`${topology} of ${nodes}: one change`, {
      messages: { value: messages },
      bytes: { value: bytes },
      CPU: { value: row.cpu, unit: "ms" },
      [`CPU in networks of ${smallest} with as much memory`]: { value: row.alike, unit: "ms" },
    });
  }
  const exponent = (of: (row: (typeof rows)[number]) => number) =>
    growthExponent(rows.map((row) => [row.nodes, of(row)]));
  context.report.figures(`${topology}: exponents of growth (1 is linear)`, {
    messages: { value: exponent((row) => row.messages), limit: LINEAR },
    bytes: { value: exponent((row) => row.bytes), limit: LINEAR },
    CPU: { value: exponent((row) => row.cpu), limit: LINEAR },
    "CPU at equal memory": { value: exponent((row) => row.cpu / row.alike) },
  });
}

/** A change and what follows from it, less what that time costs anyway: medians. */
function net({ changes, idle }: SeedResult): Cost {
  const median = (costs: readonly Cost[], of: (cost: Cost) => number) =>
    summarise(costs.map(of)).median;
  const less = (of: (cost: Cost) => number) => Math.max(0, median(changes, of) - median(idle, of));
  return {
    messages: less((cost) => cost.messages),
    bytes: less((cost) => cost.bytes),
    cpuSeconds: less((cost) => cost.cpuSeconds),
  };
}

function limit(value: number | undefined): { limit: number } | Record<never, never> {
  return value === undefined ? {} : { limit: value };
}

/** Runs a world in a process of its own. */
async function world(context: Context, request: WorldRequest): Promise<WorldResult> {
  const child = context.spawn(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "-A", "--config", `${ROOT}deno.json`],
      `--v8-flags=--max-old-space-size=${Math.round(availableMemory() * 1_000)}`,
      new URL("./sim_world.ts", import.meta.url).href,
      JSON.stringify(request),
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
  const { code, stdout, stderr } = await child.output();
  if (code === 0) return JSON.parse(new TextDecoder().decode(stdout)) as WorldResult;
  const said = new TextDecoder().decode(stderr).trim().split("\n", 1)[0];
  throw new CannotMeasure(`${request.topology} of ${request.nodes} ended with ${code}: ${said}`);
}
