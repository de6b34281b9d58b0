/**
 * One stream to another node: what waits to be sent down it, and in which order. What waits are
 * node ids and flags, never bytes, so a peer that reads slowly costs no memory: it gets the latest
 * state of each node once, when it reads on.
 *
 * @module
 */
import { concat, TlvStreamDecoder, type WireError } from "../wire/mod.ts";
import type { Address, EndpointConfig, NodeId, StreamId } from "./api.ts";
import type { Core } from "./core.ts";
import type { Peer } from "./peers.ts";
import { type DncpTlv, TlvType } from "./tlv.ts";

/** Node States are handed to the transport in pieces of about this many bytes. */
const PIECE = 16_384;
/** What a TLV may have beyond the node data that it carries. */
const TLV_OVERHEAD = 256;

/** A stream whose other side does not say who it is within this time is closed. In ms. */
const INTRODUCTION_LIMIT = 10_000;
/** Whose place another process with its id has taken is told so, and closed after this, in ms. */
const TWIN_LINGER = 1_000;

/** A stream that has opened. */
export interface OpenedStream {
  readonly stream: StreamId;
  readonly endpoint: EndpointConfig;
  readonly address: Address;
  readonly dialledPort: number | undefined;
}

/** A stream as the DNCP machine uses it (RFC 7787 §4.2, reliable unicast). */
export class Session {
  readonly stream: StreamId;
  readonly endpoint: EndpointConfig;
  readonly address: Address;
  /** The port that was dialled, 0 where the address has it; `undefined`: the other side dialled. */
  readonly dialledPort: number | undefined;
  readonly openedAt: number;
  lastSent: number;
  lastHeard: number;
  /** Set once the other side has said who it is. */
  peer: Peer | undefined;
  /** Who the other side says it is, also where it cannot be a peer. */
  node: NodeId | undefined;
  /** The other side keeps no other node's data (`docs/dncp.md`, mirror). */
  mirror = false;
  /** Which process it is, by its Hello. */
  instance: string | undefined;
  /** When it was told that another process took its place. */
  twinTold: number | undefined;
  writable = true;
  /** The other side is about to restart: until when its place is kept. `undefined`: it is not. */
  keepUntil: number | undefined;
  /** When to compare the network state hashes again; `Infinity`: not. */
  compareAt = Infinity;
  /** How long to wait after a request before the next one, in ms; doubles while nothing helps. */
  requestPause = 0;

  /** Nodes whose state is to be sent. */
  readonly give = new Set<NodeId>();
  /** Nodes whose data are to be asked for. */
  readonly want = new Set<NodeId>();
  networkStateDue = false;
  requestDue = false;
  listDue = false;
  #introduced = false;
  readonly #core: Core;
  readonly #decoder: TlvStreamDecoder;

