/**
 * A shared link whose unicast is streams: who is on it, which of them to hold a stream with, and
 * when to be silent. With few nodes on the link everyone has a stream with everyone. With more,
 * the link is dense (RFC 7787 §6.2): only the nodes with the highest ids multicast and are peers
 * of all, the others keep streams to these alone. RFC 7787 has one such node; we have two (the
 * profile's `hubs`), so that the loss of one breaks nobody off.
 *
 * @module
 */
import { concat } from "../wire/mod.ts";
import type { Address, EndpointConfig, NodeId } from "./api.ts";
import type { Core } from "./core.ts";
import type { Dialer } from "./dialer.ts";
import type { Session } from "./session.ts";
import type { Streams } from "./streams.ts";
import { Trickle } from "./trickle.ts";

/** A node is taken for gone from the link when not heard for this many keep-alive intervals. */
const FORGET_AFTER = 3;
/** How often a link is looked at without any cause, in ms. */
const LOOK_INTERVAL = 2_000;
/** The node with the lower id dials. If it does not for this long, the other one does. In ms. */
const PATIENCE = 2_000;
/** Streams that a dense link does not need are closed after this, once others carry. In ms. */
const SURPLUS_PAUSE = 2_000;
/** A hub that could not be reached this often in a row is passed over. */
const HOPELESS = 3;

interface Heard {
  readonly node: NodeId;
  readonly address: Address;
  readonly port: number;
  /** First heard without a stream to it, for {@linkcode PATIENCE}. */
  since: number;
  lastHeard: number;
  /** It seals with a key that is not our first one, so it may be unable to hear us. */
  readonly deaf: boolean;
}

/** One endpoint of mode `multicast+stream`. */
export class SharedLink {
  readonly config: EndpointConfig;
  readonly #core: Core;
  readonly #streams: Streams;
  readonly #dialer: Dialer;
  readonly #trickle: Trickle;
  readonly #heard = new Map<NodeId, Heard>();
  #dense = false;
  #hubs: ReadonlySet<NodeId> = new Set();
  #listening = false;
  #lastSent = -Infinity;
  /** When to multicast out of turn, because somebody new should know us. */
  #helloAt = Infinity;
  #lookAt: number;
  #surplusSince = Infinity;

  constructor(core: Core, streams: Streams, dialer: Dialer, config: EndpointConfig, now: number) {
    this.config = config;
    this.#core = core;
    this.#streams = streams;
    this.#dialer = dialer;
    this.#trickle = new Trickle(core.profile.trickle, core.random, now);
    this.#lookAt = now + LOOK_INTERVAL;
  }

  /** Whether this node only listens on the link (Multicast-Listen+Unicast). */
  get listening(): boolean {
    return this.#listening;
  }

  /** A multicast of another node. */
  heard(now: number, node: NodeId, from: Address, port: number, deaf: boolean): void {
    const known = this.#heard.get(node);
    if (known && known.port === port && known.deaf === deaf) {
      // A node with two interfaces on this link is heard from two addresses; one stream is enough.
      if (known.address === from || this.#streams.with(this.config.id, node)) {
        known.lastHeard = now;
        return;
      }
    }
    if (known) this.#unwant(known);
    this.#heard.set(node, { node, address: from, port, since: now, lastHeard: now, deaf });
    const { imin } = this.#core.profile.trickle;
    this.#lookAt = Math.min(this.#lookAt, now + this.#core.random.between(imin / 2, imin));
    if (node < this.#core.nodeId && !this.#listening) {
      this.#helloAt = Math.min(this.#helloAt, now + this.#core.random.between(imin / 2, imin));
    }
    this.#core.wakeAt(Math.min(this.#lookAt, this.#helloAt));
  }

  /** A consistent network state was heard by multicast. */
  hearConsistent(): void {
    this.#trickle.hearConsistent();
  }

