/**
 * Five and twenty computers on one bridge, a namespace each: how soon all know all, how soon a
 * change is everywhere, and what it costs to do nothing. Beside it, in turns, serf with as many
 * agents on a bridge of its own.
 *
 * @module
 */
import { AgentCluster } from "./bridge_agents.ts";
import type { Cluster, Seen } from "./bridge_cluster.ts";
import { bytesOfChanges, type Idle, idleOf, type Wire } from "./bridge_idle.ts";
import { Bridge } from "./bridge_lab.ts";
import { findSerf, SerfCluster } from "./bridge_serf.ts";
import type { Bench, Context } from "./harness/context.ts";
import { sleep } from "./harness/sleep.ts";
import { usageOf } from "./harness/proc.ts";
import { interleave, timed } from "./harness/rounds.ts";
import { summarise } from "./harness/stats.ts";

const SIZES = [5, 20] as const;
/** Both collect changes for a while, which the next one is not to meet; in ms. */
const PAUSE = 100;

export const bench: Bench = {
  name: "bridge",
  title: "5 and 20 agents on one bridge, beside serf (namespaces, real processes)",
  about: `
Each agent lives in a network namespace with a cable to one bridge, with the default config: found
by multicast, sealed. serf has its profile \`lan\`, no encryption, and joins the first agent by its
address. What agents see is timed by their event streams, what serf sees by the lines
EventMemberJoin and EventMemberUpdate of its log, which come before its event handlers run (it holds
those back for a second). Bytes and packets are the kernel's counters of each cable, Ethernet headers
and what the kernel itself sends included.

A cold start of 20 processes on the few cores of one computer is a queue for the processor: the row
of its CPU time says what a Pi, which has its own, would wait for at the most, and "one more starts"
measures it without the queue. An agent costs many times the CPU time of a compiled program there:
most of it starts the runtime and compiles code that runs for the first time.

One change costs more bytes than serf's where nodes are few. The change itself goes once to each
node, among 20 twice (from the two that have streams to all); and then both ends of each stream tell
each other the new hash of the network.
`,
  run,
};

/** Of one size. */
interface Pair {
  readonly size: number;
  readonly agents: AgentCluster;
  readonly serf: SerfCluster | undefined;
}

async function run(context: Context): Promise<void> {
  const program = findSerf(context);
  const pairs: Pair[] = [];
  for (const size of SIZES) {
    // One computer is spare, for whoever joins.
    const agents = await AgentCluster.prepare(context, await Bridge.make(context, size + 1), size);
    const serf = program && new SerfCluster(program, await Bridge.make(context, size + 1), size);
    const pair = { size, agents, serf: serf || undefined };
    pairs.push(pair);
    await coldStart(context, pair);
  }
  for (const pair of pairs) await joining(context, pair);
  for (const pair of pairs) await changes(context, pair);
  await nothing(context, pairs);
}

/** All clusters of a pair, those that are there. */
function clustersOf({ agents, serf }: Pair): Cluster[] {
  return serf ? [agents, serf] : [agents];
}

/** In turns; after the last one all stay. */
async function coldStart(context: Context, { size, agents, serf }: Pair): Promise<void> {
  const agreed: number[] = [];
  /** CPU ms of one process until then, the mean of all. */
  const cpu = { agents: [] as number[], serf: [] as number[] };
  const spent = (cluster: Cluster) =>
    cluster.pids().reduce((sum, pid) => sum + usageOf(pid).cpuMs, 0) / size;
  const samples = await interleave(context.choose(10, size > 5 ? 2 : 3), {
    agents: async () => {
      const { allKnown, agreed: hash } = await agents.start();
      cpu.agents.push(spent(agents));
      agreed.push(hash as number);
      return allKnown;
    },
    bare: () => bareStarts(context, size),
    ...(serf && {
      serf: async () => {
        const { allKnown } = await serf.start();
        cpu.serf.push(spent(serf));
        return allKnown;
      },
    }),
  } as Record<"agents" | "bare" | "serf", () => Promise<number>>);
  const row = (what: string, values: number[], reference: string, beside: number[] | undefined) =>
    context.report.measured({
      what,
      unit: "ms",
      samples: values,
      ...(beside && { reference: { what: reference, samples: beside } }),
    });
  const what = `cold start of ${size} agents at once, until each knows all`;
  if (serf) row(what, samples.agents, `serf, ${size} agents`, samples.serf);
  row(what, samples.agents, `${size} × deno run hello.js at once`, samples.bare);
  // The first round is not counted.
  row(`cold start of ${size}: until all tell the same hash`, agreed.slice(1), "", undefined);
  row(
    `cold start of ${size}: CPU time of one of them`,
    cpu.agents.slice(1),
    "serf, until all know all",
    serf && cpu.serf.slice(1),
  );
}

