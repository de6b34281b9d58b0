/**
 * How the cost of a network grows with its nodes, 10 … 10 000: whole networks in the simulator, each
 * point with a budget of time and memory, and one node alone that knows so many. The curves are drawn
 * beside those of other simulators as handed down.
 *
 * @module
 */
import type { Bench, Context, Picture } from "./harness/context.ts";
import { availableMemory } from "./harness/machine.ts";
import { type Panel, plot, type Series } from "./harness/plot.ts";
import type { Figure } from "./harness/report.ts";
import type { Result } from "./harness/result.ts";
import { inProcess, world } from "./harness/simulator.ts";
import { digits, growthExponent, summarise } from "./harness/stats.ts";
import type { NodeResult } from "./scale_node.ts";
import type { Cost, SeedResult, WorldRequest, WorldResult } from "./sim_world.ts";

/** Seconds of CPU that a cold start of one world may take; `$AGENT_BENCH_POINT_SECONDS` says otherwise. */
const POINT_SECONDS = 180;
/** Where a point may take this long, worlds between 1 000 and 10 000 are worth their time. */
const PATIENT_SECONDS = 600;
/** Part of the free memory that a world may use. */
const MEMORY_PART = 0.75;
/** An exponent that counts as linear growth: measured, so not exactly 1. */
const LINEAR = 1.1;
/** Below this many nodes fixed costs hide how a cost grows. */
const GROWING = 100;

const SHAPES = {
  line: "line of cables",
  tree: "tree of cables",
  mesh: "mesh of shared links",
  shared: "one shared link",
} as const;
type Shape = keyof typeof SHAPES;

/** Names of the figures, which the drawing reads again. */
const COLD = "cold start";
const MESSAGES = "messages";
const BYTES = "bytes";
const CPU = "CPU";
const OF_LEAST = "of the least";
const MEMORY = "memory a node";
const CHANGE = "one change";
const CHANGE_MESSAGES = "messages of a change";
const CHANGE_CPU = "CPU of a change";
/** In the order of the table. */
const FIGURES = [
  ...[COLD, MESSAGES, BYTES, CPU, OF_LEAST, MEMORY],
  ...[CHANGE, CHANGE_MESSAGES, CHANGE_CPU],
];

export const bench: Bench = {
  name: "scale",
  title: "networks of 10 to 10 000 nodes: whole ones simulated, and one node alone",
  about: `
Whole networks run in one process under virtual time, links of 10 ms, nothing lost, one seed. "CPU" is
processor time of that process for the cold start: all nodes together and the simulator. The least
that a delivery can cost there is measured in the same process: an event scheduled and carried out, a
SHA-256 of 100 bytes, an entry in a map; "of the least" is CPU for one node's learning of one other,
divided by that. "Memory a node" is what the
world holds behind a garbage collection, divided by the nodes. Equal node data are held once in the
process, not once a node, so it is what a node needs beside the data themselves; the row "nothing
shared" is the same world with a copy a node. Messages and bytes are as handed to the transport, before sealing and
headers.

A world of n nodes holds n² entries and each has to be delivered, so each point has a budget of CPU and
memory. Where it is cut, the table says what it had come to, and nothing is extrapolated. More time:
\`AGENT_BENCH_POINT_SECONDS=3600 ./denow task bench --write scale\`; from 600 s on worlds of 3000 nodes
are tried as well. More than 1 024 nodes on one link do not settle, whatever the time: a hub takes no more
streams than that (\`maxStreams\`), and the rest would ask on for ever; so one shared link is measured up to
1000.

"One node" is the machine alone, without simulator: fed by one peer with the states of a tree of so
many nodes. That is what a node of a network of 10 000 needs, measured. Its memory includes the node
data; the reference is a \`Map\` with a copy of the same bytes.
`,
  pictures,
  run,
};

async function run(context: Context): Promise<void> {
  const seconds = Number(Deno.env.get("AGENT_BENCH_POINT_SECONDS") ?? 0) ||
    context.choose(POINT_SECONDS, 20);
  context.report.note(`a cold start is cut after ${seconds} s of CPU`);
  const between = seconds >= PATIENT_SECONDS ? [3_000] : [];
  const large = context.choose([300, 1_000, ...between, 10_000], [300, 10_000]);
  const sizes: Record<Shape, readonly number[]> = {
    line: context.choose([10, 30, 100, 150, 300], [10, 30, 100]),
    tree: [10, 30, 100, ...large],
    mesh: [10, 30, 100, ...large.filter((n) => n < 10_000)],
    shared: [10, 30, 100, ...context.choose([300, 1_000], [300])],
  };
  for (const shape of Object.keys(SHAPES) as Shape[]) {
    const grown: Grown[] = [];
    for (const nodes of sizes[shape]) {
      const point = await one(context, shape, nodes, seconds);
      if (point && nodes >= GROWING) grown.push(point);
    }
    growth(context, shape, grown);
  }
  await one(context, "tree", 300, seconds, false);
  for (const nodes of [10, 100, 1_000, 10_000]) await alone(context, nodes);
}

