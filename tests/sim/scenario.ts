/**
 * What benches and tests measure: a cold start, and one changed key. Plus two observers: of nodes that
 * are taken for lost while they live, and of whether what events tell is what lists say.
 *
 * @module
 */
import type { NodeId } from "../../lib/dncp/api.ts";
import { components, contains, runUntilConverged, type Waiting } from "./convergence.ts";
import type { SimNode } from "./node.ts";
import { type Topology, type TopologyOptions, value } from "./topology.ts";
import { totals } from "./traffic.ts";
import type { World } from "./world.ts";

export interface Outcome {
  /** Until the last node knew, in virtual ms. */
  readonly virtualMs: number;
  /** Of this computer, simulator included. */
  readonly cpuSeconds: number;
  readonly messages: number;
  readonly bytes: number;
  readonly events: number;
}

/** Start `n` nodes at once and wait until they agree, for at most `limit` virtual ms. */
export function coldStart(
  n: number,
  topology: Topology,
  options: TopologyOptions,
  waiting: Waiting & { limit?: number } = {},
): Outcome & { world: World } {
  const world = topology(n, options);
  const outcome = measured(world, () => {
    world.start();
    return runUntilConverged(world, waiting.limit ?? 600_000, waiting);
  });
  return { ...outcome, world };
}

let changes = 0;

/** Change one value of `node` and wait until every node that can be reached has it. */
export function oneChange(
  world: World,
  node: SimNode = world.random.pick(world.nodes),
  waiting: Waiting & { limit?: number } = {},
): Outcome {
  const part = components(world).find((nodes) => nodes.includes(node)) ?? [];
  const missing = new Set(part);
  const tlv = value(world.profile, node.name, ++changes);
  const start = world.now;
  let seen = start;
  const observer = {
    nodeChanged(at: SimNode, { after }: { after?: { id: NodeId; data: Uint8Array } }) {
      if (after?.id !== node.id || !missing.has(at) || !contains(after.data, tlv)) return;
      missing.delete(at);
      seen = world.now;
    },
  };
  world.observers.push(observer);
  const outcome = measured(world, () => {
    node.publish([tlv]);
    runUntilConverged(world, waiting.limit ?? 60_000, waiting);
    return seen - start;
  });
  world.observers.splice(world.observers.indexOf(observer), 1);
  const [left] = missing;
  if (left) throw new Error(`seed ${world.seed}: ${left.name} was never told of the change`);
  return outcome;
}

function measured(world: World, work: () => number): Outcome {
  const before = totals(world.traffic());
  const events = world.events;
  const start = performance.now();
  const virtualMs = work();
  const cpuSeconds = (performance.now() - start) / 1_000;
  const after = totals(world.traffic());
  return {
    virtualMs,
    cpuSeconds,
    messages: after.messages - before.messages,
    bytes: after.bytes - before.bytes,
    events: world.events - events,
  };
}

/**
 * Note each time that a node takes a living, reachable one for gone, or drops it as a peer. Returns
 * the notes, to which later ones are added.
 */
export function watchRemovals(world: World): string[] {
  const notes: string[] = [];
  let version = -1;
  let partOf = new Map<SimNode, number>();
  const together = (at: SimNode, id: NodeId) => {
    if (version !== world.topologyVersion) {
      version = world.topologyVersion;
      partOf = new Map();
      components(world).forEach((part, i) => part.forEach((node) => partOf.set(node, i)));
    }
    const other = world.nodeById(id);
    return other?.running && partOf.get(other) === partOf.get(at) ? other : undefined;
  };
  world.observers.push({
    nodeChanged(at, { after, before }) {
      if (after || !before) return;
      const other = together(at, before.id);
      if (other) notes.push(`${world.now.toFixed(1)} ms: ${at.name} lost ${other.name}`);
    },
    peerChanged(at, peer, kind, why) {
      if (kind !== "dropped") return;
      const other = together(at, peer.node);
      if (other) notes.push(`${world.now.toFixed(1)} ms: ${at.name} dropped ${other.name}: ${why}`);
    },
  });
  return notes;
}

/**
 * Follow the events of every node, and return a check of whether they add up to what the node lists.
 * Attach it before the nodes start.
 */
export function watchEvents(world: World): () => string | undefined {
  const views = new Map<SimNode, { life: number; nodes: Map<NodeId, number> }>();
  const viewOf = (node: SimNode) => {
    let view = views.get(node);
    if (view?.life !== node.life) views.set(node, view = { life: node.life, nodes: new Map() });
    return view.nodes;
  };
  const oddities: string[] = [];
  world.observers.push({
    nodeChanged(at, { after, before }) {
      const view = viewOf(at);
      const id = (after ?? before)?.id ?? "";
      if (view.get(id) !== before?.seqno) {
        oddities.push(
          `${at.name} told of ${id} before: ${before?.seqno}, had told of ${view.get(id)}`,
        );
      }
      if (after) view.set(id, after.seqno);
      else view.delete(id);
    },
  });
  return () => {
    if (oddities.length > 0) return oddities[0];
    for (const node of world.nodes) {
      if (!node.machine) continue;
      const listed = [...node.machine.nodes()];
      const view = viewOf(node);
      for (const { id, seqno } of listed) {
        if (view.get(id) !== seqno) {
          return `${node.name} lists ${id} at ${seqno}, its events said ${view.get(id)}`;
        }
      }
      if (view.size !== listed.length) {
        return `${node.name} lists ${listed.length} nodes, its events said ${view.size}`;
      }
    }
    return undefined;
  };
}
