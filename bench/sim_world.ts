/**
 * One simulated world, in a process of its own: its memory goes with it, and the processor time of
 * the process is the world's. Takes a {@linkcode WorldRequest} as JSON argument, prints a
 * {@linkcode WorldResult} as JSON.
 *
 * @module
 */
import { sha256 } from "@noble/hashes/sha2.js";
import process from "node:process";
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
import { EventQueue } from "../tests/sim/event_queue.ts";

const TOPOLOGIES = { line, mesh, shared, star, tree } satisfies Record<string, Topology>;

export interface WorldRequest {
  readonly topology: keyof typeof TOPOLOGIES;
  readonly nodes: number;
  readonly seeds: readonly number[];
  /** Probability that a packet is lost. */
  readonly loss?: number;
  /** Changes whose cost is counted, one after the other. 0: none. */
  readonly changes: number;
  /** Equal node data are held once in the process, not once a node. */
  readonly sharedContents?: boolean;
  /** A cold start that takes more processor time (in s), or more memory (in MB), is cut. */
  readonly limits?: { readonly seconds: number; readonly rssMb: number };
  /** Measure the least that as many deliveries cost, too. */
  readonly reference?: boolean;
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

/** How far a cold start had come when it was cut. */
export interface CutResult {
  readonly why: string;
  readonly virtualMs: number;
  readonly cpuSeconds: number;
  /** Of all pairs of nodes, in how many the one knew the other. */
  readonly known: number;
}

export interface WorldResult {
  readonly seeds: readonly SeedResult[];
  readonly cut?: CutResult;
  /** Resident memory at the end, in MB (10^6 bytes). */
  readonly rssMb: number;
  /** What the world holds at the end, in MB: heap and array buffers behind a collection. */
  readonly liveMb: number;
  /** µs of one delivery at the least: an event, a SHA-256, an entry in a map. */
  readonly leastMicroseconds?: number;
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
/** News between two looks at the clock. */
const LOOK = 1_024;
/** Deliveries of which the least cost is measured, and bytes of each. */
const LEAST = { deliveries: 200_000, bytes: 100 };

/** Thrown out of the simulator when a limit is passed. */
class Cut extends Error {}

/** Runs all seeds of a request. */
export function runWorlds(request: WorldRequest): WorldResult {
  const news = { count: 0 };
  let world: World | undefined;
  const before = { cpu: cpuSeconds(), alive: alive() };
  const seeds: SeedResult[] = [];
  let cut: CutResult | undefined;
  try {
    for (const seed of request.seeds) {
      const begun = begin(request, seed, news, (made) => world = made);
      seeds.push(measureChanges(begun, request.changes));
    }
  } catch (error) {
    const why = error instanceof Error && error.cause instanceof Cut ? error.cause : undefined;
    if (!why) throw error;
    cut = {
      why: why.message,
      virtualMs: world?.now ?? 0,
      cpuSeconds: cpuSeconds() - before.cpu,
      known: news.count / request.nodes ** 2,
    };
  }
  const rssMb = Deno.memoryUsage().rss / 1e6;
  const liveMb = (alive() - before.alive) / 1e6;
  return {
    seeds,
    ...(cut && { cut }),
    rssMb,
    liveMb,
    ...(request.reference && { leastMicroseconds: leastWork() }),
  };
}

interface Begun {
  readonly world: World;
  readonly cold: SeedResult["cold"];
}

function begin(
  request: WorldRequest,
  seed: number,
  news: { count: number },
  made: (world: World) => void,
): Begun {
  const { topology, nodes, loss = 0, sharedContents = false, limits } = request;
  const watched: Topology = (n, options) => {
    const world = TOPOLOGIES[topology](n, options);
    if (limits) keepTo(limits, world, news);
    made(world);
    return world;
  };
  const before = cpuSeconds();
  const options = { seed, machine: dncp, loss, sharedContents };
  const { world, virtualMs, messages, bytes } = coldStart(nodes, watched, options);
  // The watch is for the cold start alone.
  world.observers.length = 0;
  const whole = cpuSeconds() - before;
  const cpu = Math.max(0, whole - checkingSeconds(world));
  return { world, cold: { virtualMs, messages, bytes, cpuSeconds: cpu } };
}

/** Counts what nodes learn, and throws where that takes too long or too much memory. */
function keepTo(
  { seconds, rssMb }: { seconds: number; rssMb: number },
  world: World,
  news: { count: number },
): void {
  const end = cpuSeconds() + seconds;
  world.observers.push({
    nodeChanged(_at, { before }) {
      if (before) return;
      if (++news.count % LOOK !== 0) return;
      if (cpuSeconds() > end) throw new Cut(`after ${seconds} s of CPU`);
      const { rss } = Deno.memoryUsage();
      if (rss / 1e6 > rssMb) throw new Cut(`at ${Math.round(rss / 1e6)} MB of memory`);
    },
  });
}

/** At the least so many changes. */
function measureChanges({ world, cold }: Begun, least: number): SeedResult {
  // The end of a line, a leaf of a tree or a star: the longest way.
  const changeMs = oneChange(world, world.nodes.at(-1)).virtualMs;
  const changes: Cost[] = [];
  const idle: Cost[] = [];
  while (changes.length < least) {
    world.run(QUIET);
    idle.push(costOf(world, () => {}));
    const node = world.random.pick(world.nodes);
    changes.push(costOf(world, () => {
      node.publish([value(world.profile, node.name, 1_000_000 + changes.length)]);
    }));
  }
  return { cold, changeMs, changes, idle };
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

/**
 * What no simulation of this kind can do without: an event that is scheduled and carried out, the
 * check of what it brings by its hash, and a place to keep it.
 */
function leastWork(): number {
  const queue = new EventQueue();
  const data = new Uint8Array(LEAST.bytes);
  const kept = new Map<number, Uint8Array>();
  const start = cpuSeconds();
  for (let i = 0; i < LEAST.deliveries; i++) {
    queue.push(i + 10, { fire: () => kept.set(i, sha256(data)) });
    if (queue.length > 1_000) queue.pop().fire(i);
  }
  while (queue.length > 0) queue.pop().fire(0);
  return (cpuSeconds() - start) * 1e6 / LEAST.deliveries;
}

/** Bytes of heap and array buffers; behind a collection where the process has `--expose-gc`. */
function alive(): number {
  (globalThis as { gc?: () => void }).gc?.();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

/** Of all threads of this process, garbage collection included. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

if (import.meta.main) {
  console.log(JSON.stringify(runWorlds(JSON.parse(Deno.args[0] ?? "") as WorldRequest)));
}
