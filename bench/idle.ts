/**
 * What an agent costs that has nothing to do: three peers, no changes. Beside a bare Deno process
 * with the same flags that waits.
 *
 * @module
 */
import { Agents, freePorts, type RunningAgent } from "./harness/agents.ts";
import type { Bench, Context } from "./harness/context.ts";
import { sleep } from "./harness/sleep.ts";
import { filesOf, type Usage, usageOf } from "./harness/proc.ts";

/** Percent of one core. */
const CPU_LIMIT = 0.2;
/** MB above the bare process. */
const RSS_LIMIT = 25;

export const bench: Bench = {
  name: "idle",
  title: "an idle agent with three peers, beside a bare Deno process that waits",
  about: `
All processes at the same time. The first start of a version compiles what later ones take from a cache,
and keeps that memory. CPU this small is at the edge of what can be measured beside other work.
`,
  run,
};

async function run(context: Context): Promise<void> {
  const agents = await Agents.prepare(context);
  const bare = startBare(context, agents);
  const streams = await streamsOnly(agents);
  const multicast = await withMulticast(agents);
  // Until what the start stirred up has settled.
  await sleep(context.choose(30_000, 15_000));
  const seconds = context.choose(30, 10);
  const windows = context.choose(4, 2);
  const [first, second, waiting] = await Promise.all([
    watch(streams, seconds, windows),
    watch(multicast, seconds, windows),
    usageIn(bare, seconds, windows),
  ]);
  context.report.note(`${windows} windows of ${seconds} s, all processes at the same time`);
  report(context, "three peers by streams", first, waiting);
  report(context, "three peers, and multicast on lo", second, waiting);
}

/** Four agents of which three dial the first. */
async function streamsOnly(agents: Agents): Promise<RunningAgent> {
  const first = agents.start({ name: "s0" });
  const address = await first.address();
  const others = [1, 2, 3].map((i) => agents.start({ name: `s${i}`, connect: [address] }));
  for (const agent of [first, ...others]) await agent.knows(4);
  return first;
}

/** Four agents that found each other; the one with the most peers. */
async function withMulticast(agents: Agents): Promise<RunningAgent> {
  const [multicastPort] = freePorts(1) as [number];
  const all = [0, 1, 2, 3].map((i) => agents.start({ name: `m${i}`, multicastPort }));
  for (const agent of all) await agent.knows(4);
  await sleep(5_000);
  const peers = await Promise.all(all.map(peersOf));
  return all[peers.indexOf(Math.max(...peers))] as RunningAgent;
}

async function peersOf(agent: RunningAgent): Promise<number> {
  return (await agent.api.get("/v1/peers") as unknown[]).length;
}

/** The pid of a process that does nothing. */
function startBare(context: Context, agents: Agents): number {
  const script = `${agents.folder}/wait.js`;
  Deno.writeTextFileSync(script, "setInterval(() => {}, 2 ** 31 - 1);\n");
  return context.spawn(Deno.execPath(), {
    args: ["run", ...agents.runtimeFlags(), script],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).pid;
}

/** What a process used up, and its memory at the end. */
interface Used {
  /** Percent of one core, a sample a window. */
  readonly cpu: readonly number[];
  readonly ticks: number;
  readonly diskBytes: number;
  readonly writtenBytes: number;
  readonly last: Usage;
}

async function usageIn(pid: number, seconds: number, windows: number): Promise<Used> {
  const first = usageOf(pid);
  let last = first;
  const cpu: number[] = [];
  for (let i = 0; i < windows; i++) {
    const start = performance.now();
    await sleep(seconds * 1_000);
    const now = usageOf(pid);
    cpu.push(100 * (now.cpuMs - last.cpuMs) / (performance.now() - start));
    last = now;
  }
  return {
    cpu,
    ticks: last.ticks - first.ticks,
    diskBytes: last.diskBytes - first.diskBytes,
    writtenBytes: last.writtenBytes - first.writtenBytes,
    last,
  };
}

/** What an agent did besides. */
interface Watched extends Used {
  readonly peers: number;
  readonly untouched: boolean;
  /** By the names of its metrics. */
  readonly sent: (name: string) => number;
}

async function watch(agent: RunningAgent, seconds: number, windows: number): Promise<Watched> {
  const peers = await peersOf(agent);
  const before = await agent.api.metrics();
  // What the questions themselves cost is over by then.
  await sleep(1_000);
  const files = filesOf(agent.stateDir);
  const used = await usageIn(agent.pid, seconds, windows);
  const untouched = files === filesOf(agent.stateDir);
  const after = await agent.api.metrics();
  const sent = (name: string) => (after.get(name) ?? 0) - (before.get(name) ?? 0);
  return { ...used, peers, untouched, sent };
}

function report(context: Context, what: string, agent: Watched, bare: Used): void {
  context.report.measured({
    what: `${what}: CPU, percent of a core`,
    unit: "%",
    samples: agent.cpu,
    target: { limit: CPU_LIMIT },
  });
  context.report.figures(`${what}: all windows together`, {
    peers: { value: agent.peers },
    "/proc/PID/stat": { value: agent.ticks, unit: "ticks" },
    "the bare process": { value: bare.ticks, unit: "ticks" },
    RSS: { value: agent.last.rssMb, unit: "MB" },
    "the bare process's": { value: bare.last.rssMb, unit: "MB" },
    "RSS above it": {
      value: agent.last.rssMb - bare.last.rssMb,
      unit: "MB",
      limit: RSS_LIMIT,
    },
    "not backed by files": { value: agent.last.anonymousMb, unit: "MB" },
    "in the bare process": { value: bare.last.anonymousMb, unit: "MB" },
    "written to disk": { value: agent.diskBytes, unit: "bytes", limit: 0 },
    "state folder": { value: agent.untouched ? "untouched" : "CHANGED" },
    "handed to write()": { value: agent.writtenBytes, unit: "bytes" },
    multicasts: { value: agent.sent("agent_dncp_multicasts_sent_total") },
    "stream TLVs": { value: agent.sent("agent_dncp_stream_tlvs_sent_total") },
    "bytes sent": { value: agent.sent("agent_dncp_bytes_sent_total") },
  });
}
