/**
 * Floor 2: PIoT (`spec/piot.md`): links, sessions that inherit state, and messages that are
 * delivered once and in order across outages of either side.
 *
 * @module
 */
export * from "./api.ts";
export * from "./fields.ts";
export * from "./fnv.ts";
export * from "./frame.ts";
export * from "./header.ts";
export type { PiotHooks } from "./hooks.ts";
export type { Acquaintance, Destination } from "./acquaintances.ts";
export type { PiotOptions } from "./context.ts";
export type { DialMode } from "./link.ts";
export type { Notice } from "./notices.ts";
export { Piot } from "./piot.ts";
