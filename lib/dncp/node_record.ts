/**
 * One node's state as this machine holds it: what it published, and when that came here.
 *
 * @module
 */
import type { EndpointId, NodeId, NodeView } from "./api.ts";
import type { Link, NodeContent } from "./node_content.ts";
import type { TlvEncoder } from "./tlv.ts";

/**
 * A node's published state. A new publication is a new record. There is one for every node that this
 * one knows, so it has few fields of its own.
 */
export class NodeRecord implements NodeView {
  readonly content: NodeContent;
  readonly self: boolean;
  readonly seqno: number;
  /** Its age when it came here, in ms. */
  readonly #age: number;
  /** When this state came here. */
  readonly received: number;
  reachable = false;
  /** When the node was last reachable, or first stored. Says nothing while it is reachable. */
  lastReachable: number;

  constructor(
    content: NodeContent,
    state: { self: boolean; seqno: number; age: number; received: number },
  ) {
    this.content = content;
    this.self = state.self;
    this.seqno = state.seqno;
    this.#age = state.age;
    this.received = state.received;
    this.lastReachable = state.received;
  }

  get id(): NodeId {
    return this.content.id;
  }

  get data(): Uint8Array {
    return this.content.data;
  }

  get hash(): Uint8Array {
    return this.content.hash;
  }

  get origination(): number {
    return this.received - this.#age;
  }

  /** The same data under a later sequence number, which came here just now, `age` ms old. */
  renewed(seqno: number, age: number, received: number): NodeRecord {
    const record = new NodeRecord(this.content, { self: this.self, seqno, age, received });
    record.reachable = this.reachable;
    record.lastReachable = this.lastReachable;
    return record;
  }

  /** The Node State TLV without data, as it is told now. */
  shortState(encode: TlvEncoder, now: number): Uint8Array {
    return this.content.shortState(encode, this.seqno, now - this.origination);
  }

  get links(): readonly Link[] {
    return this.content.links;
  }

  /** Whether the node lists this very link (RFC 7787 §4.6 wants it from both ends, crosswise). */
  hasLink(node: NodeId, peerEndpoint: EndpointId, endpoint: EndpointId): boolean {
    return this.content.hasLink(node, peerEndpoint, endpoint);
  }

  /** Whether the node lists the other one on any endpoint. */
  listsPeer(node: NodeId): boolean {
    return this.content.listsPeer(node);
  }

  /** The interval in ms at which the node sends keep-alives on its endpoint (RFC 7787 §7.3.2). */
  keepAliveInterval(endpoint: EndpointId): number {
    return this.content.keepAliveInterval(endpoint);
  }
}