/** What the growth of a change is told from. */
interface Grown extends Cost {
  readonly nodes: number;
}

async function one(
  context: Context,
  shape: Shape,
  nodes: number,
  seconds: number,
  sharedContents = true,
): Promise<Grown | undefined> {
  const rssMb = Math.round(availableMemory() * 1e3 * MEMORY_PART);
  const request: WorldRequest = {
    topology: shape,
    nodes,
    seeds: [1],
    changes: context.choose(5, 2),
    sharedContents,
    limits: { seconds, rssMb },
    reference: true,
  };
  const result = await world(context, request);
  const [seed] = result.seeds;
  const how = sharedContents ? "" : ", nothing shared";
  context.report.figures(`${SHAPES[shape]}, ${nodes}${how}`, {
    ...(seed ? whole(seed, result, nodes) : part(result)),
    "memory in all": { value: result.rssMb, unit: "MB" },
  });
  return seed && { nodes, ...net(seed) };
}

function whole(
  seed: SeedResult,
  { liveMb, leastMicroseconds = NaN }: WorldResult,
  nodes: number,
): Record<string, Figure> {
  const { cold } = seed;
  const cost = net(seed);
  const each = cold.cpuSeconds * 1e6 / nodes ** 2;
  return {
    [COLD]: { value: cold.virtualMs, unit: "ms" },
    [MESSAGES]: { value: cold.messages },
    [BYTES]: { value: cold.bytes },
    [CPU]: { value: cold.cpuSeconds, unit: "s" },
    [OF_LEAST]: { value: each / leastMicroseconds, unit: "×" },
    [MEMORY]: { value: liveMb * 1e3 / nodes, unit: "kB" },
    [CHANGE]: { value: seed.changeMs, unit: "ms" },
    [CHANGE_MESSAGES]: { value: cost.messages },
    [CHANGE_CPU]: { value: cost.cpuSeconds * 1e3, unit: "ms" },
  };
}

/** The same names, so that a cut point stands in the same table. */
function part({ cut }: WorldResult): Record<string, Figure> {
  const none = Object.fromEntries(FIGURES.map((name) => [name, { value: null }]));
  if (!cut) return none;
  const percent = digits(cut.known * 100);
  const how = `cut ${cut.why}, at ${digits(cut.virtualMs)} ms: ${percent} % of all pairs known`;
  return { ...none, [COLD]: { value: how } };
}

function growth(context: Context, shape: Shape, points: readonly Grown[]): void {
  if (points.length < 2) return;
  const exponent = (of: (point: Grown) => number) =>
    growthExponent(points.map((point) => [point.nodes, of(point)]));
  const [first, last] = [points[0] as Grown, points.at(-1) as Grown];
  const range = `${first.nodes} to ${last.nodes}`;
  // Two points lie on any line; a law needs more.
  const limit = points.length > 2 ? { limit: LINEAR } : {};
  context.report.figures(`one change, exponents of growth (1 is linear): ${SHAPES[shape]}`, {
    over: { value: range },
    [MESSAGES]: { value: exponent(({ messages }) => messages), ...limit },
    [BYTES]: { value: exponent(({ bytes }) => bytes), ...limit },
  });
}

/** One machine. */
async function alone(context: Context, nodes: number): Promise<void> {
  const request = { nodes, changes: context.choose(1_000, 200) };
  const result = await inProcess<NodeResult>(context, "scale_node.ts", request, `one of ${nodes}`);
  context.report.figures(`one node of ${nodes}`, {
    "memory held": { value: result.heldBytes / 1e3, unit: "kB" },
    "of a Map": { value: result.heldBytes / result.mapBytes, unit: "×" },
    "CPU to learn them all": { value: result.learnMs, unit: "ms" },
    "of bare hashes": { value: result.learnMs / result.mapMs, unit: "×" },
    "one change, its network hash included": { value: result.changeMicroseconds, unit: "µs" },
    "of one hash": { value: result.changeMicroseconds / result.hashMicroseconds, unit: "×" },
  });
}

