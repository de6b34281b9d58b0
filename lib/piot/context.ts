/**
 * What the parts of a node share.
 *
 * @module
 */
import type { Random } from "../core/mod.ts";
import type { PiotConfig, PiotEvent, PiotOutput, PiotStore } from "./api.ts";
import type { Id } from "./fields.ts";
import type { PiotHooks } from "./hooks.ts";
import type { Links } from "./links.ts";
import type { Boot, Steady } from "./steady.ts";
import type { Turn } from "./turn.ts";

/** What a node is made with. */
export interface PiotOptions {
  /** Default: kept in the store, made at the first start. */
  readonly id?: Id;
  readonly name: string;
  readonly config: PiotConfig;
  readonly store: PiotStore;
  readonly output: PiotOutput;
  /** For jitter. */
  readonly random: Random;
  /** For ids, epochs and nonces: unpredictable. */
  readonly randomBytes: (length: number) => Uint8Array;
  /** ms since 1970. May leap. */
  readonly wall: () => number;
  /** Which start of the computer this is, and for how many ms it has been on; where that is known. */
  readonly boot?: Boot;
  readonly hooks?: PiotHooks;
  /**
   * Whether a peer may be behind a connection, `sealed` or not: who was met where only holders of a key
   * are is not believed elsewhere. Default: always.
   */
  readonly permits?: (peer: Id, sealed: boolean) => boolean;
  /**
   * Why requests of peers are refused that come over a connection, `sealed` or not; `undefined`: they
   * are not. Default: never.
   */
  readonly refusesRequests?: (sealed: boolean) => string | undefined;
}

/** The inside of a node. */
export interface Context {
  readonly options: PiotOptions;
  readonly turn: Turn;
  readonly links: Links;
  readonly steady: Steady;
  /** Told once what it speaks of is stored. */
  event(event: PiotEvent): void;
}
