/**
 * Publishing continually in networks of profile `hncp` without being a full node (`spec/dncp.md` §16.3): a DNCP
 * node with one peer, its first hop, that keeps of all other nodes only sequence number and hash. It
 * pushes its own data to the first hop and answers no request for anybody's. Datagrams in, datagrams out.
 *
 * @module
 */
import type { Machine } from "../core/mod.ts";
import {
  advance,
  decodeTlvs,
  type EndpointId,
  hncpProfile,
  isOlder,
  type NodeEndpoint,
  type NodeId,
  type NodeState,
  sortTlvs,
  TlvEncoder,
  TlvType,
} from "../dncp/mod.ts";
import { concat, equalBytes, toHex } from "../wire/bytes.ts";
import { MirroredNetwork } from "./mirrored_network.ts";

const profile = hncpProfile;
/**
 * How often the first hop is asked for its list though nothing happened, in ms. It is our sign of life, and
 * the answer is the first hop's: a mirror on a port of its own does not hear the group.
 */
const ASK_INTERVAL = 10_000;
const LONGEST_PAUSE = 10_000;

/** How a {@linkcode HncpMirror} is made. */
export interface HncpMirrorOptions {
  readonly now: number;
  /** One datagram to the first hop. */
  readonly send: (datagram: Uint8Array) => void;
  readonly randomBytes: (length: number) => Uint8Array;
  /** Default: a random one. */
  readonly nodeId?: NodeId;
  readonly endpointId?: EndpointId;
  /** The first hop's network contains what is published now, or no longer does. */
  readonly onConsistency?: (consistent: boolean) => void;
}

/** Publishes through one first hop. Times are monotonic milliseconds. */
export class HncpMirror implements Machine {
  readonly #options: HncpMirrorOptions;
  readonly #encode = new TlvEncoder(profile);
  readonly #network = new MirroredNetwork(profile);
  readonly #endpointId: EndpointId;
  #id: NodeId;
  #firstHop: NodeEndpoint | undefined;
  #payload: readonly Uint8Array[] = [];
  #data: Uint8Array = new Uint8Array(0);
  #hash: Uint8Array = new Uint8Array(0);
  #seqno = 0;
  #origination = 0;
  #collided = false;
  #consistent = false;
  #askAt: number;
  #pause = profile.trickle.imin;
  #lastHeard: number;
  #lost = false;

  constructor(options: HncpMirrorOptions) {
    this.#options = options;
    this.#id = options.nodeId ?? this.#randomId();
    this.#endpointId = options.endpointId ?? 1;
    this.#askAt = options.now;
    this.#lastHeard = options.now;
  }

  get nodeId(): NodeId {
    return this.#id;
  }

  /** The node that carries what is published, once it has said who it is. */
  get firstHop(): NodeId | undefined {
    return this.#firstHop?.nodeId;
  }

  get consistent(): boolean {
    return this.#consistent;
  }

  /** The network hash as this node tells it. */
  get networkHash(): Uint8Array {
    return this.#network.digest();
  }

  /** The first hop is silent for so long that it has dropped us: begin anew, perhaps with another. */
  get lost(): boolean {
    return this.#lost;
  }

