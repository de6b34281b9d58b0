/**
 * Publishing continually without being a full node (`spec/dncp.md` §16.3, carried over to native
 * streams): a DNCP node with one peer, its first hop, that keeps of all other nodes only sequence
 * number and hash. With these it mirrors the network state hash. It pushes its own data to the first
 * hop and answers no request for anybody's, so nobody ever needs it to learn about others.
 *
 * @module
 */
import { AgentError, ExitCode, type Machine } from "../core/mod.ts";
import type { EndpointId, NodeId } from "../dncp/api.ts";
import {
  advance,
  decodeTlvs,
  type NetworkState,
  type NodeEndpoint,
  type NodeState,
  type Profile,
  sortTlvs,
  TlvEncoder,
  TlvType,
} from "../dncp/mod.ts";
import { compareBytes, concat, toHex, WireError } from "../wire/bytes.ts";
import { TlvStreamDecoder } from "../wire/tlv.ts";
import { isNews, type Listed, MirroredNetwork } from "./mirrored_network.ts";

/** The mirror's only endpoint. */
const ENDPOINT: EndpointId = 1;
/** What a TLV may have beyond the node data that it carries. */
const TLV_OVERHEAD = 256;
/** Own state older than this is published again: 2^32 − 2^16 ms (RFC 7787 §4.4). */
const AGE_REPUBLISH = 2 ** 32 - 2 ** 16;
/** First and longest pause between two requests for the list, in ms. */
const FIRST_REQUEST_PAUSE = 500;
const LONGEST_REQUEST_PAUSE = 10_000;

/** What the mirror asks of whoever carries its bytes. */
export interface MirrorTransport {
  /** Send down the stream. False: taken, but hold back until {@linkcode Mirror.writable}. */
  write(payload: Uint8Array): boolean;
  /** Close the stream; the mirror forgets it in the same moment. Open one to another node. */
  close(reason: string): void;
}

/** What the mirror tells, in the moment it happens. */
export interface MirrorEvents {
  /** The first hop is known, and will carry what is published. */
  attached?(firstHop: NodeId): void;
  /** The network's state as the first hop tells it contains what is published now, or no longer does. */
  consistencyChanged?(consistent: boolean): void;
  /** Another live node had our id, so we took a new one (RFC 7788 §4.4). */
  nodeIdChanged?(id: NodeId): void;
}

/** How a {@linkcode Mirror} is made. */
export interface MirrorOptions {
  readonly profile: Profile;
  readonly transport: MirrorTransport;
  readonly events?: MirrorEvents;
  readonly randomBytes: (length: number) => Uint8Array;
  /** Largest payload, in bytes of node data. Default 65 536. */
  readonly limit?: number;
}

/** Publishes through one first hop at a time. All times are monotonic milliseconds. */
export class Mirror implements Machine {
  readonly #options: MirrorOptions;
  readonly #profile: Profile;
  readonly #encode: TlvEncoder;
  #id: NodeId;
  #payload: readonly Uint8Array[] = [];
  #seqno = 0;
  #data: Uint8Array = new Uint8Array(0);
  #ownHash: Uint8Array = new Uint8Array(0);
  #origination = -Infinity;
  #collided = false;
  #dirty = false;

  #open = false;
  #decoder: TlvStreamDecoder;
  #firstHop: NodeEndpoint | undefined;
  readonly #network: MirroredNetwork;
  #consistent = false;

  #writable = true;
  #introDue = false;
  #pushDue = false;
  #stateDue = false;
  #requestDue = false;
  #lastHeard = 0;
  #lastState = 0;
  #requestAt = Infinity;
  #requestPause = 0;

  constructor(options: MirrorOptions) {
    this.#options = options;
    this.#profile = options.profile;
    this.#encode = new TlvEncoder(options.profile);
    this.#id = this.#randomId();
    this.#network = new MirroredNetwork(this.#profile);
    this.#decoder = this.#newDecoder();
  }

  get nodeId(): NodeId {
    return this.#id;
  }

  /** The node that carries what is published; `undefined` until it has said who it is. */
  get firstHop(): NodeId | undefined {
    return this.#open ? this.#firstHop?.nodeId : undefined;
  }

  /** Whether the network as the first hop tells it contains what is published now. */
  get consistent(): boolean {
    return this.#consistent;
  }

  /** The sequence number of the last publication; 0 before the first. */
  get seqno(): number {
    return this.#seqno;
  }

