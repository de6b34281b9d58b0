/**
 * Floor 0: bytes and their framings. Every decoder here is total: any input gives a value or a
 * typed error, and allocates no more than the input justifies.
 *
 * @module
 */
export * from "./bytes.ts";
export * from "./tlv.ts";