/** One more, when all others are there: each Pi has a processor of its own, these share theirs. */
async function joining(context: Context, { size, agents, serf }: Pair): Promise<void> {
  const { ours, theirs } = await interleave(context.choose(30, 3), {
    ours: () => agents.join(),
    ...(serf && { theirs: () => serf.join() }),
  } as Record<"ours" | "theirs", () => Promise<number>>);
  context.report.measured({
    what: `one more starts beside ${size}: it knows all, and all know it`,
    unit: "ms",
    samples: ours,
    ...(serf && { reference: { what: "serf", samples: theirs } }),
  });
}

/** Until the last of as many bare processes has ended that were started at once. */
async function bareStarts(context: Context, count: number): Promise<number> {
  const script = `${context.tempDir()}/hello.js`;
  Deno.writeTextFileSync(script, 'console.log("hello");\n');
  const one = () =>
    new Deno.Command(Deno.execPath(), {
      args: ["run", script],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).output();
  return await timed(() => Promise.all(Array.from({ length: count }, one)));
}

async function changes(context: Context, { size, agents, serf }: Pair): Promise<void> {
  await settle(clustersOf({ size, agents, serf }));
  const seen = { api: [] as Seen[], cli: [] as Seen[], serf: [] as Seen[] };
  const kept = (into: Seen[], change: () => Promise<Seen>) => async () => {
    const one = await change();
    into.push(one);
    return one.all;
  };
  const rounds = context.choose(60, size > 5 ? 8 : 12);
  await interleave(rounds, {
    api: kept(seen.api, () => agents.changeByApi()),
    cli: kept(seen.cli, () => agents.change()),
    ...(serf && { serf: kept(seen.serf, () => serf.change()) }),
  } as Record<string, () => Promise<number>>, { pause: () => PAUSE });
  const row = (what: string, ours: Seen[], which: keyof Seen) => {
    const samples = ours.slice(1).map((one) => one[which]);
    const beside = seen.serf.slice(1).map((one) => one[which]);
    context.report.measured({
      what: `${size} nodes, ${what}: seen by ${
        which === "first" ? "the first" : "ALL"
      } of the others`,
      unit: "ms",
      samples,
      ...(serf && { reference: { what: "serf tags -set", samples: beside } }),
    });
  };
  for (const which of ["first", "all"] as const) row("set at the API", seen.api, which);
  for (const which of ["first", "all"] as const) row("command agent set", seen.cli, which);
}

async function settle(clusters: readonly Cluster[]): Promise<void> {
  for (const cluster of clusters) await cluster.listen();
  await sleep(2_000);
}

/** All clusters at the same time: nobody has work to do, and then all have a change now and then. */
async function nothing(context: Context, pairs: readonly Pair[]): Promise<void> {
  const all = pairs.flatMap(clustersOf);
  for (const cluster of all) cluster.leaveAlone();
  // Longer than the longest interval of Trickle, and than what the starts have stirred up.
  await sleep(context.choose(60_000, 6_000));
  const seconds = context.choose(30, 10);
  const windows = context.choose(6, 2);
  const idle = await idleOf(all, seconds, windows);
  context.report.note(`idle: ${windows} windows of ${seconds} s, all at the same time`);
  for (const pair of pairs) {
    const serf = pair.serf && (idle.get(pair.serf) as Idle);
    reportIdle(context, pair.size, idle.get(pair.agents) as Idle, serf);
  }
  await Promise.all(all.map((cluster) => cluster.listen()));
  const wire = await bytesOfChanges(all, idle, context.choose(15, 3));
  for (const { size, agents, serf } of pairs) {
    const row = (unit: string, which: keyof Wire) =>
      context.report.measured({
        what: `${size} nodes: ${which} sent by all for one change, beyond idle`,
        unit,
        samples: (wire.get(agents) as Wire)[which],
        ...(serf && {
          reference: { what: "serf tags -set", samples: (wire.get(serf) as Wire)[which] },
        }),
      });
    row("B", "bytes");
    row("packets", "packets");
  }
}

function reportIdle(context: Context, size: number, ours: Idle, serf: Idle | undefined): void {
  const row = (what: string, unit: string, which: "cpu" | "sent" | "received" | "packets") =>
    context.report.measured({
      what: `idle with ${size} nodes, a node: ${what}`,
      unit,
      samples: ours[which],
      ...(serf && { reference: { what: "serf", samples: serf[which] } }),
    });
  row("CPU, percent of a core", "%", "cpu");
  row("sent", "B/s", "sent");
  row("received", "B/s", "received");
  row("packets sent", "/s", "packets");
  const memory = (one: Idle) => summarise(one.rss);
  context.report.figures(`idle with ${size} nodes: memory of a node`, {
    "RSS, median": { value: memory(ours).median, unit: "MB" },
    "the largest": { value: memory(ours).max, unit: "MB" },
    ...(serf && {
      "serf, median": { value: memory(serf).median, unit: "MB" },
      "serf, the largest": { value: memory(serf).max, unit: "MB" },
    }),
    "CPU of the busiest node": { value: ours.busiest, unit: "%" },
    ...(serf && { "of serf's": { value: serf.busiest, unit: "%" } }),
  });
}
