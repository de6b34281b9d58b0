/**
 * The DNCP TLVs (RFC 7787 §7) as a table: number, name, fixed fields, decode, encode. The widths of
 * node ids and hashes and the header form come from the profile. Types that DNCP does not
 * structure stay raw bytes.
 *
 * @module
 */
import { ByteReader, ByteWriter, fromHex, type TlvFormat, toHex, writeU32 } from "../wire/mod.ts";
import type { RawTlv, TlvError, TlvWarning } from "../wire/mod.ts";
import type { EndpointId, NodeId } from "./api.ts";
import { hncpTlvName } from "./hncp_tlvs.ts";
import type { Profile } from "./profile.ts";

/** TLV type numbers. 1–9 are RFC 7787's; 32 and up belong to the profile. */
export const TlvType = {
  RequestNetworkState: 1,
  RequestNodeState: 2,
  NodeEndpoint: 3,
  NetworkState: 4,
  NodeState: 5,
  Peer: 8,
  KeepAliveInterval: 9,
  /** Native only: how to open a stream to the sender, and which process it is. */
  Hello: 32,
  /** Native only: the sender keeps no other node's data and wants short Node States. */
  Mirror: 34,
  /** Native only: the sender ends for a restart, and asks to keep its place. */
  Pause: 35,
  /** Native only: another process with the receiver's id has taken the place of this stream. */
  Twin: 36,
} as const;

export interface RequestNetworkState {
  readonly type: typeof TlvType.RequestNetworkState;
}
export interface RequestNodeState {
  readonly type: typeof TlvType.RequestNodeState;
  readonly nodeId: NodeId;
}
export interface NodeEndpoint {
  readonly type: typeof TlvType.NodeEndpoint;
  readonly nodeId: NodeId;
  readonly endpointId: EndpointId;
}
export interface NetworkState {
  readonly type: typeof TlvType.NetworkState;
  readonly hash: Uint8Array;
}
export interface NodeState {
  readonly type: typeof TlvType.NodeState;
  readonly nodeId: NodeId;
  readonly seqno: number;
  /** Milliseconds since origination. */
  readonly age: number;
  readonly hash: Uint8Array;
  /** Node data; empty where the TLV carries none. */
  readonly data: Uint8Array;
}
export interface Peer {
  readonly type: typeof TlvType.Peer;
  readonly peerNodeId: NodeId;
  readonly peerEndpointId: EndpointId;
  readonly endpointId: EndpointId;
}
export interface KeepAliveInterval {
  readonly type: typeof TlvType.KeepAliveInterval;
  /** 0: all endpoints without an entry of their own. */
  readonly endpointId: EndpointId;
  /** Milliseconds; 0: none are sent. */
  readonly interval: number;
}
export interface Hello {
  readonly type: typeof TlvType.Hello;
  /** TCP port that the sender listens on; 0: it takes no streams. */
  readonly streamPort: number;
  /** Random, new at every start of the process: tells a copy of a node from the node itself. */
  readonly instance: string;
}

export interface Pause {
  readonly type: typeof TlvType.Pause;
  /** How long the sender hopes to need at the most, in milliseconds. */
  readonly limit: number;
}

export interface Twin {
  readonly type: typeof TlvType.Twin;
  /** Of that process, as in its Hello. */
  readonly instance: string;
}

/** What a table row decodes to. */
export type Fields =
  | RequestNetworkState
  | RequestNodeState
  | NodeEndpoint
  | NetworkState
  | NodeState
  | Peer
  | KeepAliveInterval
  | Hello
  | Pause
  | Twin;

/** A TLV of a datagram or of node data. `fields` is absent for types that are opaque to DNCP. */
export interface DncpTlv {
  readonly raw: RawTlv;
  readonly fields?: Fields;
  /** Sub-TLVs behind the fixed fields (RFC 7787 §7.3 allows them everywhere but in Node State). */
  readonly sub: readonly RawTlv[];
}

/** Outcome of decoding; it never fails, it only stops early. */
export interface Decoded {
  readonly tlvs: DncpTlv[];
  readonly error: TlvError | null;
  readonly warnings: TlvWarning[];
}

