/**
 * The seams of the own dictionary: what it is told, and what it asks of the composition root.
 *
 * @module
 */
import type { Json } from "../wire/cbor.ts";
import type { Source } from "./holders.ts";
import type { StateCodec } from "./codec.ts";
import type { Entry } from "./entry.ts";

/**
 * A key with its new value; `null` deletes. `at`: when the value changed, in ms since 1970, where that
 * was earlier and elsewhere.
 */
export type Write = readonly [key: string, value: Json, at?: number];

/** Of a key that comes twice the last counts. */
export type Writes = Iterable<Write>;

/** A change of the persistent entries: store the entry, or forget it where there is none. */
export interface PersistentChange {
  readonly key: string;
  readonly entry: Entry | undefined;
}

/** Names a lease; never used twice by one dictionary. */
export type LeaseId = number;

/** One entry as lists show it. */
export interface OwnEntry extends Entry {
  readonly source: Source;
  /** When it ends unless refreshed, on the monotonic clock, in ms; `Infinity` for not by itself. */
  readonly until: number;
}

/** Limits and hooks of an {@linkcode OwnDictionary}. Sizes in bytes of node data. */
export interface OwnDictionaryOptions {
  readonly codec: StateCodec;
  /**
   * Make these changes durable, or throw; called before they show. Must not call back into the
   * dictionary.
   */
  readonly persist?: (changes: readonly PersistentChange[]) => void;
  /** The encoded entries are different now: publish them. */
  readonly onChanged?: () => void;
  /** For all entries together: what node data may have, less the Peer TLVs. Default 65 536. */
  readonly limit?: number;
  /** Part of `limit` that nobody but the agent can fill. Default 2 048. */
  readonly agentReserve?: number;
  /** Guests at a time. Default 32. */
  readonly maxGuests?: number;
  /** For the entries of one guest. Default 4 096. */
  readonly maxGuestBytes?: number;
  /** Leases at a time. Default 256. */
  readonly maxLeases?: number;
}

/** What holds where an option is not given. */
export const OWN_DEFAULTS = {
  persist: () => {},
  onChanged: () => {},
  limit: 65_536,
  agentReserve: 2_048,
  maxGuests: 32,
  maxGuestBytes: 4_096,
  maxLeases: 256,
};
