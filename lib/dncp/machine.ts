/**
 * The DNCP machine (RFC 7787): told what arrives and what time it is, it says what to send and when
 * to wake it. This file puts the parts together: tables, streams, datagrams, links.
 *
 * @module
 */
import type { Machine, Random } from "../core/mod.ts";
import { equalBytes, toHex } from "../wire/mod.ts";
import type {
  Address,
  DncpCounters,
  DncpEvents,
  DncpTransport,
  EndpointConfig,
  EndpointId,
  NodeId,
  NodeView,
  PeerLink,
  PeerView,
  StreamId,
} from "./api.ts";
import { Asked } from "./asked.ts";
import { type Core, noCounters } from "./core.ts";
import { DatagramEndpoint } from "./datagrams.ts";
import { Dialer } from "./dialer.ts";
import { SharedLink } from "./link.ts";
import { type NodeContents, ownContents } from "./node_content.ts";
import { NodeTable } from "./node_table.ts";
import { OwnNode } from "./own_node.ts";
import { agrees, type Peer, PeerTable, viewOf } from "./peers.ts";
import type { Profile } from "./profile.ts";
import { receiveNodeState } from "./receive.ts";
import { Streams } from "./streams.ts";
import { decodeTlvs, TlvEncoder, TlvType } from "./tlv.ts";

const INSTANCE_BYTES = 8;

/** How a machine is made. */
export interface DncpOptions {
  readonly profile: Profile;
  readonly nodeId: NodeId;
  /** The last sequence number that this node may have used; 0: it never published. */
  readonly seqno?: number;
  readonly random: Random;
  readonly transport: DncpTransport;
  readonly events?: Partial<DncpEvents>;
  /** Monotonic milliseconds. */
  readonly now: number;
  /** Take part without being seen: no Node Endpoint, no own state. */
  readonly readOnly?: boolean;
  /** One source of node contents for all machines of a process. Without it, one of its own. */
  readonly contents?: NodeContents;
}

/** One DNCP instance. All times are monotonic milliseconds. */
export class Dncp implements Machine {
  readonly counters: DncpCounters = noCounters();
  readonly #profile: Profile;
  readonly #random: Random;
  readonly #transport: DncpTransport;
  readonly #events: Partial<DncpEvents>;
  readonly #core: Core;
  readonly #nodes: NodeTable;
  readonly #peers: PeerTable;
  readonly #streams: Streams;
  readonly #dialer: Dialer;
  readonly #own: OwnNode;
  readonly #endpoints = new Map<EndpointId, EndpointConfig>();
  readonly #links = new Map<EndpointId, SharedLink>();
  readonly #datagrams = new Map<EndpointId, DatagramEndpoint>();
  readonly #lastRequest = new Map<EndpointId, number>();
  #knownVersion = 0;
  #wakeAt: number;

