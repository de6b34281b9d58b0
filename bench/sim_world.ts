/**
 * One simulated world, in a process of its own: its memory goes with it, and the processor time of
 * the process is the world's. Takes a {@linkcode WorldRequest} as JSON argument, prints a
 * {@linkcode WorldResult} as JSON.
 *
 * @module
 */
import process from "node:process";
import { nativeProfile } from "../lib/dncp/mod.ts";
import {
  coldStart,
  dncp,
  isConverged,
  line,
  mesh,
  oneChange,
  shared,
  star,
  type Topology,
  totals,
  tree,
  value,
  type World,
} from "../tests/sim/mod.ts";

const TOPOLOGIES = { line, mesh, shared, star, tree } satisfies Record<string, Topology>;

export interface WorldRequest {
  readonly topology: keyof typeof TOPOLOGIES;
  readonly nodes: number;
  readonly seeds: readonly number[];
  /** Probability that a packet is lost. */
  readonly loss?: number;
  /** Instead of the profile's, where one node has more peers than that allows. */
  readonly maxStreams?: number;
  /** Changes whose cost is counted, one after the other. 0: none. */
  readonly changes: number;
  /**
   * Networks of this kind in memory at the same time, each with its turn at a change: what changes
   * cost where as much memory is in use as in a larger network. Without it: one.
   */
  readonly copies?: number;
}

/** What the nodes did in a stretch of virtual time. */
export interface Cost {
  readonly messages: number;
  readonly bytes: number;
  /** Processor time of this process: all nodes and the simulator, its checking left out. */
  readonly cpuSeconds: number;
}

export interface SeedResult {
  readonly cold: Cost & { readonly virtualMs: number };
  /** Until the last node had one changed value, counted from the change. */
  readonly changeMs: number;
  /** One changed value and what follows from it, and as long a time of nothing. */
  readonly changes: readonly Cost[];
  readonly idle: readonly Cost[];
}

export interface WorldResult {
  readonly seeds: readonly SeedResult[];
  /** Resident memory at the end, in MB (10^6 bytes). */
  readonly rssMb: number;
}

/**
 * Virtual ms in which what follows from a change is counted; the same again before it, of nothing.
 * A multiple of the interval at which nodes look after their links (2 s), so that both windows hold
 * as much of that.
 */
const WINDOW = 4_000;
/**
 * Virtual ms from the end of one change's window to the window of nothing. A change makes all nodes
 * speak; their signs of life come 10 s and 20 s later, before that window and behind it.
 */
const QUIET = 11_000;

/** Runs all seeds of a request. */
export function runWorlds(request: WorldRequest): WorldResult {
  const { copies = 1 } = request;
  const seeds = request.seeds.map((seed) => {
    const starts = Array.from({ length: copies }, (_, i) => start(request, seed + 1_000 * i));
    return measureChanges(starts, request.changes);
  });
  return { seeds, rssMb: Deno.memoryUsage().rss / 1e6 };
}

interface Started {
  readonly world: World;
  readonly cold: SeedResult["cold"];
}

function start(request: WorldRequest, seed: number): Started {
  const { topology, nodes, loss = 0, maxStreams } = request;
  const before = cpuSeconds();
  const { world, virtualMs, messages, bytes } = coldStart(nodes, TOPOLOGIES[topology], {
    seed,
    machine: dncp,
    loss,
    ...(maxStreams !== undefined && { profile: { ...nativeProfile, maxStreams } }),
  });
  const whole = cpuSeconds() - before;
  const cpu = Math.max(0, whole - checkingSeconds(world));
  return { world, cold: { virtualMs, messages, bytes, cpuSeconds: cpu } };
}

/** At the least so many changes; each of the worlds has the same number. */
function measureChanges(starts: readonly Started[], least: number): SeedResult {
  const [first] = starts as [Started];
  // The end of a line, a leaf of a tree or a star: the longest way.
  const changeMs = oneChange(first.world, first.world.nodes.at(-1)).virtualMs;
  const changes: Cost[] = [];
  const idle: Cost[] = [];
  while (changes.length < least) {
    for (const { world } of starts) {
      world.run(QUIET);
      idle.push(costOf(world, () => {}));
      const node = world.random.pick(world.nodes);
      changes.push(costOf(world, () => {
        node.publish([value(world.profile, node.name, 1_000_000 + changes.length)]);
      }));
    }
  }
  return { cold: first.cold, changeMs, changes, idle };
}

/** What the last check of a cold start took: the simulator's, not the nodes'. */
function checkingSeconds(world: World): number {
  const start = cpuSeconds();
  isConverged(world);
  return cpuSeconds() - start;
}

function costOf(world: World, work: () => void): Cost {
  const before = totals(world.traffic());
  const start = cpuSeconds();
  work();
  world.run(WINDOW);
  const spent = cpuSeconds() - start;
  const after = totals(world.traffic());
  return {
    messages: after.messages - before.messages,
    bytes: after.bytes - before.bytes,
    cpuSeconds: spent,
  };
}

/** Of all threads of this process, garbage collection included. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

if (import.meta.main) {
  console.log(JSON.stringify(runWorlds(JSON.parse(Deno.args[0] ?? "") as WorldRequest)));
}
