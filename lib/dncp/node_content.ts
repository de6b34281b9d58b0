/**
 * What a node published: the bytes, never changed, and what the graph needs of them. The same for
 * everybody who holds it, unlike when and by which way it came (`node_record.ts`).
 *
 * @module
 */
import type { EndpointId, NodeId } from "./api.ts";
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
  /** Keep-alive intervals by endpoint id; 0 is the default entry. Most nodes publish none. */
  readonly keepAlives: ReadonlyMap<EndpointId, number> | undefined;
}

/** Node data with their hash, decoded when first asked. */
export class NodeContent {
  readonly id: NodeId;
  readonly data: Uint8Array;
  readonly hash: Uint8Array;
  readonly #profile: Profile;
  #parsed: Parsed | undefined;
  #short: { readonly seqno: number; readonly tlv: Uint8Array } | undefined;
  #linkKeys: Set<string> | undefined;
  #neighbours: Set<NodeId> | undefined;

  /** Keeps `data` and `hash` as they are: they must not change any more. */
  constructor(profile: Profile, id: NodeId, data: Uint8Array, hash: Uint8Array) {
    this.#profile = profile;
    this.id = id;
    this.data = data;
    this.hash = hash;
  }

  /** The Node State TLV without data. Lists of all nodes are made of these. */
  shortState(encode: TlvEncoder, seqno: number, age: number): Uint8Array {
    if (this.#short?.seqno !== seqno) {
      this.#short = { seqno, tlv: encode.nodeState(this.id, seqno, 0, this.hash) };
    }
    return encode.aged(this.#short.tlv, age);
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
    return keepAlives?.get(endpoint) ?? keepAlives?.get(0) ?? this.#profile.keepAlive.interval;
  }

  #parse(): Parsed {
    if (this.#parsed) return this.#parsed;
    const links: Link[] = [];
    let keepAlives: Map<EndpointId, number> | undefined;
    for (const { fields } of decodeTlvs(this.#profile, this.data).tlvs) {
      if (fields?.type === TlvType.Peer) {
        links.push({
          node: fields.peerNodeId,
          peerEndpoint: fields.peerEndpointId,
          endpoint: fields.endpointId,
        });
      } else if (fields?.type === TlvType.KeepAliveInterval) {
        keepAlives ??= new Map();
        keepAlives.set(fields.endpointId, fields.interval);
      }
    }
    return this.#parsed = { links, keepAlives };
  }
}

/**
 * Where contents come from. Many machines in one process (the simulator) hold the same contents; one
 * source for all of them lets them hold them once.
 */
export interface NodeContents {
  /** `data` and `hash` may be views into a buffer of the transport: what is kept are copies. */
  take(id: NodeId, data: Uint8Array, hash: Uint8Array): NodeContent;
}

/** For a machine on its own. */
export function ownContents(profile: Profile): NodeContents {
  return { take: (id, data, hash) => new NodeContent(profile, id, data.slice(), hash.slice()) };
}
