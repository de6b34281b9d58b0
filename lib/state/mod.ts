/**
 * Floor 2: the shared dictionary. Each node owns one flat dictionary and nobody else writes to it, so
 * nothing has to be merged (design §3, and the Simple Home Status Protocol where the codec speaks
 * it). Here are the node's own entries with their sources and ends, the view of all nodes, the names
 * and addresses that people use for both, and how entries stand in DNCP node data. No I/O.
 *
 * @module
 */
export * from "./address.ts";
export { type RefusalReason, StateRefusal } from "./budget.ts";
export * from "./codec.ts";
export * from "./entry.ts";
export type { Source } from "./holders.ts";
export type { Held, HeldEntry } from "./inherit.ts";
export * from "./json.ts";
export * from "./names.ts";
export * from "./own.ts";
export type * from "./own_api.ts";
export { type NodeChange, Returns } from "./returns.ts";
export * from "./shsp.ts";
export * from "./view.ts";
