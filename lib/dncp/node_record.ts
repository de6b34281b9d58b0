/**
 * One node's state as it was received: the bytes, never changed, and what the graph needs of them.
 *
 * @module
 */
import type { EndpointId, NodeId, NodeView } from "./api.ts";
import type { Profile } from "./profile.ts";
import { decodeTlvs, type TlvEncoder, TlvType } from "./tlv.ts";

/** A Peer TLV: "on my endpoint `endpoint` I have `node` with its endpoint `peerEndpoint`". */
export interface Link {
  readonly node: NodeId;
  readonly peerEndpoint: EndpointId;
  readonly endpoint: EndpointId;
}

/** Above this many links a set answers faster than a walk. */
const FEW_LINKS = 8;

const linkKey = (node: NodeId, peerEndpoint: EndpointId, endpoint: EndpointId) =>
  `${node}/${peerEndpoint}/${endpoint}`;

interface Parsed {
  readonly links: readonly Link[];
  /** Keep-alive intervals by endpoint id; 0 is the default entry. */
  readonly keepAlives: ReadonlyMap<EndpointId, number>;
}

/** A node's published state. A new publication is a new record. */
export class NodeRecord implements NodeView {
  readonly id: NodeId;
  readonly self: boolean;
  readonly seqno: number;
  readonly data: Uint8Array;
  readonly hash: Uint8Array;
  readonly origination: number;
  /** When this state came here. */
  readonly received: number;
  reachable = false;
  /** When the node was last reachable, or first stored. */
  lastReachable: number;
  readonly #profile: Profile;
  #parsed: Parsed | undefined;
  #short: Uint8Array | undefined;
  #linkKeys: Set<string> | undefined;
  #neighbours: Set<NodeId> | undefined;

  constructor(
    profile: Profile,
    state: {
      id: NodeId;
      self: boolean;
      seqno: number;
      data: Uint8Array;
      hash: Uint8Array;
      origination: number;
      received: number;
    },
  ) {
    this.#profile = profile;
    this.id = state.id;
    this.self = state.self;
    this.seqno = state.seqno;
    this.data = state.data;
    this.hash = state.hash;
    this.origination = state.origination;
    this.received = state.received;
    this.lastReachable = state.received;
  }

  /** The same data under a later sequence number, which came here just now. */
  renewed(seqno: number, origination: number, received: number): NodeRecord {
    const record = new NodeRecord(this.#profile, {
      id: this.id,
      self: this.self,
      seqno,
      data: this.data,
      hash: this.hash,
      origination,
      received,
    });
    record.#parsed = this.#parsed;
    record.#linkKeys = this.#linkKeys;
    record.#neighbours = this.#neighbours;
    record.reachable = this.reachable;
    record.lastReachable = this.lastReachable;
    return record;
  }

  /** The Node State TLV without data, as it is told now. Lists of all nodes are made of these. */
  shortState(encode: TlvEncoder, now: number): Uint8Array {
    this.#short ??= encode.nodeState(this.id, this.seqno, 0, this.hash);
    return encode.aged(this.#short, now - this.origination);
  }

  get links(): readonly Link[] {
    return this.#parse().links;
  }

  /** Whether the node lists this very link (RFC 7787 §4.6 wants it from both ends, crosswise). */
  hasLink(node: NodeId, peerEndpoint: EndpointId, endpoint: EndpointId): boolean {
    const links = this.links;
    if (links.length <= FEW_LINKS) {
      return links.some((link) =>
        link.node === node && link.peerEndpoint === peerEndpoint && link.endpoint === endpoint
      );
    }
    this.#linkKeys ??= new Set(links.map((l) => linkKey(l.node, l.peerEndpoint, l.endpoint)));
    return this.#linkKeys.has(linkKey(node, peerEndpoint, endpoint));
  }

  /** Whether the node lists the other one on any endpoint. */
  listsPeer(node: NodeId): boolean {
    const links = this.links;
    if (links.length <= FEW_LINKS) return links.some((link) => link.node === node);
    this.#neighbours ??= new Set(links.map((link) => link.node));
    return this.#neighbours.has(node);
  }

  /** The interval in ms at which the node sends keep-alives on its endpoint (RFC 7787 §7.3.2). */
  keepAliveInterval(endpoint: EndpointId): number {
    const { keepAlives } = this.#parse();
    return keepAlives.get(endpoint) ?? keepAlives.get(0) ?? this.#profile.keepAlive.interval;
  }

  #parse(): Parsed {
    if (this.#parsed) return this.#parsed;
    const links: Link[] = [];
    const keepAlives = new Map<EndpointId, number>();
    for (const { fields } of decodeTlvs(this.#profile, this.data).tlvs) {
      if (fields?.type === TlvType.Peer) {
        links.push({
          node: fields.peerNodeId,
          peerEndpoint: fields.peerEndpointId,
          endpoint: fields.endpointId,
        });
      } else if (fields?.type === TlvType.KeepAliveInterval) {
        keepAlives.set(fields.endpointId, fields.interval);
      }
    }
    return this.#parsed = { links, keepAlives };
  }
}