interface Row {
  readonly name: string;
  readonly where: "datagram" | "node-data";
  /** Bytes of the fixed fields. */
  readonly fixed: (profile: Profile) => number;
  /** Reads the fixed fields; the bytes are known to be there. */
  readonly read: (reader: ByteReader, profile: Profile) => Fields;
  /** Whether what follows the fixed fields are sub-TLVs (or, in Node State, node data). */
  readonly subTlvs: boolean;
}

const INSTANCE_BYTES = 8;

const readId = (reader: ByteReader, profile: Profile) => toHex(reader.take(profile.nodeIdBytes));

const rows = new Map<number, Row>([
  [TlvType.RequestNetworkState, {
    name: "request-network-state",
    where: "datagram",
    fixed: () => 0,
    read: () => ({ type: TlvType.RequestNetworkState }),
    subTlvs: true,
  }],
  [TlvType.RequestNodeState, {
    name: "request-node-state",
    where: "datagram",
    fixed: (p) => p.nodeIdBytes,
    read: (r, p) => ({ type: TlvType.RequestNodeState, nodeId: readId(r, p) }),
    subTlvs: true,
  }],
  [TlvType.NodeEndpoint, {
    name: "node-endpoint",
    where: "datagram",
    fixed: (p) => p.nodeIdBytes + 4,
    read: (r, p) => ({ type: TlvType.NodeEndpoint, nodeId: readId(r, p), endpointId: r.u32() }),
    subTlvs: true,
  }],
  [TlvType.NetworkState, {
    name: "network-state",
    where: "datagram",
    fixed: (p) => p.hashBytes,
    read: (r, p) => ({ type: TlvType.NetworkState, hash: r.take(p.hashBytes) }),
    subTlvs: true,
  }],
  [TlvType.NodeState, {
    name: "node-state",
    where: "datagram",
    fixed: (p) => p.nodeIdBytes + 8 + p.hashBytes,
    read: (r, p) => ({
      type: TlvType.NodeState,
      nodeId: readId(r, p),
      seqno: r.u32(),
      age: r.u32(),
      hash: r.take(p.hashBytes),
      data: r.rest(),
    }),
    subTlvs: false,
  }],
  [TlvType.Peer, {
    name: "peer",
    where: "node-data",
    fixed: (p) => p.nodeIdBytes + 8,
    read: (r, p) => ({
      type: TlvType.Peer,
      peerNodeId: readId(r, p),
      peerEndpointId: r.u32(),
      endpointId: r.u32(),
    }),
    subTlvs: true,
  }],
  [TlvType.KeepAliveInterval, {
    name: "keep-alive-interval",
    where: "node-data",
    fixed: () => 8,
    read: (r) => ({ type: TlvType.KeepAliveInterval, endpointId: r.u32(), interval: r.u32() }),
    subTlvs: true,
  }],
]);

const nativeRows = new Map<number, Row>([
  ...rows,
  [TlvType.Hello, {
    name: "hello",
    where: "datagram",
    fixed: () => 2 + INSTANCE_BYTES,
    read: (r) => ({
      type: TlvType.Hello,
      streamPort: r.u16(),
      instance: toHex(r.take(INSTANCE_BYTES)),
    }),
    subTlvs: true,
  }],
  [TlvType.Pause, {
    name: "pause",
    where: "datagram",
    fixed: () => 4,
    read: (r) => ({ type: TlvType.Pause, limit: r.u32() }),
    subTlvs: true,
  }],
  [TlvType.Twin, {
    name: "twin",
    where: "datagram",
    fixed: () => INSTANCE_BYTES,
    read: (r) => ({ type: TlvType.Twin, instance: toHex(r.take(INSTANCE_BYTES)) }),
    subTlvs: true,
  }],
]);

function rowsOf(profile: Profile): Map<number, Row> {
  return profile.name === "native" ? nativeRows : rows;
}

/** The name of a TLV type that this table knows. */
export function tlvName(profile: Profile, type: number): string | undefined {
  const name = rowsOf(profile).get(type)?.name;
  return name ?? (profile.name === "native" ? undefined : hncpTlvName(type));
}

