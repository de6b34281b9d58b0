/**
 * DNCP over unreliable datagrams (RFC 7787 §4.2): an endpoint that multicasts, one that talks to a
 * single known address, or one that answers whoever writes to it.
 *
 * @module
 */
import { concat, equalBytes, toHex } from "../wire/mod.ts";
import type { Address, EndpointConfig, NodeId } from "./api.ts";
import { Beat } from "./beat.ts";
import type { Core } from "./core.ts";
import { newPeer, type Peer } from "./peers.ts";
import { decodeTlvs, type NodeState, TlvType } from "./tlv.ts";

/** Between two questions to a peer that has gone silent, in ms. */
const PROBE_INTERVAL = 2_000;

/** What waits for its moment to be sent to one address. */
interface Delayed {
  at: number;
  request: boolean;
  readonly wants: Set<NodeId>;
}

/** What one received datagram has told so far. */
interface Reception {
  readonly from: Address;
  readonly unicast: boolean;
  readonly wants: Set<NodeId>;
  /** Nodes whose state is asked for; each is given once, however often it is asked for. */
  readonly gives: Set<NodeId>;
  givesList: boolean;
  /** The Node Endpoint TLV came already. */
  attributed: boolean;
  /** It carries our own id: a multicast of ours that came back, or another node's with the same id. */
  ourId: boolean;
  sender: Peer | undefined;
  heardHash: Uint8Array | undefined;
  wantList: boolean;
  unknownMulticaster: boolean;
  sawDifference: boolean;
}

/** One endpoint of mode `multicast+datagram` or `datagram`. */
export class DatagramEndpoint {
  readonly config: EndpointConfig;
  readonly #core: Core;
  /** Of the group, or of the one address of a client; absent where there are only peers. */
  readonly #beat: Beat | undefined;
  /** Per peer, where the endpoint neither multicasts nor has one address. */
  readonly #peerBeats = new Map<Peer, Beat>();
  readonly #delayed = new Map<Address, Delayed>();
  readonly #probes = new Map<Peer, number>();
  readonly #firstHops = new Map<NodeId, number>();

  constructor(core: Core, config: EndpointConfig, now: number) {
    this.#core = core;
    this.config = config;
    const single = config.mode === "multicast+datagram" || config.to !== undefined;
    // A node that publishes nothing stays silent: its hash would keep real nodes from sending theirs.
    this.#beat = single && !core.readOnly ? this.#newBeat(now) : undefined;
  }

  /** A datagram came. `from`: where a reply goes. */
  receive(now: number, from: Address, payload: Uint8Array, unicast: boolean): void {
    const core = this.#core;
    core.counters.bytesReceived += payload.length;
    if (unicast) core.counters.datagramsReceived++;
    else core.counters.multicastsReceived++;
    const { tlvs, error, warnings } = decodeTlvs(core.profile, payload);
    if (error !== null || warnings.length > 0) core.counters.malformed++;
    const reception: Reception = {
      from,
      unicast,
      wants: new Set(),
      gives: new Set(),
      givesList: false,
      attributed: false,
      ourId: false,
      sender: undefined,
      heardHash: undefined,
      wantList: false,
      unknownMulticaster: false,
      sawDifference: false,
    };
    for (const { fields } of tlvs) {
      switch (fields?.type) {
        case TlvType.NodeEndpoint:
          this.#nodeEndpoint(now, reception, fields.nodeId, fields.endpointId);
          break;
        case TlvType.NetworkState:
          this.#networkState(now, reception, fields.hash);
          break;
        case TlvType.NodeState:
          this.#nodeState(now, reception, fields);
          break;
        case TlvType.RequestNetworkState:
          if (unicast) reception.givesList = true;
          break;
        case TlvType.RequestNodeState:
          if (unicast) reception.gives.add(fields.nodeId);
          break;
      }
    }
    if (reception.givesList) {
      this.#send(from, [this.#networkStateTlv(now), ...this.#shortStates(now)]);
    }
    if (reception.gives.size > 0) this.#replyNodeStates(now, from, reception.gives);
    this.#conclude(now, reception);
  }

