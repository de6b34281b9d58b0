/**
 * What a leafy command asks of a network that it is not a node of, and what it gets. The command
 * line fills in the options; `leafy/remote.ts` carries them out.
 *
 * @module
 */
import type { Entries, StateTree } from "../../http/api.ts";
import type { Endpoint } from "./config.ts";

/** Which network, by what key, and from where. */
export interface LeafyNetwork {
  /** Its name in the config, for messages. */
  readonly name: string;
  readonly profile: "native" | "hncp";
  /**
   * Native: 32 bytes each; the first seals, all open. `hncp`: the key of SHSP's containers, any bytes, or
   * none.
   */
  readonly keys: readonly Uint8Array[];
  /** `--from`, `--via`. Undefined: whichever node answers first on a multicast query. */
  readonly node: Endpoint | undefined;
  /** For the multicast query: interfaces (patterns as in the config) and UDP port. */
  readonly interfaces: readonly string[];
  readonly port: number;
}

/** What is wanted of the state; absent parts do not restrict. */
export interface Wanted {
  /** A node's name or id. */
  readonly node?: string;
  /** Exactly this key. */
  readonly key?: string;
  /** Keys that begin with this. */
  readonly prefix?: string;
}

export interface RemoteReadOptions {
  readonly network: LeafyNetwork;
  /** Empty: everything. */
  readonly wanted: readonly Wanted[];
  /** From the call to the answer, in ms. */
  readonly timeoutMs: number;
}

export interface RemoteReadResult {
  readonly state: StateTree;
  /** False: the picture may be partial, for `reasons`, each fit for a person. */
  readonly complete: boolean;
  readonly reasons: readonly string[];
  /** The node that answered: its name, or its address. */
  readonly from: string;
}

export interface RemotePublishOptions {
  readonly network: LeafyNetwork;
  readonly entries: Entries;
  readonly ttlMs: number;
  readonly timeoutMs: number;
}

/** A first-hop node's word that it publishes the entries. */
export interface RemoteAck {
  /** Its name, or its address where it told none. */
  readonly node: string;
  readonly id: string;
  /** ISO 8601. */
  readonly until: string;
  /** What was granted. */
  readonly ttlMs: number;
}

export interface RemoteMirrorOptions {
  readonly network: LeafyNetwork;
  readonly entries: Entries;
  /** How long to try until the first connection, in ms; after that it is kept up for ever. */
  readonly timeoutMs: number;
  /** Aborted by SIGINT and SIGTERM: withdraw, then return. */
  readonly stop: AbortSignal;
  /** The entries are published through this node now, or no longer. */
  onChange(change: { readonly node: string; readonly connected: boolean; why?: string }): void;
}
