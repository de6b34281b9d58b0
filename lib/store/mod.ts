/**
 * Floor 1: what the agent keeps across restarts, in SQLite files. Everything is written in
 * transactions that are on the disk when the call returns; an agent that changes nothing writes
 * nothing. A file that was damaged is moved aside and never stops the agent from starting.
 *
 * Kept for each network: the node id, how often the agent has started, up to which sequence number
 * the network may have seen us, and the entries that the user set. Messages on their way have a file
 * of their own.
 *
 * @module
 */
export { type MessageStore, openMessages } from "./messages.ts";
export { openStore, type Store, type StoredEntry } from "./store.ts";
