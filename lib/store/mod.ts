/**
 * Floor 1: what the agent keeps across restarts, in one SQLite file. Everything is written in
 * transactions that are on the disk when the call returns; an agent that changes nothing writes
 * nothing. A file that was damaged is moved aside and never stops the agent from starting.
 *
 * Kept for each network: the node id, how often the agent has started, up to which sequence number
 * the network may have seen us, and the entries that the user set.
 *
 * @module
 */
export { openStore } from "./open.ts";
export type { Store, StoredEntry } from "./store.ts";
