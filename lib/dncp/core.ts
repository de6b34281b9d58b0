/**
 * What the parts of the machine share: the tables, the means of sending, and the few decisions that
 * only the whole machine can make.
 *
 * @module
 */
import type { Random } from "../core/mod.ts";
import type { DncpCounters, DncpTransport, EndpointId, NodeId } from "./api.ts";
import type { Asked } from "./asked.ts";
import type { NodeContents } from "./node_content.ts";
import type { NodeTable } from "./node_table.ts";
import type { PeerTable } from "./peers.ts";
import type { Profile } from "./profile.ts";
import type { NodeState, TlvEncoder } from "./tlv.ts";

/**
 * What became of a Node State TLV.
 *
 * - `stored`: it was news and is kept now.
 * - `wanted`: it is news but its data are missing.
 * - `known`: nothing new.
 * - `older`: the sender is behind us.
 * - `refused`: it does not fit its hash, or there is no room.
 */
export type NodeStateOutcome = "stored" | "wanted" | "known" | "older" | "refused";

/** The machine as its parts see it. */
export interface Core {
  readonly profile: Profile;
  readonly random: Random;
  readonly transport: DncpTransport;
  readonly encode: TlvEncoder;
  readonly counters: DncpCounters;
  readonly nodes: NodeTable;
  readonly contents: NodeContents;
  readonly peers: PeerTable;
  readonly nodeId: NodeId;
  /** Random, new at every start, in hexadecimal. */
  readonly instance: string;
  /** A node that publishes nothing sends no Node Endpoint TLV. */
  readonly readOnly: boolean;
  /** The network state hash with all own changes in it. */
  networkHash(now: number): Uint8Array;
  /** The receive rules for a Node State TLV (RFC 7787 §4.4). */
  receiveNodeState(now: number, state: NodeState): NodeStateOutcome;
  /** What was asked for a moment ago. */
  readonly asked: Asked;
  /** Whether a Request Network State may go out on the endpoint now; notes that it does. */
  mayRequest(now: number, endpoint: EndpointId): boolean;
  /** Another live process uses our node id: take a new one. */
  cloned(now: number): void;
  /** There is no room for what that node published. */
  noRoom(id: NodeId): void;
  /** Wake the machine at this time, or earlier. */
  wakeAt(time: number): void;
}

/** H(data), cut to the profile's length. */
export function hashOf(profile: Profile, data: Uint8Array): Uint8Array {
  return profile.hash(data).slice(0, profile.hashBytes);
}

/** Counters at the start. */
export function noCounters(): DncpCounters {
  return {
    multicastsSent: 0,
    multicastsReceived: 0,
    datagramsSent: 0,
    datagramsReceived: 0,
    streamTlvsSent: 0,
    streamTlvsReceived: 0,
    bytesSent: 0,
    bytesReceived: 0,
    malformed: 0,
    hashMismatches: 0,
    requestsSuppressed: 0,
    nodesRefused: 0,
    streamsRefused: 0,
    collisions: 0,
    publications: 0,
    graphRuns: 0,
  };
}
