/**
 * The seams of the DNCP machine: what it is told, what it asks of its transport, and what it tells
 * the application.
 *
 * @module
 */

/** A node id in lower-case hexadecimal. Its order as text is its order as bytes. */
export type NodeId = string;
/** An endpoint of this node, 1 … 2^32 − 1 (RFC 7787 §2). */
export type EndpointId = number;
/** A stream, named by the transport; never used again after it closed. */
export type StreamId = number;
/**
 * Where a datagram came from or a stream leads to: text that only the transport understands
 * (in this project `HOST:PORT`, or a node's name in the simulator).
 */
export type Address = string;

/** How an endpoint reaches others (RFC 7787 §4.2). */
export interface EndpointConfig {
  readonly id: EndpointId;
  /** What people see: `eth0`, or `connect`. */
  readonly name: string;
  /**
   * - `multicast+datagram`: Multicast+Unicast over unreliable datagrams (HNCP).
   * - `multicast+stream`: Multicast+Unicast where unicast is one stream a peer (native).
   * - `datagram`: Unicast-only over unreliable datagrams, towards `to` or whoever writes to us.
   * - `stream`: Unicast-only over streams: those dialled to `connect` addresses, and those taken
   *   from anywhere.
   */
  readonly mode: "multicast+datagram" | "multicast+stream" | "datagram" | "stream";
  /** Mode `datagram`: the one node that this endpoint talks to first. */
  readonly to?: Address;
  /** Keep-alive interval of this endpoint where it differs from the profile's, in ms (RFC 7787 §7.3.2). */
  readonly keepAliveInterval?: number;
  /** Mode `multicast+stream`: the TCP port that others are told to dial. */
  readonly streamPort?: number;
}

/**
 * What the machine asks of whoever carries its bytes. All calls return at once, and none calls back
 * into the machine before it has returned.
 */
export interface DncpTransport {
  /** Send to the endpoint's multicast group. */
  multicast(endpoint: EndpointId, payload: Uint8Array): void;
  /** Send one datagram. */
  datagram(endpoint: EndpointId, to: Address, payload: Uint8Array): void;
  /**
   * Open a stream. Answered by {@linkcode Dncp.streamOpened} or {@linkcode Dncp.dialFailed} with the
   * same endpoint and address. `port` is what the other node told by multicast; 0 for the addresses
   * given to {@linkcode Dncp.connect}, which carry their own.
   */
  dial(endpoint: EndpointId, address: Address, port: number): void;
  /**
   * Send down a stream. Whole TLVs, in order. False: taken, but hold back until
   * {@linkcode Dncp.streamWritable}.
   */
  write(stream: StreamId, payload: Uint8Array): boolean;
  /** Close a stream; the machine forgets it in the same moment. */
  close(stream: StreamId, reason: string): void;
}

/** A node as this one knows it. */
export interface NodeView {
  readonly id: NodeId;
  readonly self: boolean;
  readonly seqno: number;
  /** Node data exactly as received. */
  readonly data: Uint8Array;
  /** H(data), cut to the profile's length. */
  readonly hash: Uint8Array;
  /** When the state was originated, on the local monotonic clock, in ms. */
  readonly origination: number;
}

/** What makes a node a peer: which of its endpoints is at the other end of which of ours. */
export interface PeerLink {
  readonly endpoint: EndpointId;
  readonly node: NodeId;
  readonly peerEndpoint: EndpointId;
}

/** A peer: a node at the other end of one of our endpoints. */
export interface PeerView {
  readonly node: NodeId;
  readonly endpoint: EndpointId;
  readonly endpointName: string;
  readonly peerEndpoint: EndpointId;
  readonly address: Address;
  /** When it was last heard, on the local monotonic clock, in ms. */
  readonly lastContact: number;
  /** Whether the last network state heard from it equals ours. */
  readonly consistent: boolean;
  /** The hashes have differed long enough that we asked it for what we lack. */
  readonly catchingUp: boolean;
}

/** What the machine tells the application, in the moment it happens. */
export interface DncpEvents {
  /** A node became reachable, its data changed, or it went. `before` is absent when it is new. */
  nodeChanged(change: { after?: NodeView; before?: NodeView }): void;
  /**
   * The next publication will carry `seqno`. Called before anything is sent: the moment to make
   * sure that a restart continues above it.
   */
  publishing(seqno: number): void;
  /** Another live node had our id, so we took a new one (RFC 7788 §4.4). */
  nodeIdChanged(id: NodeId): void;
  /** What another node published is not taken, because all that may be kept is taken up. */
  noRoom(id: NodeId): void;
  /** A peer was added or dropped; `why` is for people. */
  peerChanged(peer: PeerView, kind: "added" | "dropped", why: string): void;
}

/** Counts since start, for `/metrics`. Names end up there as `agent_dncp_NAME_total`. */
export interface DncpCounters {
  multicastsSent: number;
  multicastsReceived: number;
  datagramsSent: number;
  datagramsReceived: number;
  streamTlvsSent: number;
  streamTlvsReceived: number;
  bytesSent: number;
  bytesReceived: number;
  malformed: number;
  hashMismatches: number;
  requestsSuppressed: number;
  nodesRefused: number;
  streamsRefused: number;
  collisions: number;
  publications: number;
  graphRuns: number;
}