  /** The network state hash changed. */
  networkStateChanged(now: number): void {
    this.#trickle.reset(now);
    this.#core.wakeAt(this.#trickle.nextWake);
  }

  /** A stream of this link opened or closed: see soon what that means. */
  touch(now: number): void {
    this.#lookAt = Math.min(this.#lookAt, now + this.#core.profile.trickle.imin / 2);
    this.#core.wakeAt(this.#lookAt);
  }

  get nextWake(): number {
    const speak = this.#listening ? Infinity : Math.min(
      this.#trickle.nextWake,
      this.#helloAt,
      this.#keepAliveAt,
    );
    return Math.min(speak, this.#lookAt);
  }

  wake(now: number): void {
    if (now >= this.#lookAt) this.#look(now);
    if (this.#listening) return;
    if (now >= this.#helloAt || now >= this.#keepAliveAt) {
      this.#multicast(now);
      this.#trickle.restart(now);
    } else if (this.#trickle.wake(now)) {
      this.#multicast(now);
    }
  }

  get #keepAliveAt(): number {
    const interval = this.config.keepAliveInterval ?? this.#core.profile.keepAlive.interval;
    return interval === 0 ? Infinity : this.#lastSent + interval;
  }

  /** Node Endpoint first (RFC 7787 §4.2), then how to open a stream, then the network state. */
  #multicast(now: number): void {
    const { encode, counters, transport, nodeId, instance } = this.#core;
    this.#lastSent = now;
    this.#helloAt = Infinity;
    const payload = concat([
      encode.nodeEndpoint(nodeId, this.config.id),
      encode.hello(this.config.streamPort ?? 0, instance),
      encode.networkState(this.#core.networkHash(now)),
    ]);
    counters.multicastsSent++;
    counters.bytesSent += payload.length;
    transport.multicast(this.config.id, payload);
  }

  /** Decide anew who is on the link and what is wanted of them. */
  #look(now: number): void {
    const { profile, nodeId } = this.#core;
    this.#lookAt = now + LOOK_INTERVAL;
    const sessions = new Map<NodeId, Session>();
    for (const session of this.#streams) {
      if (session.endpoint.id === this.config.id && session.peer) {
        sessions.set(session.peer.node, session);
      }
    }
    const population = this.#population(now, sessions);
    this.#decideDensity(population, sessions);
    for (const heard of this.#heard.values()) this.#unwant(heard);
    for (const id of this.#wanted(population, sessions)) {
      this.#dialWhereOurs(now, id, sessions.has(id));
    }
    const attached = [...this.#hubs].some((id) => this.#mutual(sessions.get(id)));
    this.#listening = this.#dense && !this.#hubs.has(nodeId) && attached;
    const crowded = profile.dense !== undefined && population.size > profile.dense.bound + 1;
    if (this.#listening && crowded) this.#closeSurplus(now, sessions);
    else this.#surplusSince = Infinity;
  }

  /** Everyone on the link: heard of late, connected, or listed by somebody connected. */
  #population(now: number, sessions: ReadonlyMap<NodeId, Session>): Set<NodeId> {
    const { profile, nodes, nodeId } = this.#core;
    const population = new Set<NodeId>([nodeId]);
    const forgetBefore = now - FORGET_AFTER * profile.keepAlive.interval;
    for (const [id, heard] of this.#heard) {
      if (sessions.has(id) || heard.lastHeard >= forgetBefore) {
        if (!this.#hopeless(id, sessions)) population.add(id);
      } else if (!nodes.get(id)?.reachable) {
        // Until then others still have it as a peer, and its address may be of use.
        this.#heard.delete(id);
        this.#unwant(heard);
      }
    }
    for (const [id, session] of sessions) {
      population.add(id);
      const record = nodes.get(id);
      if (!record?.reachable) continue;
      for (const link of record.links) {
        if (link.endpoint !== session.peer?.peerEndpoint) continue;
        if (nodes.get(link.node)?.reachable) population.add(link.node);
      }
    }
    return population;
  }

  #unwant({ address, port }: Heard): void {
    this.#dialer.unwant(this.config.id, address, port);
  }

  #decideDensity(population: ReadonlySet<NodeId>, sessions: ReadonlyMap<NodeId, Session>): void {
    const { dense } = this.#core.profile;
    if (!dense) return;
    if (population.size > dense.bound + 1) this.#dense = true;
    else if (population.size < dense.bound) this.#dense = false;
    // Nodes that are only listed by others, as mirrors are, can be no hubs: nobody could dial them.
    const ranked = [...population].filter((id) =>
      id === this.#core.nodeId || sessions.get(id)?.mirror === false ||
      (this.#heard.get(id)?.port ?? 0) > 0 && !this.#hopeless(id, sessions)
    ).sort();
    this.#hubs = new Set(this.#dense ? ranked.slice(-dense.hubs) : []);
  }

  /** Whether dialling the node has failed time and again. */
  #hopeless(id: NodeId, sessions: ReadonlyMap<NodeId, Session>): boolean {
    const heard = this.#heard.get(id);
    return heard !== undefined && !sessions.has(id) &&
      this.#dialer.failures(this.config.id, heard.address, heard.port) >= HOPELESS;
  }

  /**
   * With whom to hold a stream. Who could not be dialled is passed over but tried on for as long as
   * it is heard, or a partition would outlive its cause.
   */
  #wanted(population: ReadonlySet<NodeId>, sessions: ReadonlyMap<NodeId, Session>): Set<NodeId> {
    const { nodeId } = this.#core;
    const wanted = new Set(this.#dense ? this.#hubs : population);
    const lowestHub = [...this.#hubs].sort()[0] ?? "";
    for (const id of this.#heard.keys()) {
      if (id > lowestHub && this.#hopeless(id, sessions)) wanted.add(id);
    }
    // A copy of this node (a cloned SD card) is dialled like a stranger; the stream will tell.
    if (this.#heard.has(nodeId)) wanted.add(nodeId);
    else wanted.delete(nodeId);
    return wanted;
  }

  #dialWhereOurs(now: number, id: NodeId, connected: boolean): void {
    const heard = this.#heard.get(id);
    if (heard && connected) heard.since = now;
    if (connected || !heard || heard.port === 0) return;
    const ours = id > this.#core.nodeId || heard.deaf || now - heard.since > PATIENCE;
    if (ours) this.#dialer.want(now, this.config.id, heard.address, heard.port);
  }

  /** Whether the other end of a session lists us too, so that the session carries the graph. */
  #mutual(session: Session | undefined): boolean {
    const peer = session?.peer;
    if (!peer) return false;
    const record = this.#core.nodes.get(peer.node);
    return record?.hasLink(this.#core.nodeId, peer.endpoint, peer.peerEndpoint) ?? false;
  }

  /** Close streams between nodes of which none is a hub, where the hubs carry both of them. */
  #closeSurplus(now: number, sessions: ReadonlyMap<NodeId, Session>): void {
    const surplus = [...sessions.values()].filter((session) => {
      const id = session.peer?.node;
      if (id === undefined || this.#hubs.has(id) || session.mirror) return false;
      const record = this.#core.nodes.get(id);
      return [...this.#hubs].some((hub) => record?.listsPeer(hub));
    });
    if (surplus.length === 0) {
      this.#surplusSince = Infinity;
      return;
    }
    if (this.#surplusSince === Infinity) {
      this.#surplusSince = now + this.#core.random.between(0, SURPLUS_PAUSE / 2);
    }
    const due = this.#surplusSince + SURPLUS_PAUSE;
    if (now < due) {
      this.#lookAt = Math.min(this.#lookAt, due);
      return;
    }
    this.#surplusSince = Infinity;
    for (const session of surplus) {
      const node = session.peer?.node as NodeId;
      this.#streams.end(now, session, "not needed on this dense link", { kind: "redundant", node });
    }
  }
}
