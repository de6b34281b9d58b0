/**
 * What RFC 7787 leaves to a profile (§9), as one object. A machine has exactly one, and every value
 * that differs between our networks is a field here.
 *
 * @module
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { md5 } from "@noble/hashes/legacy.js";
import type { CHash } from "@noble/hashes/utils.js";
import { TlvFormat } from "../wire/mod.ts";
import type { TrickleParameters } from "./trickle.ts";

/** All that a DNCP profile has to fix (RFC 7787 §9), and a few limits of ours. Times in milliseconds. */
export interface Profile {
  readonly name: string;
  /** DNCP_NODE_IDENTIFIER_LENGTH, in bytes. */
  readonly nodeIdBytes: number;
  /** DNCP_HASH_LENGTH, in bytes: how much of H(x) is kept. */
  readonly hashBytes: number;
  /** H(x), whole. */
  readonly hash: CHash;
  /** How the network state hash is made of the nodes' sequence numbers and hashes: `docs/wire.md`. */
  readonly networkHash: "flat" | "tree";
  readonly tlv: TlvFormat;
  /** Imin, Imax and k of Trickle (RFC 6206, RFC 7787 §4.3). */
  readonly trickle: TrickleParameters;
  /** Keep-alives where nothing below tells that a peer is gone (RFC 7787 §6.1). */
  readonly keepAlive: { readonly interval: number; readonly multiplier: number };
  /**
   * How long a peer may be silent before it is asked, by unicast and repeatedly, whether it is
   * still there. `Infinity`: never asked.
   */
  readonly probeAfter: number;
  /** How long an unreachable node's state is kept for its return. */
  readonly grace: number;
  /** Own changes are collected this long, counted from the publication before; the first goes at once. */
  readonly publishInterval: number;
  /** At the most this much node data, in bytes; what the application may fill is less (`lib/state`). */
  readonly maxNodeData: number;
  /** Largest payload that is put into a datagram of several TLVs. */
  readonly maxDatagram: number;
  /**
   * Dense-link optimisation (RFC 7787 §6.2): from `bound` + 2 nodes on a link on, and until there are
   * fewer than `bound`, only the `hubs` nodes with the highest ids are peers of all. `undefined`: never.
   */
  readonly dense: { readonly bound: number; readonly hubs: number } | undefined;
  /** A changed node's data go down every open stream at once. */
  readonly push: boolean;
  /**
   * Streams that this node dials or takes on one endpoint. A link with more nodes than this does not
   * settle: its hubs refuse the rest, who look for others.
   */
  readonly maxStreams: number;
  /** Nodes known at the most, reachable or not; further ones are refused and counted. */
  readonly maxNodes: number;
  /**
   * Node data of all others together, in bytes. In memory they take up to a dozen times as much; what
   * does not fit is refused and counted.
   */
  readonly maxAllData: number;
  /** What the first sighting of one's own node id leads to: RFC 7787 §4.4 or RFC 7788 §4 (docs/dncp.md). */
  readonly collisionStep: number;
}

/** The profile of our own networks. */
export const nativeProfile: Profile = {
  name: "native",
  nodeIdBytes: 8,
  hashBytes: 16,
  hash: sha256,
  networkHash: "tree",
  tlv: TlvFormat.native,
  trickle: { imin: 50, imax: 6_400, k: 1 },
  keepAlive: { interval: 10_000, multiplier: 3 },
  probeAfter: Infinity,
  grace: 60_000,
  publishInterval: 20,
  maxNodeData: 98_304,
  maxDatagram: 1_100,
  dense: { bound: 8, hubs: 2 },
  push: true,
  maxStreams: 1_024,
  maxNodes: 16_384,
  maxAllData: 16_777_216,
  collisionStep: 1_000,
};

/** HNCP (RFC 7788 §14 and §4), as hnetd, shncpd and pysyma speak it. */
export const hncpProfile: Profile = {
  name: "hncp",
  nodeIdBytes: 4,
  hashBytes: 8,
  hash: md5,
  networkHash: "flat",
  tlv: TlvFormat.rfc7787,
  trickle: { imin: 200, imax: 25_600, k: 1 },
  keepAlive: { interval: 20_000, multiplier: 2.1 },
  probeAfter: 21_000,
  grace: 60_000,
  publishInterval: 20,
  maxNodeData: 65_488,
  maxDatagram: 1_232,
  dense: undefined,
  push: false,
  maxStreams: 0,
  maxNodes: 1_000,
  maxAllData: 4_194_304,
  collisionStep: 1_000,
};
