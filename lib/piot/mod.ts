/**
 * Floor 2: PIoT (`spec/piot.md`): links, sessions that inherit state, and messages that are
 * delivered once and in order across outages of either side.
 *
 * @module
 */
export * from "./fields.ts";
export * from "./fnv.ts";
export * from "./frame.ts";
export * from "./header.ts";
