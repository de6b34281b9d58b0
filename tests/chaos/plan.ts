/**
 * Which faults strike whom and when: a schedule that comes from a seed alone. Nothing here touches
 * a process or an interface; `faults.ts` carries it out.
 *
 * @module
 */
import { Random } from "../../lib/core/mod.ts";

/** Nodes on bridge A only, on bridge B only, and on both. */
export const ON_A = ["a1", "a2", "a3", "a4", "a5"] as const;
export const ON_B = ["b1", "b2", "b3", "b4", "b5"] as const;
export const ROUTERS = ["r1", "r2"] as const;
export const NODES: readonly string[] = [...ON_A, ...ON_B, ...ROUTERS];

export type Bridge = "A" | "B";
export const BRIDGES: readonly Bridge[] = ["A", "B"];

/** Who has a leg on a bridge. */
export function legsOn(bridge: Bridge): readonly string[] {
  return [...(bridge === "A" ? ON_A : ON_B), ...ROUTERS];
}

/** Silence after which a peer counts as gone: `keep_alive` × `keep_alive_multiplier`, in ms. */
export const KEEP_ALIVE_LIMIT = 1_500;

/** One fault, from `at` until `end`; both in ms since the first moment of the schedule. */
export type Fault =
  & { readonly at: number; readonly end: number }
  & (
    /** SIGKILL at `at`, started again at `end`. */
    | { readonly kind: "kill"; readonly node: string }
    /** As `kill`, and the new process is killed once more, `early` ms after it was started. */
    | { readonly kind: "stutter"; readonly node: string; readonly early: number }
    /** SIGSTOP for longer than the keep-alive limit, then SIGCONT. */
    | { readonly kind: "stop"; readonly node: string }
    /** Its leg: taken down there (`down`), or the cable pulled at the bridge (`carrier`). */
    | {
      readonly kind: "link";
      readonly node: string;
      readonly bridge: Bridge;
      readonly how: "down" | "carrier";
    }
    /** Part of a bridge's ports stand on another bridge. */
    | { readonly kind: "split"; readonly bridge: Bridge; readonly away: readonly string[] }
    /** The legs of both routers on a bridge are down: A and B are apart. */
    | { readonly kind: "apart"; readonly bridge: Bridge }
    /** Its disk is full; where `killAt` is told, it is killed then and started again at once. */
    | { readonly kind: "full"; readonly node: string; readonly killAt: number | undefined }
    /** Its wall clock jumps, for good. */
    | { readonly kind: "clock"; readonly node: string; readonly by: number }
  );
export type FaultKind = Fault["kind"];

/** A node gets new keys: first the new one in front of the old one (1), then the new one alone (2). */
export interface Rotation {
  readonly at: number;
  readonly node: string;
  readonly step: 1 | 2;
}

export interface Plan {
  readonly seed: number;
  /** Length, in ms; no fault lasts longer. */
  readonly length: number;
  /** By `at`. */
  readonly faults: readonly Fault[];
  /** By `at`. Every node has its step 1 before any has its step 2. */
  readonly rotations: readonly Rotation[];
}

/** Drawn without putting back, so that each kind comes once before one comes again. */
const BAG: readonly FaultKind[] = [
  ...["kill", "kill", "kill", "stutter", "stop", "stop"] as const,
  ...["link", "link", "split", "apart", "full", "full", "clock"] as const,
];

/** How long each lasts, in ms. */
const LASTS: Readonly<Record<FaultKind, readonly [shortest: number, longest: number]>> = {
  kill: [100, 4_000],
  stutter: [100, 2_000],
  stop: [KEEP_ALIVE_LIMIT + 500, 6_000],
  link: [500, 6_000],
  split: [500, 8_000],
  apart: [500, 8_000],
  full: [2_000, 6_000],
  clock: [0, 0],
};
/** Some last so many times as long. */
const LONG = 4;
const LONG_CHANCE = 0.1;
/** Between the begins of two faults, in ms. */
const GAP: readonly [number, number] = [400, 1_600];
/** A node that had a fault is left alone for so long, in ms. */
const REST = 1_000;
/** Nodes with a fault of their own at a time: the rest has to go on. */
const MOST_AT_ONCE = 4;
/** How far a clock jumps, in ms: seconds, an hour, a day, and what a Pi without a clock does. */
const JUMPS = [-5_000, 5_000, -60_000, 3_600_000, -3_600_000, 86_400_000 * 1.5, -86_400_000 * 400];

/** The schedule of a seed. */
export function plan(seed: number, length: number): Plan {
  const random = new Random(seed);
  return {
    seed,
    length,
    faults: drawFaults(random.fork(), length),
    rotations: drawRotations(random.fork(), length),
  };
}

