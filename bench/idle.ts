/**
 * What an agent costs that has nothing to do: three peers, no changes. Beside a bare Deno process
 * with the same flags that waits.
 *
 * @module
 */
import { Agents, freePorts, type RunningAgent } from "./harness/agents.ts";
import { type Bench, type Context, sleep } from "./harness/context.ts";
import { filesOf, type Usage, usageOf } from "./harness/proc.ts";

/** Percent of one core. */
const CPU_LIMIT = 0.2;
/** MB above the bare process. */
const RSS_LIMIT = 25;
/** What the start stirred up has settled by then, in ms. */
const SETTLE = 15_000;
const LAUNCHER_FLAGS = /run (--quiet .*-A)/;

export const bench: Bench = {
  name: "idle",
  title: "an idle agent with three peers, beside a bare Deno process that waits",
  run,
};

async function run(context: Context): Promise<void> {
  const seconds = context.choose(30, 10);
  const agents = await Agents.prepare(context);
  const bare = startBare(context, agents);
  const streams = await streamsOnly(agents);
  const multicast = await withMulticast(agents);
  await sleep(SETTLE);
  await measure(context, "three peers by streams", streams, bare, seconds);
  await measure(context, "three peers, and multicast on lo", multicast, bare, seconds);
}

/** Four agents of which three dial the first. */
async function streamsOnly(agents: Agents): Promise<RunningAgent> {
  const first = agents.start({ name: "s0" });
  const address = await first.address();
  const others = [1, 2, 3].map((i) => agents.start({ name: `s${i}`, connect: [address] }));
  for (const agent of [first, ...others]) await agent.knows(4);
  return first;
}

/** Four agents that found each other. */
async function withMulticast(agents: Agents): Promise<RunningAgent> {
  const [multicastPort] = freePorts(1) as [number];
  const all = [0, 1, 2, 3].map((i) => agents.start({ name: `m${i}`, multicastPort }));
  for (const agent of all) await agent.knows(4);
  return all[0] as RunningAgent;
}

/** The pid of a process that does nothing. */
function startBare(context: Context, agents: Agents): number {
  const script = `${agents.folder}/wait.js`;
  Deno.writeTextFileSync(script, "setInterval(() => {}, 2 ** 31 - 1);\n");
  const flags = LAUNCHER_FLAGS.exec(Deno.readTextFileSync(agents.launcher))?.[1]?.split(" ") ?? [];
  return context.spawn(Deno.execPath(), {
    args: ["run", ...flags, script],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).pid;
}

async function measure(
  context: Context,
  what: string,
  agent: RunningAgent,
  bare: number,
  seconds: number,
): Promise<void> {
  const peers = (await agent.api.get("/v1/peers") as unknown[]).length;
  const sentBefore = await agent.api.metrics();
  // What the question itself costs is over by then.
  await sleep(1_000);
  const files = filesOf(agent.stateDir);
  const before = { agent: usageOf(agent.pid), bare: usageOf(bare) };
  await sleep(seconds * 1_000);
  const after = { agent: usageOf(agent.pid), bare: usageOf(bare) };
  const untouched = files === filesOf(agent.stateDir);
  const sentAfter = await agent.api.metrics();
  const sent = (name: string) => (sentAfter.get(name) ?? 0) - (sentBefore.get(name) ?? 0);
  const percent = (a: Usage, b: Usage) => (b.cpuMs - a.cpuMs) / (seconds * 10);
  context.report.figures(`${what} (${peers}), ${seconds} s`, {
    CPU: { value: percent(before.agent, after.agent), unit: "%", limit: CPU_LIMIT },
    "CPU of the bare process": { value: percent(before.bare, after.bare), unit: "%" },
    "CPU by /proc/PID/stat": { value: after.agent.ticks - before.agent.ticks, unit: "ticks" },
    RSS: { value: after.agent.rssMb, unit: "MB" },
    "RSS of the bare process": { value: after.bare.rssMb, unit: "MB" },
    "RSS above it": { value: after.agent.rssMb - after.bare.rssMb, unit: "MB", limit: RSS_LIMIT },
    "not file-backed": { value: after.agent.anonymousMb, unit: "MB" },
    "of the bare process": { value: after.bare.anonymousMb, unit: "MB" },
    "written to disk": {
      value: after.agent.diskBytes - before.agent.diskBytes,
      unit: "bytes",
      limit: 0,
    },
    "state folder": { value: untouched ? "untouched" : "CHANGED" },
    "handed to write()": {
      value: after.agent.writtenBytes - before.agent.writtenBytes,
      unit: "bytes",
    },
    multicasts: { value: sent("agent_dncp_multicasts_sent_total") },
    "stream TLVs": { value: sent("agent_dncp_stream_tlvs_sent_total") },
    "bytes sent": { value: sent("agent_dncp_bytes_sent_total") },
  });
}
