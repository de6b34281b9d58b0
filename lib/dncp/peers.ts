/**
 * Peers: the nodes at the other end of our endpoints (RFC 7787 §4.5), and the Peer TLVs that say so.
 *
 * @module
 */
import type { Address, EndpointId, NodeId, PeerView, StreamId } from "./api.ts";
import type { TlvEncoder } from "./tlv.ts";

/** One peer, keyed by own endpoint, node id and the node's endpoint. */
export interface Peer {
  readonly endpoint: EndpointId;
  readonly endpointName: string;
  readonly node: NodeId;
  readonly peerEndpoint: EndpointId;
  address: Address;
  lastContact: number;
  /** The stream it is reached by; `undefined` where it is reached by datagrams. */
  stream: StreamId | undefined;
  /** The last network state hash heard from it, in hexadecimal. */
  theirHash: string | undefined;
  /** The hashes differ and it was asked for what we lack: more than a change on its way. */
  catchingUp: boolean;
  /** It keeps no other node's data and tells its hash rarely (`docs/dncp.md`, mirror). */
  mirror: boolean;
}

/** A peer of which nothing is known but where it is. */
export function newPeer(where: Omit<Peer, "theirHash" | "catchingUp" | "mirror">): Peer {
  return { ...where, theirHash: undefined, catchingUp: false, mirror: false };
}

const keyOf = (endpoint: EndpointId, node: NodeId, peerEndpoint: EndpointId) =>
  `${endpoint}/${node}/${peerEndpoint}`;

/** All peers of this node. */
export class PeerTable {
  readonly #peers = new Map<string, Peer>();
  readonly #changed: (peer: Peer, kind: "added" | "dropped", why: string) => void;

  /** `changed` is told of every peer that comes or goes. */
  constructor(changed: (peer: Peer, kind: "added" | "dropped", why: string) => void) {
    this.#changed = changed;
  }

  get size(): number {
    return this.#peers.size;
  }

  get(endpoint: EndpointId, node: NodeId, peerEndpoint: EndpointId): Peer | undefined {
    return this.#peers.get(keyOf(endpoint, node, peerEndpoint));
  }

  add(peer: Peer, why: string): void {
    this.#peers.set(keyOf(peer.endpoint, peer.node, peer.peerEndpoint), peer);
    this.#changed(peer, "added", why);
  }

  drop(peer: Peer, why: string): void {
    const key = keyOf(peer.endpoint, peer.node, peer.peerEndpoint);
    if (this.#peers.get(key) !== peer) return;
    this.#peers.delete(key);
    this.#changed(peer, "dropped", why);
  }

  [Symbol.iterator](): IterableIterator<Peer> {
    return this.#peers.values();
  }

  /** The Peer TLVs of the own node data (RFC 7787 §7.3.1). */
  tlvs(encode: TlvEncoder): Uint8Array[] {
    return [...this.#peers.values()].map((peer) =>
      encode.peer(peer.node, peer.peerEndpoint, peer.endpoint)
    );
  }

  /** For people and scripts. `ownHash`: the own network state hash in hexadecimal. */
  views(ownHash: string): PeerView[] {
    return [...this.#peers.values()].map((peer) => viewOf(peer, ownHash));
  }
}

/** Whether a peer tells our network state, or is one that need not. */
export function agrees(peer: Peer, ownHash: string): boolean {
  return peer.mirror || peer.theirHash === ownHash;
}

/** A peer as the application sees it. */
export function viewOf(peer: Peer, ownHash: string): PeerView {
  return {
    node: peer.node,
    endpoint: peer.endpoint,
    endpointName: peer.endpointName,
    peerEndpoint: peer.peerEndpoint,
    address: peer.address,
    lastContact: peer.lastContact,
    consistent: agrees(peer, ownHash),
    catchingUp: peer.catchingUp,
  };
}