  constructor(
    core: Core,
    now: number,
    open: OpenedStream,
  ) {
    this.#core = core;
    this.stream = open.stream;
    this.endpoint = open.endpoint;
    this.address = open.address;
    this.dialledPort = open.dialledPort;
    this.openedAt = now;
    this.lastSent = now;
    this.lastHeard = now;
    this.#decoder = new TlvStreamDecoder(
      core.profile.tlv,
      core.profile.maxNodeData + TLV_OVERHEAD,
    );
  }

  get dialled(): boolean {
    return this.dialledPort !== undefined;
  }

  /** When a keep-alive is due (RFC 7787 §6.1). */
  get keepAliveAt(): number {
    const interval = this.endpoint.keepAliveInterval ?? this.#core.profile.keepAlive.interval;
    return interval === 0 ? Infinity : this.lastSent + interval;
  }

  /** Bytes in, whole TLVs out. */
  feed(bytes: Uint8Array): Uint8Array | WireError {
    try {
      return this.#decoder.feed(bytes);
    } catch (error) {
      return error as WireError;
    }
  }

  /** Send what waits, as far as the stream takes it. */
  flush(now: number): void {
    if (!this.writable) return;
    if (!this.#introduced) this.#introduce(now);
    this.#flushRequests(now);
    this.#flushNodeStates(now);
    // Behind the node states, so that the other side compares hashes when it has them all.
    if (this.writable && this.listDue) this.#sendList(now);
    if (this.writable && this.networkStateDue) {
      this.#write(now, [this.#networkState(now)]);
      this.networkStateDue = false;
    }
  }

  /** Node Endpoint first (RFC 7787 §4.2), then who we are and how we stand. */
  #introduce(now: number): void {
    const core = this.#core;
    this.#introduced = true;
    const parts = [
      core.encode.nodeEndpoint(core.nodeId, this.endpoint.id),
      core.encode.hello(this.endpoint.streamPort ?? 0, core.instance),
    ];
    const networkState = this.#networkState(now);
    const own = core.nodes.get(core.nodeId);
    if (own) {
      parts.push(
        core.encode.nodeState(own.id, own.seqno, now - own.origination, own.hash, own.data),
      );
    }
    this.give.delete(core.nodeId);
    this.networkStateDue = false;
    this.#write(now, [...parts, networkState]);
  }

  /** When to close it, because nothing was heard, or as it was replaced. */
  get silentAt(): number {
    if (this.twinTold !== undefined) return this.twinTold + TWIN_LINGER;
    if (!this.peer) return this.openedAt + INTRODUCTION_LIMIT;
    const { profile, nodes } = this.#core;
    const interval = nodes.get(this.peer.node)?.keepAliveInterval(this.peer.peerEndpoint) ??
      profile.keepAlive.interval;
    return interval === 0 ? Infinity : this.lastHeard + interval * profile.keepAlive.multiplier;
  }

  /**
   * Of two streams between the same two endpoints, both sides keep the one that the node with the
   * lower id dialled; of two in the same direction the newer, because the older may be dead.
   */
  isKeptOver(fresh: Session, node: NodeId): boolean {
    if (this.dialled === fresh.dialled) return false;
    return this.#core.nodeId < node ? this.dialled : !this.dialled;
  }

  /** Whether this other process may be another node with the same id, and not this one restarted. */
  mayBeTwin(instance: string): boolean {
    return this.instance !== undefined && this.instance !== instance &&
      this.keepUntil === undefined;
  }

  /** It has been replaced by that process. */
  tellTwin(now: number, instance: string): void {
    this.twinTold = now;
    this.#write(now, [this.#core.encode.twin(instance)]);
    this.#core.wakeAt(this.silentAt);
  }

  /** Ask the other side to keep our place while we restart. Behind all else that was sent. */
  pause(now: number, limit: number): void {
    if (this.peer && this.#introduced) this.#write(now, [this.#core.encode.pause(limit)]);
  }

  #flushRequests(now: number): void {
    if (!this.writable || (!this.requestDue && this.want.size === 0)) return;
    const parts: Uint8Array[] = [];
    if (this.requestDue) {
      parts.push(this.#networkState(now), this.#core.encode.requestNetworkState());
    }
    for (const id of this.want) parts.push(this.#core.encode.requestNodeState(id));
    this.requestDue = false;
    this.want.clear();
    this.#write(now, parts);
  }

  #flushNodeStates(now: number): void {
    let parts: Uint8Array[] = [];
    let size = 0;
    for (const id of this.give) {
      if (!this.writable) break;
      this.give.delete(id);
      const record = this.#core.nodes.get(id);
      if (!record) continue;
      const tlv = this.#core.encode.nodeState(
        record.id,
        record.seqno,
        now - record.origination,
        record.hash,
        this.mirror ? undefined : record.data,
      );
      parts.push(tlv);
      size += tlv.length;
      if (size < PIECE) continue;
      this.#write(now, parts);
      parts = [];
      size = 0;
    }
    if (parts.length > 0) this.#write(now, parts);
  }

  /** The reply to Request Network State: the hash and a short Node State of every node in it. */
  #sendList(now: number): void {
    const { nodes, encode } = this.#core;
    const parts = [this.#networkState(now)];
    for (const id of nodes.reachableIds()) {
      const record = nodes.get(id);
      if (record) parts.push(record.shortState(encode, now));
    }
    this.listDue = false;
    this.networkStateDue = false;
    this.#write(now, parts);
  }

  #networkState(now: number): Uint8Array {
    return this.#core.encode.networkState(this.#core.networkHash(now));
  }

  #write(now: number, parts: Uint8Array[]): void {
    const payload = parts.length === 1 ? parts[0] as Uint8Array : concat(parts);
    this.lastSent = now;
    this.#core.counters.streamTlvsSent += parts.length;
    this.#core.counters.bytesSent += payload.length;
    this.writable = this.#core.transport.write(this.stream, payload);
  }
}

/** The instance in the Hello among what came. */
export function instanceIn(tlvs: readonly DncpTlv[]): string | undefined {
  for (const { fields } of tlvs) if (fields?.type === TlvType.Hello) return fields.instance;
  return undefined;
}
