/**
 * Whether a world agrees with itself: in each part whose nodes can hear each other, all have the
 * same network hash, and each lists exactly the nodes of its part with their newest data.
 *
 * @module
 */
import type { NodeView } from "../../lib/dncp/api.ts";
import { compareBytes, equalBytes } from "../../lib/wire/mod.ts";
import type { NodeMachine } from "./machine.ts";
import type { SimNode } from "./node.ts";
import type { World } from "./world.ts";

/** The running nodes, in parts within which links that work connect all. */
export function components(world: World): SimNode[][] {
  const parent = world.nodes.map((_, i) => i);
  const root = (i: number): number => {
    let at = i;
    while (parent[at] !== at) {
      parent[at] = parent[parent[at] as number] as number;
      at = parent[at] as number;
    }
    return at;
  };
  for (const link of world.links) {
    if (!link.up) continue;
    const first = new Map<number, number>();
    for (const { node, up, deaf, group } of link.attachments) {
      if (!up || deaf || !node.running) continue;
      const other = first.get(group);
      if (other === undefined) first.set(group, node.index);
      else parent[root(node.index)] = root(other);
    }
  }
  const parts = new Map<number, SimNode[]>();
  for (const node of world.nodes) {
    if (!node.running) continue;
    const at = root(node.index);
    const part = parts.get(at);
    if (part) part.push(node);
    else parts.set(at, [node]);
  }
  return [...parts.values()];
}

/**
 * Why the world is not converged; `undefined` where it is. First the hashes, which is cheap; then one node
 * of each part in full; then all of them.
 */
export function notConverged(world: World): string | undefined {
  const parts = components(world);
  for (const part of parts) {
    const why = differentHashes(world, part) ?? wrongList(part[0] as SimNode, part);
    if (why) return why;
  }
  for (const part of parts) {
    for (const node of part) {
      const why = wrongList(node, part) ?? unpublished(node);
      if (why) return why;
    }
  }
  return undefined;
}

export function isConverged(world: World): boolean {
  return notConverged(world) === undefined;
}

function differentHashes(world: World, part: SimNode[]): string | undefined {
  const first = part[0] as SimNode;
  const hash = machineOf(first).networkHash(world.now);
  for (const node of part) {
    const other = machineOf(node).networkHash(world.now);
    if (equalBytes(hash, other)) continue;
    const lists = wrongList(node, part) ?? wrongList(first, part) ?? "their lists are right";
    return `${first.name} has network hash ${hash.toHex()}, ${node.name} ${other.toHex()}: ${lists}`;
  }
  return undefined;
}

function wrongList(node: SimNode, part: SimNode[]): string | undefined {
  const machine = machineOf(node);
  let listed = 0;
  const extra: string[] = [];
  const ids = part.length < 64 ? new Set(part.map(({ id }) => id)) : undefined;
  for (const { id } of machine.nodes()) {
    listed++;
    if (ids && !ids.has(id)) extra.push(id);
  }
  // Who publishes nothing and has no peer has no state, and is not in its own list (spec, 4.2).
  if (part.length === 1 && listed === 0 && node.tlvs.length === 0) return undefined;
  if (extra.length > 0) return `${node.name} lists ${extra.join(", ")}, which it cannot reach`;
  for (const other of part) {
    const seen = machine.node(other.id);
    const own = machineOf(other).node(other.id);
    if (!own) return `${other.name} does not list itself`;
    if (!seen) return `${node.name} lacks ${other.name} (lists ${listed} of ${part.length})`;
    if (!sameState(seen, own)) {
      return `${node.name} has ${other.name} at ${seen.seqno}, which is at ${own.seqno}`;
    }
  }
  if (listed === part.length) return undefined;
  return `${node.name} lists ${listed} nodes, ${part.length} can be reached`;
}

function sameState(a: NodeView, b: NodeView): boolean {
  return a.seqno === b.seqno && (a.data === b.data || equalBytes(a.data, b.data));
}

/** What the application wants published must be in the node's own data. */
function unpublished(node: SimNode): string | undefined {
  const own = machineOf(node).node(node.id);
  for (const tlv of node.tlvs) {
    if (!own || !contains(own.data, tlv)) return `${node.name} has not published ${tlv.toHex()}`;
  }
  return undefined;
}

/** Whether `part` occurs in `whole`. */
export function contains(whole: Uint8Array, part: Uint8Array): boolean {
  for (let at = whole.indexOf(part[0] as number); at >= 0;) {
    if (compareBytes(whole.subarray(at, at + part.length), part) === 0) return true;
    at = whole.indexOf(part[0] as number, at + 1);
  }
  return part.length === 0;
}

function machineOf(node: SimNode): NodeMachine {
  if (!node.machine) throw new Error(`${node.name} is not running`);
  return node.machine;
}

export interface Waiting {
  /** How far apart checks are, in virtual ms. The answer is exact nevertheless. */
  readonly step?: number;
  /** How long nothing may change before it counts, in virtual ms. */
  readonly hold?: number;
}

/**
 * Run until the world is converged and has stayed as it is for `hold`. Returns the virtual time of
 * the last change that it took, counted from now.
 *
 * @throws where that does not happen within `limit` ms, with the reason.
 */
export function runUntilConverged(world: World, limit: number, waiting: Waiting = {}): number {
  const { step = 50, hold = 500 } = waiting;
  const start = world.now;
  const end = start + limit + hold;
  let failed = -1;
  let why: string | undefined = "no time to check";
  while (world.now < end) {
    world.run(step);
    if (world.lastChange > start + limit) break;
    if (world.now - Math.max(world.lastChange, start) < hold || world.version === failed) continue;
    why = notConverged(world);
    if (why === undefined) return Math.max(0, world.lastChange - start);
    failed = world.version;
  }
  why = notConverged(world) ?? "converged only just now";
  throw new Error(
    `seed ${world.seed}: not converged within ${limit} ms (last change at ${world.lastChange}): ${why}`,
  );
}