  constructor(options: DncpOptions) {
    const { profile, random, transport, now } = options;
    this.#profile = profile;
    this.#random = random;
    this.#transport = transport;
    this.#events = options.events ?? {};
    this.#wakeAt = now;
    this.#nodes = new NodeTable(profile, options.nodeId, now, (change) => {
      this.#events.nodeChanged?.(change);
    });
    this.#peers = new PeerTable((peer, kind, why) => this.#peerChanged(peer, kind, why));
    this.#core = this.#makeCore(options);
    this.#own = new OwnNode(this.#core, options.nodeId, options.seqno ?? 0, {
      publishing: (seqno) => this.#events.publishing?.(seqno),
      idChanged: (at) => this.#idChanged(at),
      keepAlives: () => this.#endpoints.values(),
    });
    this.#streams = new Streams(this.#core, {
      established: (at, session) => {
        this.#links.get(session.endpoint.id)?.touch(at);
      },
      ended: (at, session, ending) => {
        const { endpoint, address, dialledPort } = session;
        if (dialledPort !== undefined && ending.kind === "redundant") {
          this.#dialer.redundant(at, endpoint.id, address, ending.node, dialledPort);
        } else if (dialledPort !== undefined) {
          this.#dialer.closed(at, endpoint.id, address, dialledPort);
        }
        this.#links.get(endpoint.id)?.touch(at);
      },
    });
    this.#dialer = new Dialer(
      random,
      (endpoint, address, port) => transport.dial(endpoint, address, port),
      (node) => [...this.#peers].some((peer) => peer.node === node),
    );
  }

  get nodeId(): NodeId {
    return this.#own.id;
  }

  /** The sequence number of the last publication. */
  get seqno(): number {
    return this.#own.seqno;
  }

  /** Whether the last network state heard from every peer equals ours (RFC 7787 §4.1). */
  get consistent(): boolean {
    const own = toHex(this.#nodes.hash.digest());
    return [...this.#peers].every((peer) => agrees(peer, own));
  }

  /** Begin to use an endpoint. */
  addEndpoint(now: number, config: EndpointConfig): void {
    this.removeEndpoint(now, config.id);
    this.#endpoints.set(config.id, config);
    if (config.mode === "multicast+stream") {
      const link = new SharedLink(this.#core, this.#streams, this.#dialer, config, now);
      this.#links.set(config.id, link);
    } else if (config.mode !== "stream") {
      this.#datagrams.set(config.id, new DatagramEndpoint(this.#core, config, now));
    }
    if (config.keepAliveInterval !== undefined) this.#own.dirty = true;
    // The new endpoint's timers: with no endpoint before, nothing else would wake this machine.
    this.#wakeSoon(now);
    this.#settle(now);
  }

  /** Stop using an endpoint; its peers are dropped. */
  removeEndpoint(now: number, id: EndpointId): void {
    if (!this.#endpoints.delete(id)) return;
    this.#dialer.forget(id);
    this.#streams.endAll(now, id, "endpoint removed");
    this.#datagrams.get(id)?.close();
    this.#datagrams.delete(id);
    this.#links.delete(id);
    this.#lastRequest.delete(id);
    this.#own.dirty = true;
    this.#settle(now);
  }

  /** Keep a stream open to an address (an endpoint of mode `stream`). */
  connect(now: number, endpoint: EndpointId, address: Address): void {
    this.#dialer.keep(now, endpoint, address);
    this.#settle(now);
  }

  /** Give up an address given to {@linkcode connect}; its stream is closed. */
  disconnect(now: number, endpoint: EndpointId, address: Address): void {
    this.#dialer.forget(endpoint, address);
    for (const session of [...this.#streams]) {
      if (session.dialled && session.endpoint.id === endpoint && session.address === address) {
        this.#streams.end(now, session, "no longer wanted");
      }
    }
    this.#settle(now);
  }

  /**
   * A multicast of another node, or of this one looped back. `options.foreignKey`: it was sealed
   * with a key that is not our first one, so the sender may be unable to read what we multicast.
   */
  receiveMulticast(
    now: number,
    endpoint: EndpointId,
    from: Address,
    payload: Uint8Array,
    options: { foreignKey?: boolean } = {},
  ): void {
    const link = this.#links.get(endpoint);
    if (link) this.#linkMulticast(now, link, from, payload, options.foreignKey ?? false);
    else this.#datagrams.get(endpoint)?.receive(now, from, payload, false);
    this.#settle(now);
  }

  /** A datagram that was sent to this node alone. */
  receiveDatagram(now: number, endpoint: EndpointId, from: Address, payload: Uint8Array): void {
    this.#datagrams.get(endpoint)?.receive(now, from, payload, true);
    this.#settle(now);
  }

  /** A stream is open: one that was asked for by `dial`, or one that another node dialled. */
  streamOpened(
    now: number,
    open: { endpoint: EndpointId; stream: StreamId; address: Address; dialled: boolean },
  ): void {
    const endpoint = this.#endpoints.get(open.endpoint);
    const { stream, address, dialled } = open;
    const dialledPort = dialled ? this.#dialer.opened(now, open.endpoint, address) : undefined;
    if (!endpoint) this.#transport.close(stream, "no such endpoint");
    else if (dialled && dialledPort === undefined) {
      this.#transport.close(stream, "no longer wanted");
    } else if (!this.#streams.open(now, { stream, endpoint, address, dialledPort }) && dialled) {
      this.#dialer.closed(now, open.endpoint, address, dialledPort);
    }
    this.#settle(now);
  }

  /** Bytes came down a stream, cut anywhere. */
  receiveStream(now: number, stream: StreamId, bytes: Uint8Array): void {
    this.#streams.receive(now, stream, bytes);
    this.#settle(now);
  }

  /** A stream takes bytes again after `write` returned false. */
  streamWritable(now: number, stream: StreamId): void {
    this.#streams.writable(stream);
    this.#settle(now);
  }

  /** A stream is gone. */
  streamClosed(now: number, stream: StreamId, reason: string): void {
    this.#streams.closed(now, stream, reason);
    this.#settle(now);
  }

  /** A stream asked for by `dial` could not be opened. */
  dialFailed(now: number, endpoint: EndpointId, address: Address, _reason: string): void {
    this.#dialer.failed(now, endpoint, address);
    this.#links.get(endpoint)?.touch(now);
    this.#settle(now);
  }

  /** The application's TLVs, encoded; they replace those of before. */
  publish(now: number, tlvs: readonly Uint8Array[]): void {
    this.#own.setApplication(tlvs);
    this.#settle(now);
  }

  /**
   * Say goodbye where no stream's end says it: publish once more without Peer TLVs, and tell every
   * peer by datagram, so that all see at once that this node is gone. Nothing may follow.
   */
  leave(now: number): void {
    this.#own.leave();
    this.#own.publishWhenDue(now);
    for (const endpoint of this.#datagrams.values()) endpoint.farewell(now);
  }

  /**
   * End for a restart: every peer is asked to keep our place for `limit` ms, and none is told that
   * we go. Nothing may follow. What is returned is for {@linkcode Dncp.resume} of the next process.
   */
  pause(now: number, limit: number): PeerLink[] {
    this.#streams.flush(now);
    this.#streams.pause(now, limit);
    return [...this.#peers].map(({ endpoint, node, peerEndpoint }) => ({
      endpoint,
      node,
      peerEndpoint,
    }));
  }

  /** A stream is to be closed for another one: both sides stay peers for `limit` ms without one. */
  renew(now: number, stream: StreamId, limit: number): void {
    this.#streams.renew(now, stream, limit);
    this.#settle(now);
  }

  /**
   * Go on where the process before this one paused: these are named as peers for `limit` ms, from the
   * next publication on. To be called before the first.
   */
  resume(now: number, links: readonly PeerLink[], limit: number): void {
    this.#own.expect(links, now + limit);
  }

  /** The network state hash, cut to the profile's length. Not to be modified. */
  networkHash(now: number): Uint8Array {
    this.#nodes.update(now);
    return this.#nodes.hash.digest();
  }

  /** All reachable nodes in ascending order of id, oneself included. */
  *nodes(): Iterable<NodeView> {
    for (const id of this.#nodes.reachableIds()) {
      const record = this.#nodes.get(id);
      if (record) yield record;
    }
  }

  /** A reachable node. */
  node(id: NodeId): NodeView | undefined {
    const record = this.#nodes.get(id);
    return record?.reachable ? record : undefined;
  }

  peers(): PeerView[] {
    return this.#peers.views(toHex(this.#nodes.hash.digest()));
  }

  /** Endpoints on which this node only listens (dense links). */
  listening(): EndpointId[] {
    return [...this.#links.values()].filter((link) => link.listening).map((link) => link.config.id);
  }

  nextWake(): number {
    return this.#wakeAt;
  }

  wake(now: number): void {
    this.#dialer.wake(now);
    this.#streams.wake(now);
    for (const link of this.#links.values()) if (link.nextWake <= now) link.wake(now);
    for (const endpoint of this.#datagrams.values()) {
      if (endpoint.nextWake <= now) endpoint.wake(now);
    }
    this.#own.wake(now);
    this.#wakeAt = Infinity;
    this.#settle(now);
    let earliest = Math.min(
      this.#dialer.nextWake,
      this.#streams.nextWake,
      this.#nodes.nextWake,
      this.#own.nextWake,
    );
    for (const link of this.#links.values()) earliest = Math.min(earliest, link.nextWake);
    for (const each of this.#datagrams.values()) earliest = Math.min(earliest, each.nextWake);
    this.#wakeSoon(earliest);
  }

  /** Bring everything that follows from the last event to its end, and send what waits. */
  #settle(now: number): void {
    this.#nodes.update(now);
    if (this.#own.publishWhenDue(now)) this.#streams.push(now, this.#own.id);
    if (this.#nodes.version !== this.#knownVersion) {
      this.#knownVersion = this.#nodes.version;
      this.#streams.networkStateChanged(now);
      for (const link of this.#links.values()) link.networkStateChanged(now);
      for (const endpoint of this.#datagrams.values()) endpoint.networkStateChanged(now);
    }
    this.#streams.flush(now);
    this.counters.graphRuns = this.#nodes.walks;
    this.#wakeSoon(Math.min(this.#dialer.nextWake, this.#nodes.nextWake, this.#own.nextWake));
  }

  #linkMulticast(
    now: number,
    link: SharedLink,
    from: Address,
    payload: Uint8Array,
    foreignKey: boolean,
  ): void {
    this.counters.multicastsReceived++;
    this.counters.bytesReceived += payload.length;
    const { tlvs, error, warnings } = decodeTlvs(this.#profile, payload);
    if (error !== null || warnings.length > 0) this.counters.malformed++;
    // RFC 7787 §4.4 lets a profile ignore everything in multicast but Node Endpoint and Network State.
    let node: NodeId | undefined;
    let port = 0;
    let instance: string | undefined;
    let hash: Uint8Array | undefined;
    for (const { fields } of tlvs) {
      if (fields?.type === TlvType.NodeEndpoint) node ??= fields.nodeId;
      else if (fields?.type === TlvType.NetworkState) hash ??= fields.hash;
      else if (fields?.type === TlvType.Hello) ({ streamPort: port, instance } = fields);
    }
    if (node === undefined || instance === this.#core.instance) return;
    // A copy of this node (a cloned SD card) is dialled like a stranger; the stream will tell.
    link.heard(now, node, from, port, foreignKey || node === this.#own.id);
    if (!hash) return;
    if (equalBytes(hash, this.networkHash(now))) link.hearConsistent();
    const session = this.#streams.with(link.config.id, node);
    if (session) this.#streams.heardHash(now, session, hash);
  }

  /** Peers have to learn a new id of ours by unicast. */
  #idChanged(now: number): void {
    for (const session of [...this.#streams]) {
      this.#streams.end(now, session, "this node takes a new id");
    }
    this.#events.nodeIdChanged?.(this.#own.id);
    for (const endpoint of this.#datagrams.values()) endpoint.introduce(now);
  }

  /** This machine as its parts see it. */
  #makeCore(options: DncpOptions): Core {
    const nodeId = () => this.#own.id;
    return {
      profile: this.#profile,
      random: this.#random,
      transport: this.#transport,
      encode: new TlvEncoder(this.#profile),
      counters: this.counters,
      nodes: this.#nodes,
      contents: options.contents ?? ownContents(this.#profile),
      peers: this.#peers,
      get nodeId() {
        return nodeId();
      },
      instance: toHex(this.#random.bytes(INSTANCE_BYTES)),
      readOnly: options.readOnly ?? false,
      asked: new Asked(),
      networkHash: (now) => this.networkHash(now),
      receiveNodeState: (now, state) => receiveNodeState(this.#core, this.#own, now, state),
      mayRequest: (now, endpoint) => this.#mayRequest(now, endpoint),
      cloned: (now) => this.#own.takeNewId(now),
      noRoom: (id) => this.#events.noRoom?.(id),
      wakeAt: (time) => this.#wakeSoon(time),
    };
  }

  /** At most one Request Network State an endpoint and Imin (RFC 7787 §4.4). */
  #mayRequest(now: number, endpoint: EndpointId): boolean {
    const last = this.#lastRequest.get(endpoint) ?? -Infinity;
    if (now - last < this.#profile.trickle.imin) return false;
    this.#lastRequest.set(endpoint, now);
    return true;
  }

  #peerChanged(peer: Peer, kind: "added" | "dropped", why: string): void {
    this.#own.dirty = true;
    this.#events.peerChanged?.(viewOf(peer, toHex(this.#nodes.hash.digest())), kind, why);
  }

  #wakeSoon(time: number): void {
    if (time < this.#wakeAt) this.#wakeAt = time;
  }
}