  /** The network state hash changed: all Trickle timers start anew (RFC 7787 §4.3). */
  networkStateChanged(now: number): void {
    for (const beat of this.#beats()) beat.reset(now);
    this.#core.wakeAt(this.nextWake);
  }

  /** Tell every peer our Node Endpoint, by unicast, and ask how it stands. */
  introduce(now: number): void {
    for (const peer of this.#peers()) this.#request(now, peer.address, true, new Set());
  }

  /** Hand every peer our own state, unasked. */
  farewell(now: number): void {
    const own = new Set([this.#core.nodeId]);
    for (const peer of this.#peers()) this.#replyNodeStates(now, peer.address, own);
  }

  /** The endpoint goes: its peers go with it. */
  close(): void {
    for (const peer of this.#peers()) this.#core.peers.drop(peer, "endpoint removed");
    for (const id of this.#firstHops.keys()) this.#core.nodes.setFirstHop(id, false);
  }

  get nextWake(): number {
    let earliest = Infinity;
    for (const beat of this.#beats()) {
      earliest = Math.min(earliest, beat.nextWake);
    }
    for (const delayed of this.#delayed.values()) earliest = Math.min(earliest, delayed.at);
    for (const peer of this.#peers()) {
      earliest = Math.min(earliest, this.#dropAt(peer), this.#probeAt(peer));
    }
    const { interval, multiplier } = this.#core.profile.keepAlive;
    for (const heard of this.#firstHops.values()) {
      earliest = Math.min(earliest, heard + interval * multiplier);
    }
    return earliest;
  }

  wake(now: number): void {
    const core = this.#core;
    for (const [to, delayed] of [...this.#delayed]) {
      if (delayed.at > now) continue;
      this.#delayed.delete(to);
      this.#request(now, to, delayed.request, delayed.wants);
    }
    for (const peer of [...this.#peerBeats.keys(), ...this.#probes.keys()]) {
      if (core.peers.get(peer.endpoint, peer.node, peer.peerEndpoint) !== peer) this.#forget(peer);
    }
    for (const peer of [...this.#peers()]) this.#watch(now, peer);
    const { interval, multiplier } = core.profile.keepAlive;
    for (const [id, heard] of [...this.#firstHops]) {
      if (now < heard + interval * multiplier) continue;
      this.#firstHops.delete(id);
      core.nodes.setFirstHop(id, false);
    }
    if (this.#beat) this.#tick(now, this.#beat, this.config.to);
    for (const [peer, beat] of this.#peerBeats) this.#tick(now, beat, peer.address);
  }

  #nodeEndpoint(now: number, rx: Reception, node: NodeId, peerEndpoint: number): void {
    const core = this.#core;
    if (rx.attributed) return;
    rx.attributed = true;
    if (node === core.nodeId && !core.readOnly) {
      rx.ourId = true;
      return;
    }
    if (core.readOnly) {
      if (rx.unicast) {
        if (!this.#firstHops.has(node)) {
          if (this.#firstHops.size >= core.profile.maxNodes) return;
          core.nodes.setFirstHop(node, true);
        }
        this.#firstHops.set(node, now);
      } else {
        rx.wantList = true;
        rx.unknownMulticaster = !this.#firstHops.has(node);
      }
      return;
    }
    let peer = core.peers.get(this.config.id, node, peerEndpoint);
    if (!peer && rx.unicast) {
      // Each peer is a TLV in the own node data, and anybody on an open link can make one up.
      if (core.peers.size >= core.profile.maxNodes) {
        core.counters.nodesRefused++;
        return;
      }
      peer = newPeer({
        endpoint: this.config.id,
        endpointName: this.config.name,
        node,
        peerEndpoint,
        address: rx.from,
        lastContact: now,
        stream: undefined,
      });
      core.peers.add(peer, "heard by unicast");
      if (!this.#beat) this.#peerBeats.set(peer, this.#newBeat(now));
    } else if (!peer) {
      rx.wantList = true;
      rx.unknownMulticaster = true;
      return;
    }
    if (rx.unicast) {
      peer.address = rx.from;
      peer.lastContact = now;
    }
    rx.sender = peer;
  }

  #networkState(now: number, rx: Reception, hash: Uint8Array): void {
    rx.heardHash = hash;
    const equal = equalBytes(hash, this.#core.networkHash(now));
    if (rx.sender) rx.sender.theirHash = toHex(hash);
    if (!equal) {
      rx.wantList = true;
      return;
    }
    if (rx.ourId) return;
    const beat = rx.sender ? this.#peerBeats.get(rx.sender) ?? this.#beat : this.#beat;
    beat?.hearConsistent();
    if (!rx.sender) return;
    rx.sender.lastContact = now;
    rx.sender.catchingUp = false;
  }

  #nodeState(now: number, rx: Reception, state: NodeState): void {
    const core = this.#core;
    const before = core.nodes.get(state.nodeId);
    const outcome = core.receiveNodeState(now, state);
    if (outcome === "stored") {
      if (before?.listsPeer(core.nodeId)) this.#noticeFarewell(state.nodeId);
      core.asked.settle(now, state.nodeId);
      rx.sawDifference = true;
    } else if (outcome === "wanted") {
      rx.sawDifference = true;
      if (core.asked.pending(now, state.nodeId, state.seqno)) return;
      core.asked.note(now, state.nodeId, state.seqno, now + core.profile.trickle.imin);
      rx.wants.add(state.nodeId);
    }
  }

  /**
   * A peer that lists nobody any more has left. Its last state goes no further than to its peers, so
   * these have to say it to the others.
   */
  #noticeFarewell(node: NodeId): void {
    const { nodes, peers } = this.#core;
    if (nodes.get(node)?.links.length !== 0) return;
    for (const peer of [...peers]) {
      if (peer.node === node && peer.stream === undefined) peers.drop(peer, "it has left");
    }
  }

  /** What a whole datagram leads to (`RFC 7787 §4.4`, requests). */
  #conclude(now: number, rx: Reception): void {
    const core = this.#core;
    let request = false;
    if (rx.wantList && !rx.sawDifference) {
      core.nodes.update(now);
      const differs = rx.heardHash !== undefined &&
        !equalBytes(rx.heardHash, core.networkHash(now));
      if (differs || rx.unknownMulticaster) {
        request = core.mayRequest(now, this.config.id);
        if (request && rx.sender) rx.sender.catchingUp = true;
        if (!request) core.counters.requestsSuppressed++;
      }
    }
    if (!request && rx.wants.size === 0) return;
    if (rx.unicast) {
      this.#request(now, rx.from, request, rx.wants);
      return;
    }
    // Everybody on the link has heard it: not all at once.
    const delayed = this.#delayed.get(rx.from) ?? {
      at: now + core.random.between(0, core.profile.trickle.imin / 2),
      request: false,
      wants: new Set<NodeId>(),
    };
    delayed.request ||= request;
    for (const id of rx.wants) delayed.wants.add(id);
    this.#delayed.set(rx.from, delayed);
    core.wakeAt(delayed.at);
  }

  #request(now: number, to: Address, list: boolean, wants: ReadonlySet<NodeId>): void {
    const { encode } = this.#core;
    if (list) this.#send(to, [this.#networkStateTlv(now), encode.requestNetworkState()]);
    if (wants.size > 0) this.#send(to, [...wants].map((id) => encode.requestNodeState(id)));
  }

  #replyNodeStates(now: number, to: Address, ids: ReadonlySet<NodeId>): void {
    const { nodes, encode } = this.#core;
    const states = [...ids].flatMap((id) => {
      const record = nodes.get(id);
      if (!record?.reachable) return [];
      const age = now - record.origination;
      return [encode.nodeState(id, record.seqno, age, record.hash, record.data)];
    });
    this.#send(to, states);
  }

  #shortStates(now: number): Uint8Array[] {
    const { nodes, encode } = this.#core;
    return nodes.reachableIds().flatMap((id) => {
      const record = nodes.get(id);
      return record ? [record.shortState(encode, now)] : [];
    });
  }

  /** Ask a peer that has gone silent, and drop it when it stays so (RFC 7787 §6.1.5). */
  #watch(now: number, peer: Peer): void {
    if (now >= this.#dropAt(peer)) {
      this.#forget(peer);
      const silent = Math.round((now - peer.lastContact) / 1000);
      this.#core.peers.drop(peer, `nothing heard for ${silent} s`);
    } else if (now >= this.#probeAt(peer)) {
      this.#probes.set(peer, now);
      this.#request(now, peer.address, true, new Set());
    }
  }

  #forget(peer: Peer): void {
    this.#peerBeats.delete(peer);
    this.#probes.delete(peer);
  }

  #dropAt(peer: Peer): number {
    const { profile, nodes } = this.#core;
    const interval = nodes.get(peer.node)?.keepAliveInterval(peer.peerEndpoint) ??
      profile.keepAlive.interval;
    return peer.lastContact + interval * profile.keepAlive.multiplier;
  }

  #probeAt(peer: Peer): number {
    const silent = peer.lastContact + this.#core.profile.probeAfter;
    return Math.max(silent, (this.#probes.get(peer) ?? -Infinity) + PROBE_INTERVAL);
  }

  #tick(now: number, beat: Beat, to: Address | undefined): void {
    if (!beat.wake(now)) return;
    const { profile, nodes } = this.#core;
    const parts = [this.#networkStateTlv(now)];
    if (beat.isQuick && !nodes.graphPending) {
      const { tlv, nodeIdBytes, hashBytes } = profile;
      const states = nodes.reachableIds().length * tlv.size(nodeIdBytes + 8 + hashBytes);
      const fits = this.#headBytes() + lengthOf(parts) + states <= profile.maxDatagram;
      if (fits) parts.push(...this.#shortStates(now));
    }
    this.#send(to, parts);
  }

  #networkStateTlv(now: number): Uint8Array {
    return this.#core.encode.networkState(this.#core.networkHash(now));
  }

  /** Send TLVs in as many datagrams as they need, each with a Node Endpoint in front. */
  #send(to: Address | undefined, tlvs: readonly Uint8Array[]): void {
    const { profile, counters, transport } = this.#core;
    let batch: Uint8Array[] = [];
    let size = this.#headBytes();
    const flush = () => {
      const payload = this.#headed(batch);
      counters.bytesSent += payload.length;
      if (to === undefined) {
        counters.multicastsSent++;
        transport.multicast(this.config.id, payload);
      } else {
        counters.datagramsSent++;
        transport.datagram(this.config.id, to, payload);
      }
      batch = [];
      size = this.#headBytes();
    };
    for (const tlv of tlvs) {
      if (batch.length > 0 && size + tlv.length > profile.maxDatagram) flush();
      batch.push(tlv);
      size += tlv.length;
    }
    if (batch.length > 0) flush();
  }

  #headBytes(): number {
    const { readOnly, profile } = this.#core;
    return readOnly ? 0 : profile.tlv.size(profile.nodeIdBytes + 4);
  }

  #headed(tlvs: readonly Uint8Array[]): Uint8Array {
    const { readOnly, encode, nodeId } = this.#core;
    return readOnly ? concat(tlvs) : concat([encode.nodeEndpoint(nodeId, this.config.id), ...tlvs]);
  }

  #newBeat(now: number): Beat {
    const { profile, random } = this.#core;
    const interval = this.config.keepAliveInterval ?? profile.keepAlive.interval;
    return new Beat(profile.trickle, interval, random, now);
  }

  *#beats(): Iterable<Beat> {
    if (this.#beat) yield this.#beat;
    yield* this.#peerBeats.values();
  }

  *#peers(): Iterable<Peer> {
    for (const peer of this.#core.peers) if (peer.endpoint === this.config.id) yield peer;
  }
}

function lengthOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((total, part) => total + part.length, 0);
}