function drawFaults(random: Random, length: number): Fault[] {
  const faults: Fault[] = [];
  let bag: FaultKind[] = [];
  for (let at = 0; at < length; at += random.between(...GAP)) {
    if (bag.length === 0) bag = shuffled(random, BAG);
    // Where nobody is free for the first one, another one has its turn.
    for (const [i, kind] of bag.entries()) {
      const [shortest, longest] = LASTS[kind];
      if (at + shortest >= length) continue;
      const lasts = random.between(shortest, longest) * (random.chance(LONG_CHANCE) ? LONG : 1);
      const fault = rounded(draw(random, kind, at, Math.min(at + lasts, length)));
      if (!isFree(faults, fault)) continue;
      faults.push(fault);
      bag.splice(i, 1);
      break;
    }
  }
  return faults;
}

function draw(random: Random, kind: FaultKind, at: number, end: number): Fault {
  const when = { at, end };
  const node = random.pick(NODES);
  const bridge = random.pick(BRIDGES);
  switch (kind) {
    case "kill":
    case "stop":
      return { kind, node, ...when };
    case "stutter":
      return { kind, node, early: random.between(0, 900), ...when };
    case "link": {
      const own = BRIDGES.filter((one) => legsOn(one).includes(node));
      const how = random.pick(["down", "carrier"] as const);
      return { kind, node, bridge: random.pick(own), how, ...when };
    }
    case "split": {
      const legs = shuffled(random, legsOn(bridge));
      return { kind, bridge, away: legs.slice(0, 1 + random.below(legs.length - 1)), ...when };
    }
    case "apart":
      return { kind, bridge, ...when };
    case "full": {
      const killAt = random.chance(0.5) ? random.between(at, end) : undefined;
      return { kind, node, killAt, ...when };
    }
    case "clock":
      return { kind, node, by: random.pick(JUMPS), ...when };
  }
}

/** What a fault needs for itself. */
export function victims(fault: Fault): readonly string[] {
  if ("node" in fault) return [fault.node];
  return fault.kind === "apart" ? ROUTERS : [`bridge ${fault.bridge}`];
}

function isFree(faults: readonly Fault[], wanted: Fault): boolean {
  const now = faults.filter(({ end }) => end + REST > wanted.at);
  const own = new Set(victims(wanted));
  if (now.some((fault) => victims(fault).some((one) => own.has(one)))) return false;
  const cuts = ["split", "apart"];
  if (cuts.includes(wanted.kind)) return !now.some(({ kind }) => cuts.includes(kind));
  return now.filter((fault) => "node" in fault).length < MOST_AT_ONCE;
}

function drawRotations(random: Random, length: number): Rotation[] {
  const phase = (step: 1 | 2, from: number, to: number) =>
    shuffled(random, NODES).map((node) => ({
      at: Math.round(length * random.between(from, to)),
      node,
      step,
    })).sort((a, b) => a.at - b.at);
  return [...phase(1, 0.3, 0.45), ...phase(2, 0.6, 0.75)];
}

function shuffled<T>(random: Random, list: readonly T[]): T[] {
  const all = [...list];
  for (let i = all.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [all[i], all[j]] = [all[j] as T, all[i] as T];
  }
  return all;
}

/** Whole milliseconds, for people who read the log. */
function rounded(fault: Fault): Fault {
  const at = Math.round(fault.at);
  const end = Math.round(fault.end);
  if (fault.kind === "stutter") return { ...fault, at, end, early: Math.round(fault.early) };
  if (fault.kind !== "full" || fault.killAt === undefined) return { ...fault, at, end };
  return { ...fault, at, end, killAt: Math.round(fault.killAt) };
}

/** A fault in words. */
export function describe(fault: Fault): string {
  const lasts = `${fault.end - fault.at} ms`;
  switch (fault.kind) {
    case "kill":
      return `kill ${fault.node} for ${lasts}`;
    case "stutter":
      return `kill ${fault.node} for ${lasts}, and again ${fault.early} ms after its start`;
    case "stop":
      return `stop ${fault.node} for ${lasts}`;
    case "link":
      return `${fault.how === "down" ? "link down" : "no carrier"}: ${fault.node} on ` +
        `${fault.bridge} for ${lasts}`;
    case "split":
      return `split ${fault.bridge}: ${fault.away.join(" ")} apart for ${lasts}`;
    case "apart":
      return `routers' legs on ${fault.bridge} down for ${lasts}`;
    case "full":
      return `disk full: ${fault.node} for ${lasts}` +
        (fault.killAt === undefined ? "" : `, killed after ${fault.killAt - fault.at} ms`);
    case "clock":
      return `clock of ${fault.node} jumps by ${fault.by / 1_000} s`;
  }
}