  /**
   * TLVs to publish from now on, encoded; they replace those of before.
   * @throws {AgentError} exit 4 where they are too large.
   */
  setPayload(now: number, tlvs: readonly Uint8Array[]): void {
    const size = tlvs.reduce((sum, tlv) => sum + tlv.length, 0);
    const limit = this.#options.limit ?? 65_536;
    if (size > limit) {
      throw new AgentError(
        `this would make the published state ${size} bytes; ${limit} are allowed: publish less`,
        ExitCode.Refused,
      );
    }
    this.#payload = [...tlvs];
    this.#dirty = true;
    this.#settle(now);
  }

  /** A stream of purpose "node" to a first hop is open. */
  opened(now: number): void {
    this.#open = true;
    this.#writable = true;
    this.#decoder = this.#newDecoder();
    this.#firstHop = undefined;
    this.#network.reset();
    this.#lastHeard = now;
    this.#lastState = now;
    this.#requestAt = Infinity;
    this.#requestPause = 0;
    this.#introDue = true;
    this.#pushDue = false;
    this.#requestDue = true;
    this.#settle(now);
  }

  /** Bytes came down the stream, cut anywhere. */
  receive(now: number, bytes: Uint8Array): void {
    if (!this.#open) return;
    this.#lastHeard = now;
    let whole: Uint8Array;
    try {
      whole = this.#decoder.feed(bytes);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#close(error.message);
      return;
    }
    for (const { fields } of decodeTlvs(this.#profile, whole).tlvs) {
      if (!this.#open) return;
      switch (fields?.type) {
        case TlvType.NodeEndpoint:
          this.#identify(now, fields);
          break;
        case TlvType.NetworkState:
          this.#networkState(fields);
          break;
        case TlvType.NodeState:
          this.#nodeState(now, fields);
          break;
        case TlvType.RequestNetworkState:
          this.#stateDue = true;
          this.#pushDue = true;
          break;
      }
    }
    this.#settle(now);
  }

  /** The stream takes bytes again after `write` returned false. */
  writable(now: number): void {
    this.#writable = true;
    this.#settle(now);
  }

  /** The stream is gone. */
  closed(): void {
    this.#open = false;
    this.#setConsistent(false);
  }

  nextWake(): number {
    if (!this.#open) return Infinity;
    return Math.min(
      this.#silentAt(),
      this.#keepAliveAt(),
      this.#requestAt,
      this.#publishAt(),
      this.#republishAt(),
    );
  }

  wake(now: number): void {
    if (!this.#open) return;
    if (now >= this.#silentAt()) {
      this.#close(`nothing heard for ${Math.round((now - this.#lastHeard) / 1000)} s`);
      return;
    }
    if (now >= this.#republishAt()) this.#publish(now);
    if (now >= this.#keepAliveAt()) {
      // Also where the stream takes nothing now, or the wake would come again at once.
      this.#lastState = now;
      this.#stateDue = true;
    }
    if (now >= this.#requestAt) {
      this.#requestDue = true;
      this.#requestPause = Math.min(
        Math.max(FIRST_REQUEST_PAUSE, this.#requestPause * 2),
        LONGEST_REQUEST_PAUSE,
      );
      this.#requestAt = now + this.#requestPause;
    }
    this.#settle(now);
  }

  #silentAt(): number {
    const { interval, multiplier } = this.#profile.keepAlive;
    return this.#lastHeard + interval * multiplier;
  }

  #keepAliveAt(): number {
    return this.#lastState + this.#profile.keepAlive.interval;
  }

  #publishAt(): number {
    if (!this.#dirty || this.#firstHop === undefined) return Infinity;
    return this.#origination + this.#profile.publishInterval;
  }

  #republishAt(): number {
    return this.#seqno === 0 ? Infinity : this.#origination + AGE_REPUBLISH;
  }

  /** The first hop says who it is: its id and endpoint go into our Peer TLV. */
  #identify(now: number, endpoint: NodeEndpoint): void {
    const known = this.#firstHop;
    if (known?.nodeId === endpoint.nodeId && known.endpointId === endpoint.endpointId) return;
    if (endpoint.nodeId === this.#id) {
      this.#takeNewId();
      return;
    }
    this.#firstHop = endpoint;
    this.#publishIfChanged(now);
    this.#pushDue = true;
    this.#options.events?.attached?.(endpoint.nodeId);
  }

  #networkState({ hash }: NetworkState): void {
    // What was listed so far belongs to the hash before.
    this.#compare();
    this.#network.tell(hash);
  }

  #nodeState(now: number, state: NodeState): void {
    if (state.nodeId === this.#id) this.#seenOwn(now, state);
    this.#network.learn(state.nodeId, state);
  }

  /** The first hop has a state under our own id (RFC 7787 §4.4). */
  #seenOwn(now: number, listed: Listed): void {
    if (this.#seqno !== 0 && !isNews({ seqno: this.#seqno, hash: this.#ownHash }, listed)) {
      if (listed.seqno !== this.#seqno) this.#pushDue = true;
      return;
    }
    if (this.#collided) {
      this.#takeNewId();
      return;
    }
    this.#collided = true;
    this.#seqno = advance(listed.seqno, this.#profile.collisionStep - 1);
    if (this.#firstHop !== undefined) this.#publish(now);
  }

  /** Two live nodes have our id; this one steps aside. The first hop learns it on a new stream. */
  #takeNewId(): void {
    this.#network.setOwn(this.#id);
    this.#id = this.#randomId();
    this.#seqno = 0;
    this.#collided = false;
    this.#options.events?.nodeIdChanged?.(this.#id);
    this.#close("another node has our id, so we take a new one");
  }

  /** Publish what changed, compare, and send what waits. */
  #settle(now: number): void {
    if (!this.#open) return;
    if (now >= this.#publishAt()) this.#publishIfChanged(now);
    this.#compare();
    if (this.#consistent) {
      this.#requestAt = Infinity;
      this.#requestPause = 0;
    } else if (this.#network.told && this.#requestAt === Infinity) {
      // What differs now is mostly on its way already.
      this.#requestAt = now + 2 * this.#profile.trickle.imin;
    }
    this.#flush(now);
  }

  #publishIfChanged(now: number): void {
    this.#dirty = false;
    if (this.#seqno === 0 || compareBytes(this.#data, this.#build()) !== 0) this.#publish(now);
  }

  /** Next sequence number, with the data as they have to be now. */
  #publish(now: number): void {
    // 0 is never used, as in any node.
    this.#seqno = advance(this.#seqno) || 1;
    this.#data = this.#build();
    this.#ownHash = this.#profile.hash(this.#data).slice(0, this.#profile.hashBytes);
    this.#origination = now;
    this.#network.setOwn(this.#id, { seqno: this.#seqno, hash: this.#ownHash });
    this.#pushDue = true;
    this.#stateDue = true;
  }

  /** The payload and exactly one Peer TLV (§16.3). */
  #build(): Uint8Array {
    const hop = this.#firstHop;
    const peer = hop ? [this.#encode.peer(hop.nodeId, hop.endpointId, ENDPOINT)] : [];
    return concat(sortTlvs([...this.#payload, ...peer]));
  }

  #compare(): void {
    if (!this.#network.told) return;
    if (this.#network.takeList()?.ownMissing) this.#pushDue = true;
    this.#setConsistent(this.#seqno !== 0 && this.#network.equal);
  }

  #flush(now: number): void {
    if (!this.#writable) return;
    const parts: Uint8Array[] = [];
    if (this.#introDue) {
      parts.push(this.#encode.nodeEndpoint(this.#id, ENDPOINT), this.#encode.mirror());
    }
    if (this.#pushDue && this.#firstHop !== undefined && this.#seqno !== 0) {
      const age = now - this.#origination;
      parts.push(
        this.#encode.nodeState(this.#id, this.#seqno, age, this.#ownHash, this.#data),
      );
      this.#pushDue = false;
    }
    if (this.#stateDue || this.#requestDue || this.#introDue) {
      parts.push(this.#encode.networkState(this.#network.digest()));
      this.#lastState = now;
    }
    if (this.#requestDue) parts.push(this.#encode.requestNetworkState());
    this.#introDue = false;
    this.#stateDue = false;
    this.#requestDue = false;
    if (parts.length > 0) this.#writable = this.#options.transport.write(concat(parts));
  }

  #close(reason: string): void {
    this.closed();
    this.#options.transport.close(reason);
  }

  #setConsistent(consistent: boolean): void {
    if (consistent === this.#consistent) return;
    this.#consistent = consistent;
    this.#options.events?.consistencyChanged?.(consistent);
  }

  #newDecoder(): TlvStreamDecoder {
    return new TlvStreamDecoder(this.#profile.tlv, this.#profile.maxNodeData + TLV_OVERHEAD);
  }

  #randomId(): NodeId {
    return toHex(this.#options.randomBytes(this.#profile.nodeIdBytes));
  }
}
