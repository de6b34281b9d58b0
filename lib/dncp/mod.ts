/**
 * Floor 2: the Distributed Node Consensus Protocol (RFC 7787) as one machine without I/O, and its
 * two profiles. What differs from the RFC, and why, stands in `docs/dncp.md`, its bytes in
 * `docs/wire.md`.
 *
 * @module
 */
export * from "./api.ts";
export * from "./hncp_tlvs.ts";
export { Dncp, type DncpOptions } from "./machine.ts";
export { createNetworkHash, type NetworkHash } from "./network_hash.ts";
export { NodeContent, type NodeContents, ownContents } from "./node_content.ts";
export { sortTlvs } from "./node_data.ts";
export { hncpProfile, nativeProfile, type Profile } from "./profile.ts";
export { advance, isOlder } from "./seqno.ts";
export * from "./tlv.ts";
export { Trickle } from "./trickle.ts";