/** A change and what follows from it, less what that time costs anyway: medians. */
export function net({ changes, idle }: SeedResult): Cost {
  const median = (costs: readonly Cost[], of: (cost: Cost) => number) =>
    summarise(costs.map(of)).median;
  const less = (of: (cost: Cost) => number) => Math.max(0, median(changes, of) - median(idle, of));
  return {
    messages: less((cost) => cost.messages),
    bytes: less((cost) => cost.bytes),
    cpuSeconds: less((cost) => cost.cpuSeconds),
  };
}

// ---------------------------------------------------------------- the drawing

const ALONE = "one node alone";
const LEAST = "the least, for the tree";
const SERIES: readonly Series[] = [
  { name: SHAPES.line, colour: "#2f81f7" },
  { name: SHAPES.tree, colour: "#2da44e" },
  { name: SHAPES.mesh, colour: "#bf8700" },
  { name: SHAPES.shared, colour: "#cf222e" },
  { name: ALONE, colour: "#8250df" },
  { name: LEAST, colour: "#7bb88a", dashed: true },
  { name: "pysyma, line", colour: "#6e9ecf", dashed: true },
  { name: "pysyma, one shared link", colour: "#d98880", dashed: true },
  { name: "hnetd (C), line", colour: "#8b949e", dashed: true },
];

type Points = readonly (readonly [number, number])[];

/** Others' figures, from their own simulators on another day: nodes, then what the panel shows. */
const OTHERS: Readonly<Record<string, Readonly<Record<string, Points>>>> = {
  [COLD]: {
    "pysyma, line": [[10, 2_900], [30, 7_400], [100, 24_300]],
    "pysyma, one shared link": [[10, 4_000], [30, 15_000], [50, 26_000]],
    "hnetd (C), line": [[50, 17_600], [150, 65_800]],
  },
  [MESSAGES]: {
    "pysyma, line": [[10, 540], [30, 4_258], [100, 41_500]],
    "pysyma, one shared link": [[10, 800], [30, 11_700], [50, 37_900]],
    "hnetd (C), line": [[50, 7_300], [150, 51_800]],
  },
  [CPU]: {
    "pysyma, line": [[10, 0.03], [30, 0.29], [100, 5]],
    "pysyma, one shared link": [[50, 100]],
    "hnetd (C), line": [[50, 0.17], [150, 3.3]],
  },
  [CHANGE]: {
    "pysyma, line": [[10, 1_100], [30, 3_300], [100, 10_700]],
    "pysyma, one shared link": [[50, 220]],
  },
  [CHANGE_MESSAGES]: {
    "pysyma, line": [[10, 74], [30, 323], [100, 1_427]],
    "pysyma, one shared link": [[50, 201]],
  },
};

function pictures(result: Result): Picture[] {
  const of = (figure: string): Record<string, [number, number][]> => {
    const curves: Record<string, [number, number][]> = {};
    for (const entry of result.entries) {
      if (entry.kind !== "figures") continue;
      const found = /^(.+), (\d+)$/.exec(entry.what);
      const value = entry.figures[figure]?.value;
      if (found && typeof value === "number") {
        (curves[found[1] as string] ??= []).push([Number(found[2]), value]);
      }
    }
    return curves;
  };
  const panel = (title: string, figure: string): Panel => ({
    title,
    curves: { ...of(figure), ...OTHERS[figure] },
  });
  const held = result.entries.flatMap((entry) => {
    if (entry.kind !== "figures") return [];
    const found = /^one node of (\d+)$/.exec(entry.what);
    const value = entry.figures["memory held"]?.value;
    return found && typeof value === "number" ? [[Number(found[1]), value] as const] : [];
  });
  const cpu = of(CPU)[SHAPES.tree] ?? [];
  const ratio = new Map(of(OF_LEAST)[SHAPES.tree]);
  const least = cpu.map(([nodes, seconds]): [number, number] => [
    nodes,
    seconds / (ratio.get(nodes) ?? NaN),
  ]);
  const panels = [
    panel("cold start: virtual time, ms", COLD),
    panel("cold start: messages of all nodes", MESSAGES),
    {
      title: "cold start: CPU of all nodes, s",
      curves: { ...of(CPU), ...OTHERS[CPU], [LEAST]: least },
    },
    panel("one change: virtual time, ms", CHANGE),
    panel("one change: messages of all nodes", CHANGE_MESSAGES),
    { title: "memory a node, kB", curves: { ...of(MEMORY), [ALONE]: held } },
  ];
  return [{
    file: "scale.svg",
    alt: "Six panels with logarithmic axes: time, messages and processor time of a cold start, " +
      "time and messages of one change, and memory a node, over the number of nodes",
    svg: plot(SERIES, panels, "nodes"),
  }];
}
