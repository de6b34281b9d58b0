/**
 * What clusters cost that have nothing to do, and what one change costs on the cables: by the
 * kernel's counters.
 *
 * @module
 */
import { type Traffic, trafficOf } from "./bridge_lab.ts";
import type { Cluster } from "./bridge_cluster.ts";
import { sleep } from "./harness/sleep.ts";
import { usageOf } from "./harness/proc.ts";

/** In which a change has gone everywhere, and whatever follows it; in ms. */
const AFTER = 2_500;

/** What one node of a cluster used: a sample a window, the mean of all nodes. */
export interface Idle {
  /** Percent of one core. */
  readonly cpu: number[];
  /** Bytes a second on its cable, Ethernet headers included. */
  readonly sent: number[];
  readonly received: number[];
  /** Packets a second that it sent. */
  readonly packets: number[];
  /** MB at the end, a value a node. */
  readonly rss: number[];
  /** Percent of one core over all windows, of the node that used the most. */
  readonly busiest: number;
}

/** One node at a moment. */
export interface Sample extends Traffic {
  readonly cpuMs: number;
}

/** What a node counted up in a second: the mean of all nodes. */
export function rateOf(
  before: readonly Sample[],
  after: readonly Sample[],
  seconds: number,
  of: (sample: Sample) => number,
): number {
  return mean(after.map((sample, n) => of(sample) - of(before[n] as Sample))) / seconds;
}

/** What nodes sent, each of them `sent`, beyond what each sends in a second when idle. */
export function surplus(sent: readonly number[], idlePerSecond: number, seconds: number): number {
  return sum(sent) - idlePerSecond * sent.length * seconds;
}

/** Windows of so many seconds, for all clusters at the same time. */
export async function idleOf(
  clusters: readonly Cluster[],
  seconds: number,
  windows: number,
): Promise<Map<Cluster, Idle>> {
  const now = () => clusters.map((cluster) => cluster.pids().map(sampleOf));
  const results = clusters.map((): Omit<Idle, "rss" | "busiest"> => ({
    cpu: [],
    sent: [],
    received: [],
    packets: [],
  }));
  const start = performance.now();
  const first = now();
  let [at, last] = [start, first];
  for (let i = 0; i < windows; i++) {
    await sleep(seconds * 1_000);
    const [then, next] = [performance.now(), now()];
    const took = (then - at) / 1_000;
    for (const [c, nodes] of next.entries()) {
      const rate = (of: (sample: Sample) => number) => rateOf(last[c]!, nodes, took, of);
      results[c]!.cpu.push(rate(({ cpuMs }) => cpuMs) / 10);
      results[c]!.sent.push(rate(({ bytesOut }) => bytesOut));
      results[c]!.received.push(rate(({ bytesIn }) => bytesIn));
      results[c]!.packets.push(rate(({ packetsOut }) => packetsOut));
    }
    [at, last] = [then, next];
  }
  return new Map(clusters.map((cluster, c) => {
    const used = last[c]!.map(({ cpuMs }, n) => cpuMs - first[c]![n]!.cpuMs);
    const rss = cluster.pids().map((pid) => usageOf(pid).rssMb);
    return [cluster, { ...results[c]!, rss, busiest: 100 * Math.max(...used) / (at - start) }];
  }));
}

/** What one change made all nodes send beyond what they send when idle: a sample a change. */
export interface Wire {
  readonly bytes: number[];
  readonly packets: number[];
}

/** One change in each cluster at the same time, and what it cost there. */
export async function bytesOfChanges(
  clusters: readonly Cluster[],
  idle: ReadonlyMap<Cluster, Idle>,
  rounds: number,
): Promise<Map<Cluster, Wire>> {
  const now = () => clusters.map((cluster) => cluster.pids().map(trafficOf));
  const wire = clusters.map((): Wire => ({ bytes: [], packets: [] }));
  let [at, before] = [performance.now(), now()];
  for (let i = 0; i < rounds; i++) {
    await Promise.all([sleep(AFTER), ...clusters.map((cluster) => cluster.change())]);
    const [then, after] = [performance.now(), now()];
    for (const [c, cluster] of clusters.entries()) {
      const beyond = (of: (traffic: Traffic) => number, idleRate: readonly number[]) => {
        const all = after[c]!.map((node, n) => of(node) - of(before[c]![n]!));
        return surplus(all, mean(idleRate), (then - at) / 1_000);
      };
      const { sent, packets } = idle.get(cluster) as Idle;
      wire[c]!.bytes.push(beyond(({ bytesOut }) => bytesOut, sent));
      wire[c]!.packets.push(beyond(({ packetsOut }) => packetsOut, packets));
    }
    [at, before] = [then, after];
  }
  return new Map(clusters.map((cluster, c) => [cluster, wire[c]!]));
}

function sampleOf(pid: number): Sample {
  return { ...trafficOf(pid), cpuMs: usageOf(pid).cpuMs };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}