  /** TLVs to publish from now on, encoded; they replace those of before. */
  setPayload(now: number, tlvs: readonly Uint8Array[]): void {
    this.#payload = [...tlvs];
    if (this.#firstHop) this.#publish(now);
  }

  /** A datagram of the first hop, by unicast or multicast, and of nobody else. Any bytes. */
  receive(now: number, datagram: Uint8Array): void {
    if (this.#lost) return;
    this.#lastHeard = now;
    let asked = false;
    let behind = false;
    for (const { fields } of decodeTlvs(profile, datagram).tlvs) {
      switch (fields?.type) {
        case TlvType.NodeEndpoint:
          this.#identify(now, fields);
          break;
        case TlvType.NetworkState:
          this.#network.tell(fields.hash);
          break;
        case TlvType.NodeState:
          if (fields.nodeId === this.#id) behind = this.#seen(now, fields) || behind;
          this.#network.learn(fields.nodeId, fields);
          break;
        case TlvType.RequestNetworkState:
          asked = true;
          break;
          // A Request Node State is never answered: nobody shall learn about others from us.
      }
    }
    const missing = this.#network.takeList()?.ownMissing ?? false;
    if (asked) this.#send([this.#networkState(), ...this.#ownState(now)]);
    else if (missing || behind) this.#send(this.#ownState(now));
    this.#judge(now);
  }

  nextWake(): number {
    return this.#lost ? Infinity : Math.min(this.#askAt, this.#lostAt);
  }

  wake(now: number): void {
    if (now >= this.#lostAt) {
      this.#lost = true;
      this.#setConsistent(false);
    } else if (now >= this.#askAt) this.#ask(now);
  }

  /** Withdraw: publish once more without a peer, so that all see at once that this node is gone. */
  leave(now: number): void {
    if (!this.#firstHop) return;
    this.#firstHop = undefined;
    this.#publish(now);
    this.#lost = true;
  }

  get #lostAt(): number {
    const { interval, multiplier } = profile.keepAlive;
    return this.#lastHeard + interval * multiplier;
  }

  /** Who the first hop is, or that it is another one now. */
  #identify(now: number, endpoint: NodeEndpoint): void {
    const known = this.#firstHop;
    if (known?.nodeId === endpoint.nodeId && known.endpointId === endpoint.endpointId) return;
    if (known) this.#network.reset();
    this.#firstHop = endpoint;
    this.#publish(now);
  }

  #publish(now: number): void {
    const hop = this.#firstHop;
    const peer = hop ? [this.#encode.peer(hop.nodeId, hop.endpointId, this.#endpointId)] : [];
    const data = concat(sortTlvs([...this.#payload, ...peer]));
    if (equalBytes(data, this.#data)) return;
    this.#data = data;
    this.#renumber(now, advance(this.#seqno) || 1);
    this.#send(this.#ownState(now));
  }

  #renumber(now: number, seqno: number): void {
    this.#seqno = seqno;
    this.#origination = now;
    this.#hash = profile.hash(this.#data).subarray(0, profile.hashBytes);
    this.#network.setOwn(this.#id, { seqno, hash: this.#hash });
  }

  /** The first hop lists us; true where what it has is not what we have (§8.3). */
  #seen(now: number, { seqno, hash }: NodeState): boolean {
    if (this.#seqno === 0) return false;
    if (isOlder(seqno, this.#seqno) && !isOlder(this.#seqno, seqno)) return true;
    if (seqno === this.#seqno && equalBytes(hash, this.#hash)) return false;
    if (this.#collided) {
      this.#network.setOwn(this.#id);
      this.#id = this.#randomId();
      this.#collided = false;
      this.#renumber(now, 1);
    } else {
      this.#collided = true;
      this.#renumber(now, advance(seqno, profile.collisionStep));
    }
    return true;
  }

  #judge(now: number): void {
    const consistent = this.#network.equal && this.#firstHop !== undefined;
    this.#setConsistent(consistent);
    if (consistent) {
      this.#pause = profile.trickle.imin;
      this.#askAt = now + ASK_INTERVAL;
    } else this.#askAt = Math.min(this.#askAt, now + this.#pause);
  }

  #ask(now: number): void {
    this.#send([this.#networkState(), this.#encode.requestNetworkState()]);
    this.#askAt = now + this.#pause;
    this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE);
  }

  #networkState(): Uint8Array {
    return this.#encode.networkState(this.#network.digest());
  }

  #ownState(now: number): Uint8Array[] {
    if (this.#seqno === 0) return [];
    const age = now - this.#origination;
    return [this.#encode.nodeState(this.#id, this.#seqno, age, this.#hash, this.#data)];
  }

  #send(tlvs: readonly Uint8Array[]): void {
    if (tlvs.length === 0) return;
    const head = this.#encode.nodeEndpoint(this.#id, this.#endpointId);
    this.#options.send(concat([head, ...tlvs]));
  }

  #setConsistent(consistent: boolean): void {
    if (consistent === this.#consistent) return;
    this.#consistent = consistent;
    this.#options.onConsistency?.(consistent);
  }

  #randomId(): NodeId {
    return toHex(this.#options.randomBytes(profile.nodeIdBytes));
  }
}