/** Decode the TLVs of a datagram, of a stretch of stream, or of node data. Total. */
export function decodeTlvs(profile: Profile, bytes: Uint8Array): Decoded {
  const { tlvs: raws, error, warnings } = profile.tlv.decode(bytes);
  const table = rowsOf(profile);
  const tlvs: DncpTlv[] = [];
  for (const raw of raws) {
    const row = table.get(raw.type);
    if (row === undefined) {
      tlvs.push({ raw, sub: [] });
      continue;
    }
    if (raw.length < row.fixed(profile)) {
      warnings.push("short-fixed-fields");
      continue;
    }
    const reader = new ByteReader(raw.value);
    const fields = row.read(reader, profile);
    let sub: readonly RawTlv[] = [];
    if (row.subTlvs && reader.remaining > 0) {
      const inner = profile.tlv.decode(reader.rest());
      sub = inner.tlvs;
      if (inner.error !== null) warnings.push("bad-sub-tlv");
    }
    tlvs.push({ raw, fields, sub });
  }
  return { tlvs, error, warnings };
}

/** Encoders for one profile. Every method returns one whole TLV. */
export class TlvEncoder {
  readonly #format: TlvFormat;
  readonly #nodeIdBytes: number;
  readonly #hashBytes: number;

  constructor(profile: Profile) {
    this.#format = profile.tlv;
    this.#nodeIdBytes = profile.nodeIdBytes;
    this.#hashBytes = profile.hashBytes;
  }

  /** `sub`: encoded sub-TLVs. */
  requestNetworkState(...sub: Uint8Array[]): Uint8Array {
    return this.#format.encode(TlvType.RequestNetworkState, ...sub);
  }

  requestNodeState(nodeId: NodeId): Uint8Array {
    return this.#format.encode(TlvType.RequestNodeState, fromHex(nodeId));
  }

  nodeEndpoint(nodeId: NodeId, endpointId: EndpointId): Uint8Array {
    return this.#format.encode(TlvType.NodeEndpoint, fromHex(nodeId), u32(endpointId));
  }

  networkState(hash: Uint8Array): Uint8Array {
    return this.#format.encode(TlvType.NetworkState, this.#cut(hash));
  }

  /** `age` in ms is clamped to 32 bits. Without `data` the short form. */
  nodeState(
    nodeId: NodeId,
    seqno: number,
    age: number,
    hash: Uint8Array,
    data: Uint8Array = new Uint8Array(0),
  ): Uint8Array {
    const fixed = new ByteWriter(40).put(fromHex(nodeId)).u32(seqno).u32(clampAge(age))
      .put(this.#cut(hash)).finish();
    return this.#format.encode(TlvType.NodeState, fixed, data);
  }

  /** A copy of a Node State TLV with another age. */
  aged(nodeState: Uint8Array, age: number): Uint8Array {
    const copy = nodeState.slice();
    writeU32(copy, this.#format.headerBytes + this.#nodeIdBytes + 4, clampAge(age));
    return copy;
  }

  peer(
    peerNodeId: NodeId,
    peerEndpointId: EndpointId,
    endpointId: EndpointId,
  ): Uint8Array {
    return this.#format.encode(
      TlvType.Peer,
      fromHex(peerNodeId),
      u32(peerEndpointId),
      u32(endpointId),
    );
  }

  keepAliveInterval(endpointId: EndpointId, interval: number): Uint8Array {
    return this.#format.encode(TlvType.KeepAliveInterval, u32(endpointId), u32(interval));
  }

  /** Native only. `instance`: 8 bytes in hexadecimal. */
  hello(streamPort: number, instance: string): Uint8Array {
    const port = new ByteWriter(2).u16(streamPort).finish();
    return this.#format.encode(TlvType.Hello, port, fromHex(instance));
  }

  /** Native only. */
  mirror(): Uint8Array {
    return this.#format.encode(TlvType.Mirror);
  }

  /** Native only. `limit` in ms. */
  pause(limit: number): Uint8Array {
    return this.#format.encode(TlvType.Pause, u32(limit));
  }

  /** Native only. `instance`: 8 bytes in hexadecimal. */
  twin(instance: string): Uint8Array {
    return this.#format.encode(TlvType.Twin, fromHex(instance));
  }

  #cut(hash: Uint8Array): Uint8Array {
    return hash.length === this.#hashBytes ? hash : hash.subarray(0, this.#hashBytes);
  }
}

function clampAge(age: number): number {
  return Math.min(Math.max(0, Math.floor(age)), 0xffff_ffff);
}

function u32(value: number): Uint8Array {
  return new ByteWriter(4).u32(value).finish();
}
