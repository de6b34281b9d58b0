/**
 * DNCP over reliable streams (RFC 7787 §4.2 and §6.1): who is at the other end, what goes down every
 * stream when a node's state changes, and when hashes are compared.
 *
 * @module
 */
import { toHex } from "../wire/mod.ts";
import type { EndpointId, NodeId, StreamId } from "./api.ts";
import type { Core } from "./core.ts";
import { PausedPeers } from "./paused.ts";
import { newPeer, type Peer } from "./peers.ts";
import { instanceIn, type OpenedStream, Session } from "./session.ts";
import {
  decodeTlvs,
  type Hello,
  type NetworkState,
  type NodeEndpoint,
  type NodeState,
  TlvType,
} from "./tlv.ts";

/** Network states go out when this long, in multiples of Imin, nothing has changed … */
const QUIET = 1;
/** … or this long at the most. */
const LONGEST_QUIET = 10;
/** First and longest pause between two requests for the list down one stream, in ms. */
const FIRST_REQUEST_PAUSE = 500;
const LONGEST_REQUEST_PAUSE = 10_000;

/** Node data asked for down one stream are not asked for down another one within this time, in ms. */
const ANSWER_LIMIT = 1_000;

/** Why a session ended, for the dialler. */
export type Ending =
  | { kind: "closed" }
  | { kind: "redundant"; node: NodeId | "self" };

const REPLACED = "replaced by a newer stream";

/** What the sessions tell the machine. */
export interface StreamEvents {
  /** A session is over and its peer, if it had one, dropped. */
  ended(now: number, session: Session, ending: Ending): void;
  /** The other side introduced itself and is a peer now. */
  established(now: number, session: Session): void;
}

/** All streams of one machine. */
export class Streams {
  readonly #core: Core;
  readonly #events: StreamEvents;
  readonly #sessions = new Map<StreamId, Session>();
  readonly #paused: PausedPeers;
  /** Sessions with something to send. */
  readonly #active = new Set<Session>();
  /** When the network state goes down all streams; `Infinity`: nothing new. */
  #announceAt = Infinity;
  #announceBy = Infinity;

  constructor(core: Core, events: StreamEvents) {
    this.#core = core;
    this.#events = events;
    this.#paused = new PausedPeers(core);
  }

  [Symbol.iterator](): IterableIterator<Session> {
    return this.#sessions.values();
  }

