/**
 * This node's own state: what it publishes and when (RFC 7787 §4.4), and what it does when it meets
 * its own id in somebody else's hands.
 *
 * @module
 */
import { concat, equalBytes, toHex } from "../wire/mod.ts";
import type { EndpointConfig, NodeId, PeerLink } from "./api.ts";
import { type Core, hashOf } from "./core.ts";
import { NodeRecord } from "./node_record.ts";
import { advance, isOlder } from "./seqno.ts";
import { sortTlvs } from "./node_data.ts";

/** Own state older than this is published again: 2^32 − 2^16 ms (RFC 7787 §4.4). */
const AGE_REPUBLISH = 2 ** 32 - 2 ** 16;
/** Every so many bytes of own node data add another publish interval between two publications. */
const PACE_BYTES = 2_048;

/** What the own node needs of the machine. */
export interface OwnNodeHost {
  /** The next publication will carry this sequence number. */
  publishing(seqno: number): void;
  /** The node has a new id; the old entry is gone. */
  idChanged(now: number): void;
  /** All endpoints, for their keep-alive intervals. */
  keepAlives(): Iterable<EndpointConfig>;
}

/** The node that this machine is. */
export class OwnNode {
  /** Something that belongs into the node data changed. */
  dirty = false;
  readonly #core: Core;
  readonly #host: OwnNodeHost;
  #application: readonly Uint8Array[] = [];
  #id: NodeId;
  #seqno: number;
  #published = -Infinity;
  #republish = false;
  #collided = false;
  #leaving = false;
  /** Peers of before a restart that have not come back yet, and until when they are named. */
  #expected: readonly PeerLink[] = [];
  #expectUntil = Infinity;

  /** `seqno`: the last sequence number that may have been used. */
  constructor(core: Core, id: NodeId, seqno: number, host: OwnNodeHost) {
    this.#core = core;
    this.#host = host;
    this.#id = id;
    this.#seqno = seqno;
  }

  get id(): NodeId {
    return this.#id;
  }

  get seqno(): number {
    return this.#seqno;
  }

  /** The application's TLVs; they replace those of before. */
  setApplication(encoded: readonly Uint8Array[]): void {
    this.#application = [...encoded];
    this.dirty = true;
  }

  /** The next publication names no peers. */
  leave(): void {
    this.#leaving = true;
    this.#republish = true;
    this.#published = -Infinity;
  }

  /**
   * Name these peers too, until then: they keep our place over a restart, and it would be no use if
   * we did not name them.
   */
  expect(links: readonly PeerLink[], until: number): void {
    this.#expected = links;
    this.#expectUntil = until;
    this.dirty = true;
  }

  get nextWake(): number {
    if (this.#core.readOnly) return Infinity;
    if (this.dirty || this.#republish) return this.#published + this.#pause();
    const own = this.#core.nodes.get(this.#id);
    const republish = own ? own.origination + AGE_REPUBLISH : Infinity;
    return Math.min(republish, this.#expectUntil);
  }

  wake(now: number): void {
    const own = this.#core.nodes.get(this.#id);
    if (own && now >= own.origination + AGE_REPUBLISH) this.#republish = true;
    if (now >= this.#expectUntil) this.expect([], Infinity);
  }

  /**
   * Publish what changed; true where something was published. Changes are collected, but the first
   * after a pause goes out at once.
   */
  publishWhenDue(now: number): boolean {
    if (!this.dirty && !this.#republish) return false;
    if (this.#core.readOnly || now < this.#published + this.#pause()) return false;
    const { profile, nodes, counters, contents } = this.#core;
    const data = this.#build();
    const before = nodes.get(this.#id);
    const changed = before ? !equalBytes(before.data, data) : data.length > 0;
    this.dirty = false;
    if (!changed && !this.#republish) return false;
    this.#republish = false;
    // 0 is never used: peers exist that cannot take it for the number of an unknown node.
    this.#seqno = advance(this.#seqno) || 1;
    this.#host.publishing(this.#seqno);
    this.#published = now;
    counters.publications++;
    nodes.store(
      new NodeRecord(contents.take(this.#id, data, hashOf(profile, data)), {
        self: true,
        seqno: this.#seqno,
        age: 0,
        received: now,
      }),
    );
    nodes.update(now);
    return true;
  }

  /** Somebody has a state of our own id (RFC 7787 §4.4). An older one is an echo. */
  seen(now: number, seqno: number, hash: Uint8Array): void {
    const own = this.#core.nodes.get(this.#id);
    const newer = isOlder(this.#seqno, seqno);
    const conflicting = seqno === this.#seqno && own && !equalBytes(own.hash, hash);
    if (!newer && !conflicting) return;
    if (this.#collided) {
      this.takeNewId(now);
      return;
    }
    // The first time it is most likely our own state from before a restart.
    this.#core.counters.collisions++;
    this.#collided = true;
    this.#seqno = advance(seqno, this.#core.profile.collisionStep - 1);
    this.#republish = true;
    this.#published = -Infinity;
  }

  /** Another live node has our id (RFC 7788 §4.4). */
  takeNewId(now: number): void {
    const { nodes, random, profile, counters } = this.#core;
    counters.collisions++;
    let id: NodeId;
    do id = toHex(random.bytes(profile.nodeIdBytes)); while (nodes.get(id));
    nodes.changeSelf(id);
    this.#id = id;
    this.#seqno = 0;
    this.#collided = false;
    this.#republish = true;
    this.#published = -Infinity;
    this.#host.idChanged(now);
  }

  #pause(): number {
    const size = this.#core.nodes.get(this.#id)?.data.length ?? 0;
    return this.#core.profile.publishInterval * (1 + size / PACE_BYTES);
  }

  /** The application's TLVs with the Peer and Keep-Alive Interval TLVs that DNCP adds. */
  #build(): Uint8Array {
    const { encode, peers } = this.#core;
    const tlvs = [...this.#application];
    if (!this.#leaving) {
      tlvs.push(...peers.tlvs(encode));
      for (const { endpoint, node, peerEndpoint } of this.#expected) {
        if (peers.get(endpoint, node, peerEndpoint)) continue;
        tlvs.push(encode.peer(node, peerEndpoint, endpoint));
      }
    }
    for (const { id, keepAliveInterval } of this.#host.keepAlives()) {
      if (keepAliveInterval !== undefined) {
        tlvs.push(encode.keepAliveInterval(id, keepAliveInterval));
      }
    }
    return concat(sortTlvs(tlvs));
  }
}
