/**
 * A whole network of simulated nodes under virtual time. Everything that happens in it follows from
 * its seed.
 *
 * @module
 */
import { Random } from "../../lib/core/mod.ts";
import type { Address, NodeId, NodeView, PeerView, StreamId } from "../../lib/dncp/api.ts";
import type { NodeContents } from "../../lib/dncp/node_content.ts";
import { nativeProfile, type Profile } from "../../lib/dncp/profile.ts";
import { SharedContents } from "./contents.ts";
import { EventQueue } from "./event_queue.ts";
import { type Attachment, goodLink, Link, type LinkConditions } from "./link.ts";
import type { MachineFactory } from "./machine.ts";
import { SimNode } from "./node.ts";
import { Trace } from "./trace.ts";
import { noTraffic, type Traffic } from "./traffic.ts";

export interface WorldOptions {
  readonly seed: number;
  /** What runs on the nodes. */
  readonly machine: MachineFactory;
  readonly profile?: Profile;
  /** Conditions of links that are made without any. */
  readonly conditions?: Partial<LinkConditions>;
  /** Nodes receive their own multicasts, as sockets may. */
  readonly multicastLoopback?: boolean;
  /** Streams are read in pieces cut anywhere. */
  readonly choppyReads?: boolean;
  /** What a machine is given to read is overwritten afterwards, as a transport's buffer may be. */
  readonly scratchReads?: boolean;
  /**
   * All nodes hold equal node data once, instead of each its own copy: for large worlds. What they
   * do stays the same.
   */
  readonly sharedContents?: boolean;
}

/** Told of what machines tell their application. */
export interface Observer {
  nodeChanged?(at: SimNode, change: { after?: NodeView; before?: NodeView }): void;
  peerChanged?(at: SimNode, peer: PeerView, kind: "added" | "dropped", why: string): void;
}

export class World {
  readonly seed: number;
  readonly profile: Profile;
  readonly makeMachine: MachineFactory;
  readonly multicastLoopback: boolean;
  readonly choppyReads: boolean;
  readonly scratchReads: boolean;
  /** `undefined`: each machine its own. */
  readonly contents: NodeContents | undefined;
  readonly random: Random;
  readonly queue = new EventQueue();
  readonly trace: Trace;
  readonly nodes: SimNode[] = [];
  readonly links: Link[] = [];
  readonly observers: Observer[] = [];
  readonly #conditions: LinkConditions;
  readonly #byHost = new Map<string, Attachment>();
  readonly #byAddress = new Map<Address, Attachment>();
  readonly #byId = new Map<NodeId, SimNode>();
  #streamIds = 0;
  #now = 0;
  #changes = 0;
  #lastChange = 0;
  #topology = 0;
  #events = 0;

  constructor(options: WorldOptions) {
    this.seed = options.seed;
    this.profile = options.profile ?? nativeProfile;
    this.makeMachine = options.machine;
    this.multicastLoopback = options.multicastLoopback ?? false;
    this.choppyReads = options.choppyReads ?? false;
    this.scratchReads = options.scratchReads ?? false;
    this.contents = options.sharedContents ? new SharedContents(this.profile) : undefined;
    this.#conditions = { ...goodLink, ...options.conditions };
    this.random = new Random(options.seed);
    this.trace = new Trace(this.profile);
  }

  /** Virtual time in ms. */
  get now(): number {
    return this.#now;
  }

  /** Events carried out so far. */
  get events(): number {
    return this.#events;
  }

  /** Counts everything that can make a converged world unconverged or the other way round. */
  get version(): number {
    return this.#changes + this.#topology;
  }

  /** Counts changes of who is alive and who can hear whom. */
  get topologyVersion(): number {
    return this.#topology;
  }

  /** When a node last learned of something or published, in virtual ms. */
  get lastChange(): number {
    return this.#lastChange;
  }

  // ---------------------------------------------------------------- building

  addNode(): SimNode {
    const node = new SimNode(this, this.nodes.length, this.newNodeId());
    this.nodes.push(node);
    return node;
  }

  addLink(conditions: Partial<LinkConditions> = {}): Link {
    const link = new Link(this.links.length, { ...this.#conditions, ...conditions });
    this.links.push(link);
    return link;
  }

  /** Start all nodes that are not running. */
  start(): void {
    for (const node of this.nodes) node.start();
  }

  /** A random id that nobody has. */
  newNodeId(): NodeId {
    for (;;) {
      const id = this.random.bytes(this.profile.nodeIdBytes).toHex();
      if (!this.#byId.has(id)) return id;
    }
  }

  // ---------------------------------------------------------------- running

  /** Carry out what is due up to and including `time`. */
  runUntil(time: number): void {
    const { queue } = this;
    try {
      while (queue.nextTime <= time) {
        const at = queue.nextTime;
        this.#now = at;
        this.#events++;
        queue.pop().fire(at);
      }
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`seed ${this.seed}, at ${this.#now} ms: ${message}`, { cause });
    }
    this.#now = time;
  }

  /** Go on for so many ms. */
  run(ms: number): void {
    this.runUntil(this.#now + ms);
  }

  // ---------------------------------------------------------------- trouble

  setLink(link: Link, up: boolean): void {
    if (link.up === up) return;
    link.up = up;
    this.topologyChanged();
  }

  /** Split a link: attachments hear only those with the same number. */
  partition(link: Link, groupOf: (attachment: Attachment) => number): void {
    for (const attachment of link.attachments) attachment.group = groupOf(attachment);
    this.topologyChanged();
  }

  heal(link: Link): void {
    this.partition(link, () => 0);
  }

  setDeaf(attachment: Attachment, deaf: boolean): void {
    attachment.deaf = deaf;
    this.topologyChanged();
  }

  /** Pull the plug and put it in elsewhere. The node is not told: a switch stands between. */
  replug(attachment: Attachment, link: Link): void {
    const { attachments } = attachment.link;
    attachments.splice(attachments.indexOf(attachment), 1);
    link.attachments.push(attachment);
    attachment.link = link;
    this.topologyChanged();
  }

  // ---------------------------------------------------------------- figures

  /** What all nodes sent since the start. */
  traffic(): Traffic {
    const sum = noTraffic();
    for (const node of this.nodes) {
      for (const key of Object.keys(sum) as (keyof Traffic)[]) sum[key] += node.traffic[key];
    }
    return sum;
  }

  nodeById(id: NodeId): SimNode | undefined {
    return this.#byId.get(id);
  }

  // ---------------------------------------------------------------- for the nodes

  /** @internal */
  nextStreamId(): StreamId {
    return ++this.#streamIds;
  }

  /** @internal */
  register(attachment: Attachment): void {
    this.#byHost.set(attachment.host, attachment);
    this.#byAddress.set(attachment.address, attachment);
    this.topologyChanged();
  }

  /** @internal */
  attachmentOf(host: string): Attachment | undefined {
    return this.#byHost.get(host);
  }

  /** @internal */
  attachmentOfAddress(address: Address): Attachment | undefined {
    return this.#byAddress.get(address);
  }

  /** @internal */
  renamed(node: SimNode, id: NodeId): void {
    if (this.#byId.get(node.id) === node) {
      this.#byId.delete(node.id);
      // A copy of its disk may run elsewhere.
      const twin = this.nodes.find((other) => other !== node && other.id === node.id);
      if (twin) this.#byId.set(twin.id, twin);
    }
    this.#byId.set(id, node);
  }

  /** @internal */
  changed(): void {
    this.#changes++;
    this.#lastChange = this.#now;
  }

  /** @internal */
  topologyChanged(): void {
    this.#topology++;
  }
}
