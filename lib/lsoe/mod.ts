/**
 * Floor 2: LSOE, link-state discovery over raw Ethernet (`spec/lsoe.md`, after
 * draft-ietf-lsvr-lsoe-01). Which cable leads where, and which addresses are at its other end.
 *
 * @module
 */
export * from "./api.ts";
export * from "./pdu.ts";
