/**
 * Floor 0: bytes and their framings. Every decoder here is total: any input gives a value or a
 * typed error, and allocates no more than the input justifies. Commands that start and end at once
 * import the single files, so that they load no cipher they do not need.
 *
 * @module
 */
export * from "./bytes.ts";
export * from "./cbor.ts";
export * from "./cutter.ts";
export * from "./invite.ts";
export * from "./invite_messages.ts";
export * from "./ip.ts";
export * from "./key.ts";
export * from "./mac.ts";
export * from "./noise.ts";
export * from "./preface.ts";
export * from "./replay.ts";
export * from "./sealed.ts";
export * from "./tlv.ts";
