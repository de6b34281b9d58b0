/**
 * Floor 2: LSOE, link-state discovery over raw Ethernet (`spec/lsoe.md`, after
 * draft-ietf-lsvr-lsoe-01). Which cable leads where, and which addresses are at its other end.
 *
 * @module
 */
export * from "./announce.ts";
export * from "./api.ts";
export * from "./checksum.ts";
export * from "./datagram.ts";
export * from "./fragment.ts";
export * from "./links.ts";
export * from "./mac_cache.ts";
export * from "./pdu.ts";
export * from "./pdu_codec.ts";
export * from "./reassembly.ts";
export * from "./report.ts";
export { Lsoe, type LsoeOptions, type LsoeSizes } from "./machine.ts";
export { MAX_SESSIONS } from "./sessions.ts";
