/**
 * The shapes of networks that tests ask for, each in any of the modes in which nodes talk.
 *
 * @module
 */
import { hncpProfile, nativeProfile, type Profile } from "../../lib/dncp/profile.ts";
import { Random } from "../../lib/core/mod.ts";
import type { Link, LinkConditions } from "./link.ts";
import type { MachineFactory } from "./machine.ts";
import type { SimEndpoint, SimNode } from "./node.ts";
import { World, type WorldOptions } from "./world.ts";

/**
 * - `native`: multicast on links, unicast by streams.
 * - `connect`: streams alone, dialled to known addresses.
 * - `hncp`: multicast on links, unicast by datagrams.
 * - `unicast`: datagrams alone, towards known addresses.
 */
export type Mode = "native" | "connect" | "hncp" | "unicast";

export interface TopologyOptions extends Partial<LinkConditions> {
  readonly seed: number;
  readonly machine: MachineFactory;
  readonly mode?: Mode;
  /** Instead of the one that fits the mode. */
  readonly profile?: Profile;
  readonly multicastLoopback?: boolean;
  readonly choppyReads?: boolean;
  readonly scratchReads?: boolean;
  readonly sharedContents?: boolean;
}

/** A shape: makes a world of `n` nodes, not started, each publishing one small value. */
export type Topology = (n: number, options: TopologyOptions) => World;

/** Each node with a cable to the next. */
export const line: Topology = (n, options) => {
  const world = emptyWorld(n, options);
  for (let i = 0; i + 1 < n; i++) cable(world, options, nodeAt(world, i), nodeAt(world, i + 1));
  return world;
};

/** A line whose ends are joined. */
export const ring: Topology = (n, options) => {
  const world = line(n, options);
  if (n > 2) cable(world, options, nodeAt(world, n - 1), nodeAt(world, 0));
  return world;
};

/** The first node with a cable to each other. */
export const star: Topology = (n, options) => {
  const world = emptyWorld(n, options);
  for (let i = 1; i < n; i++) cable(world, options, nodeAt(world, i), nodeAt(world, 0));
  return world;
};

/** A tree in which each node has a cable to two below it. */
export const tree: Topology = (n, options) => {
  const world = emptyWorld(n, options);
  for (let i = 1; i < n; i++) cable(world, options, nodeAt(world, i), nodeAt(world, (i - 1) >> 1));
  return world;
};

/** All on one link. In the modes without multicast: each with a path to all others. */
export const shared: Topology = (n, options) => {
  const world = emptyWorld(n, options);
  sharedLink(world, options, world.nodes);
  return world;
};

/** Several shared links of random members; the first members hold all together. */
export const mesh: Topology = (n, options) => {
  const world = emptyWorld(n, options);
  const random = new Random(options.seed ^ 0x6d65_7368);
  const links = Math.max(2, Math.ceil(n / 4));
  for (let i = 0; i < links; i++) {
    const members = new Set<SimNode>();
    for (let j = i; j < n; j += links) members.add(nodeAt(world, j));
    members.add(nodeAt(world, (i + 1) % links % n));
    if (random.chance(0.5)) members.add(random.pick(world.nodes));
    if (members.size > 1) sharedLink(world, options, [...members]);
  }
  return world;
};

/** A world with nodes that have no interface yet. */
export function emptyWorld(n: number, options: TopologyOptions): World {
  const { seed, machine, mode = "native", profile, ...rest } = options;
  const { multicastLoopback, choppyReads, scratchReads, sharedContents, ...conditions } = rest;
  const datagrams = mode === "hncp" || mode === "unicast";
  const worldOptions: WorldOptions = {
    seed,
    machine,
    profile: profile ?? (datagrams ? hncpProfile : nativeProfile),
    conditions,
    multicastLoopback: multicastLoopback ?? false,
    choppyReads: choppyReads ?? false,
    scratchReads: scratchReads ?? false,
    sharedContents: sharedContents ?? false,
  };
  const world = new World(worldOptions);
  for (let i = 0; i < n; i++) {
    const node = world.addNode();
    node.publish([value(world.profile, `n${i}`, 0)]);
  }
  return world;
}

/** One TLV as an application would publish it: a name and a number. */
export function value(profile: Profile, name: string, number: number): Uint8Array {
  const type = profile.tlv.maxType > 0xff ? 900 : 200;
  return profile.tlv.encode(type, new TextEncoder().encode(`${name}=${number}`));
}

/** A cable between two nodes. */
export function cable(world: World, options: TopologyOptions, a: SimNode, b: SimNode): Link {
  const link = world.addLink();
  const { mode = "native" } = options;
  if (mode === "native" || mode === "hncp") {
    a.addEndpoint(multicastMode(mode), [link]);
    b.addEndpoint(multicastMode(mode), [link]);
  } else if (mode === "connect") {
    const from = streamEndpoint(a);
    a.attach(from, link);
    const to = b.attach(streamEndpoint(b), link);
    a.connect(from, to.address);
  } else {
    const to = b.addEndpoint("datagram", [link]).attachments[0];
    if (to) a.addEndpoint("datagram", [link], { to: to.address });
  }
  return link;
}

/** A link that many share. */
export function sharedLink(world: World, options: TopologyOptions, nodes: SimNode[]): Link {
  const { mode = "native" } = options;
  const link = world.addLink();
  if (mode === "native" || mode === "hncp") {
    for (const node of nodes) node.addEndpoint(multicastMode(mode), [link]);
  } else if (mode === "connect") {
    const [hub, ...others] = nodes.map((node) => node.attach(streamEndpoint(node), link));
    for (const { node, endpoint } of others) if (hub) node.connect(endpoint, hub.address);
  } else {
    const hub = nodes[0]?.addEndpoint("datagram", [link]).attachments[0];
    for (const node of nodes.slice(1)) {
      if (hub) node.addEndpoint("datagram", [link], { to: hub.address });
    }
  }
  return link;
}

function multicastMode(mode: "native" | "hncp"): "multicast+stream" | "multicast+datagram" {
  return mode === "native" ? "multicast+stream" : "multicast+datagram";
}

/** A node has one endpoint for all streams that it dials or takes. */
function streamEndpoint(node: SimNode): SimEndpoint {
  return node.endpoints.find(({ mode }) => mode === "stream") ?? node.addEndpoint("stream", []);
}

function nodeAt(world: World, i: number): SimNode {
  const node = world.nodes[i];
  if (!node) throw new RangeError(`no node ${i}`);
  return node;
}