  /** Streams on one endpoint. */
  count(endpoint: EndpointId): number {
    let count = 0;
    for (const session of this.#sessions.values()) if (session.endpoint.id === endpoint) count++;
    return count;
  }

  /** The established session with a node on one endpoint. */
  with(endpoint: EndpointId, node: NodeId): Session | undefined {
    for (const session of this.#sessions.values()) {
      if (session.peer?.node === node && session.endpoint.id === endpoint) return session;
    }
    return undefined;
  }

  /** A stream is there. False where there is no room for it; then it is closed. */
  open(
    now: number,
    open: OpenedStream,
  ): boolean {
    if (this.count(open.endpoint.id) >= this.#core.profile.maxStreams) {
      this.#core.counters.streamsRefused++;
      this.#core.transport.close(open.stream, "too many streams on this link");
      return false;
    }
    const session = new Session(this.#core, now, open);
    this.#sessions.set(open.stream, session);
    this.#active.add(session);
    this.#core.wakeAt(session.silentAt);
    return true;
  }

  receive(now: number, stream: StreamId, bytes: Uint8Array): void {
    const session = this.#sessions.get(stream);
    if (!session) return;
    session.lastHeard = now;
    if (session.peer) session.peer.lastContact = now;
    this.#core.counters.bytesReceived += bytes.length;
    const whole = session.feed(bytes);
    if (!(whole instanceof Uint8Array)) {
      this.#core.counters.malformed++;
      this.end(now, session, whole.message);
      return;
    }
    const { tlvs, warnings } = decodeTlvs(this.#core.profile, whole);
    if (warnings.length > 0) this.#core.counters.malformed++;
    // It stands behind the Node Endpoint, which asks for it.
    session.instance ??= instanceIn(tlvs);
    for (const { raw, fields } of tlvs) {
      if (!this.#sessions.has(stream)) return;
      this.#core.counters.streamTlvsReceived++;
      switch (fields?.type) {
        case TlvType.NodeEndpoint:
          this.#identify(now, session, fields);
          break;
        case TlvType.Hello:
          this.#hello(now, session, fields);
          break;
        case TlvType.NetworkState:
          this.#networkState(now, session, fields);
          break;
        case TlvType.NodeState:
          this.#nodeState(now, session, fields);
          break;
        case TlvType.RequestNetworkState:
          session.listDue = true;
          this.#active.add(session);
          break;
        case TlvType.RequestNodeState:
          if (this.#core.nodes.get(fields.nodeId)?.reachable) {
            session.give.add(fields.nodeId);
            this.#active.add(session);
          }
          break;
        case TlvType.Twin:
          // Of two processes with one id, the one with the lower instance takes another.
          if (this.#core.instance < fields.instance) this.#core.cloned(now);
          break;
        case TlvType.Pause:
          session.keepUntil = this.#paused.until(now, fields.limit);
          break;
        default:
          if (raw.type === TlvType.Mirror) {
            session.mirror = true;
            if (session.peer) session.peer.mirror = true;
          }
      }
    }
  }

  writable(stream: StreamId): void {
    const session = this.#sessions.get(stream);
    if (!session) return;
    session.writable = true;
    this.#active.add(session);
  }

  /** The transport says that a stream is gone. */
  closed(now: number, stream: StreamId, reason: string): void {
    const session = this.#sessions.get(stream);
    if (!session) return;
    const { peer, keepUntil } = session;
    if (peer && keepUntil !== undefined && now < keepUntil) {
      session.peer = undefined;
      this.#paused.keep(peer, keepUntil);
    }
    this.#remove(now, session, reason, { kind: "closed" });
  }

  /** Tell all peers that this node restarts, and is back within `limit` ms. */
  pause(now: number, limit: number): void {
    for (const session of this.#sessions.values()) session.pause(now, limit);
  }

  /** Close a stream from this side. */
  end(now: number, session: Session, reason: string, ending: Ending = { kind: "closed" }): void {
    this.#core.transport.close(session.stream, reason);
    this.#remove(now, session, reason, ending);
  }

  /** Close all streams of an endpoint. */
  endAll(now: number, endpoint: EndpointId, reason: string): void {
    for (const session of [...this.#sessions.values()]) {
      if (session.endpoint.id === endpoint) this.end(now, session, reason);
    }
    this.#paused.dropAll(endpoint, reason);
  }

  /**
   * Send a stored state on. It need not go to a node that has the sender as its peer: the sender
   * has told it too. What came as an answer to our own request goes to all.
   */
  push(now: number, id: NodeId, from?: { session: Session; asked: boolean }): void {
    if (!this.#core.profile.push) return;
    const sender = from && !from.asked ? from.session.peer?.node : undefined;
    for (const session of this.#sessions.values()) {
      // Its own node too, unless it came from there: a node that restarted below the number it had
      // (a disk restored from a copy) must learn of it, or nobody takes its new state.
      if (!session.peer || session === from?.session) continue;
      if (
        sender !== undefined && this.#core.nodes.get(session.peer.node)?.listsPeer(sender)
      ) continue;
      session.give.add(id);
      this.#active.add(session);
    }
    this.#core.wakeAt(now);
  }

  /**
   * This stream is going to be closed, and a new one is to take its place within `limit` ms: until
   * then both sides keep each other as peers.
   */
  renew(now: number, stream: StreamId, limit: number): void {
    const session = this.#sessions.get(stream);
    if (!session) return;
    session.flush(now);
    session.pause(now, limit);
    session.keepUntil = this.#paused.until(now, limit);
  }

  /** The network state hash changed: tell all peers, once things are quiet (RFC 7787 §4.2). */
  networkStateChanged(now: number): void {
    if (this.#sessions.size === 0) return;
    const { imin } = this.#core.profile.trickle;
    if (this.#announceBy === Infinity) this.#announceBy = now + LONGEST_QUIET * imin;
    this.#announceAt = Math.min(now + QUIET * imin, this.#announceBy);
    this.#core.wakeAt(this.#announceAt);
  }

  /** A multicast told a peer's hash. */
  heardHash(now: number, session: Session, hash: Uint8Array): void {
    this.#compareLater(now, session, toHex(hash));
  }

  get nextWake(): number {
    let earliest = Math.min(this.#announceAt, this.#paused.nextWake);
    for (const session of this.#sessions.values()) {
      earliest = Math.min(
        earliest,
        session.compareAt,
        session.keepAliveAt,
        session.silentAt,
      );
    }
    return earliest;
  }

  wake(now: number): void {
    this.#paused.wake(now);
    if (now >= this.#announceAt) {
      this.#announceAt = Infinity;
      this.#announceBy = Infinity;
      for (const session of this.#sessions.values()) this.#tellNetworkState(session);
    }
    for (const session of [...this.#sessions.values()]) {
      if (now >= session.silentAt) {
        this.#endSilent(now, session);
        continue;
      }
      if (now >= session.keepAliveAt) {
        // Also where the stream takes nothing at the moment, or the wake would come again at once.
        session.lastSent = now;
        this.#tellNetworkState(session);
      }
      if (now >= session.compareAt) this.#compare(now, session);
    }
  }

  /** Send what waits on all streams. */
  flush(now: number): void {
    for (const session of this.#active) {
      this.#active.delete(session);
      session.flush(now);
    }
  }

  #tellNetworkState(session: Session): void {
    session.networkStateDue = true;
    this.#active.add(session);
  }

  #endSilent(now: number, session: Session): void {
    const { twinTold, node, lastHeard } = session;
    const silent = Math.round((now - lastHeard) / 1000);
    if (twinTold === undefined || node === undefined) {
      this.end(now, session, `nothing heard for ${silent} s`);
    } else this.end(now, session, REPLACED, { kind: "redundant", node });
  }

  #identify(now: number, session: Session, { nodeId, endpointId }: NodeEndpoint): void {
    const core = this.#core;
    if (session.node !== undefined) return;
    session.node = nodeId;
    // The Hello behind it tells whether this is a stream to oneself or to a copy of oneself.
    if (nodeId === core.nodeId) return;
    const existing = core.peers.get(session.endpoint.id, nodeId, endpointId);
    let inherited: Peer | undefined;
    if (existing) {
      const other = existing.stream === undefined ? undefined : this.#sessions.get(existing.stream);
      if (other && other.keepUntil === undefined && other.isKeptOver(session, nodeId)) {
        this.end(now, session, "second stream between the same two nodes", {
          kind: "redundant",
          node: nodeId,
        });
        return;
      }
      inherited = existing;
      if (other) {
        other.peer = undefined;
        const { instance } = session;
        // If that is dead, as a process is that has restarted, nobody reads it.
        if (instance !== undefined && other.mayBeTwin(instance)) other.tellTwin(now, instance);
        else this.end(now, other, REPLACED, { kind: "redundant", node: nodeId });
      }
    } else if (session.dialled && session.endpoint.mode === "stream" && this.#onLink(nodeId)) {
      this.end(now, session, "already a peer on a link", { kind: "redundant", node: nodeId });
      return;
    }
    if (inherited) {
      this.#paused.back(inherited);
      inherited.stream = session.stream;
      inherited.address = session.address;
      inherited.lastContact = now;
      session.peer = inherited;
    } else {
      session.peer = newPeer({
        endpoint: session.endpoint.id,
        endpointName: session.endpoint.name,
        node: nodeId,
        peerEndpoint: endpointId,
        address: session.address,
        lastContact: now,
        stream: session.stream,
      });
      core.peers.add(session.peer, session.dialled ? "stream opened" : "stream taken");
    }
    this.#events.established(now, session);
  }

  #onLink(node: NodeId): boolean {
    for (const session of this.#sessions.values()) {
      if (session.peer?.node === node && session.endpoint.mode === "multicast+stream") return true;
    }
    return false;
  }

  #hello(now: number, session: Session, hello: Hello): void {
    if (session.node !== this.#core.nodeId || session.peer) return;
    if (hello.instance === this.#core.instance) {
      this.end(now, session, "this is our own address", { kind: "redundant", node: "self" });
      return;
    }
    // One of the two takes a new id. The other one keeps the stream until then: ended now, it could
    // take our own Hello with it, from which the yielding one has to learn.
    if (this.#core.instance > hello.instance) return;
    this.end(now, session, "the other node has our id");
    this.#core.cloned(now);
  }

  #networkState(now: number, session: Session, { hash }: NetworkState): void {
    if (!session.peer) return;
    this.#compareLater(now, session, toHex(hash));
  }

  #compareLater(now: number, session: Session, hash: string): void {
    if (!session.peer) return;
    session.peer.theirHash = hash;
    if (hash === this.#ownHash(now)) {
      session.compareAt = Infinity;
      session.requestPause = 0;
      session.peer.catchingUp = false;
      return;
    }
    if (session.compareAt !== Infinity || session.mirror) return;
    // What differs now is mostly on its way already; only what still differs later is worth a request.
    const { imin } = this.#core.profile.trickle;
    session.compareAt = now + this.#core.random.between(imin, 2 * imin);
    this.#core.wakeAt(session.compareAt);
  }

  #compare(now: number, session: Session): void {
    if (session.peer?.theirHash === this.#ownHash(now)) {
      session.compareAt = Infinity;
      session.requestPause = 0;
      session.peer.catchingUp = false;
      return;
    }
    if (!this.#core.mayRequest(now, session.endpoint.id)) {
      const { imin } = this.#core.profile.trickle;
      session.compareAt = now + this.#core.random.between(imin, 2 * imin);
      return;
    }
    session.requestDue = true;
    this.#active.add(session);
    if (session.peer) session.peer.catchingUp = true;
    session.requestPause = Math.min(
      Math.max(FIRST_REQUEST_PAUSE, session.requestPause * 2),
      LONGEST_REQUEST_PAUSE,
    );
    session.compareAt = now + session.requestPause;
  }

  #nodeState(now: number, session: Session, state: NodeState): void {
    if (!session.peer) return;
    const { asked } = this.#core;
    const outcome = this.#core.receiveNodeState(now, state);
    // A new id of our own ends all sessions.
    if (!this.#sessions.has(session.stream)) return;
    if (outcome === "stored") {
      session.give.delete(state.nodeId);
      this.push(now, state.nodeId, { session, asked: asked.settle(now, state.nodeId) });
    } else if (outcome === "known") {
      session.give.delete(state.nodeId);
    } else if (outcome === "older" && state.data.length > 0) {
      session.give.add(state.nodeId);
      this.#active.add(session);
    } else if (outcome === "wanted" && !asked.pending(now, state.nodeId, state.seqno)) {
      // A peer that does not read may still tell of ever more nodes.
      if (session.want.size >= this.#core.profile.maxNodes) return;
      asked.note(now, state.nodeId, state.seqno, now + ANSWER_LIMIT);
      session.want.add(state.nodeId);
      this.#active.add(session);
    }
  }

  #ownHash(now: number): string {
    return toHex(this.#core.networkHash(now));
  }

  #remove(now: number, session: Session, reason: string, ending: Ending): void {
    if (!this.#sessions.delete(session.stream)) return;
    this.#active.delete(session);
    if (session.peer) this.#core.peers.drop(session.peer, reason);
    this.#events.ended(now, session, ending);
  }
}
