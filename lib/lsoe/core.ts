/**
 * What the parts of the LSOE machine share: settings, counters, the means of sending, and the
 * decisions that only the whole machine can make.
 *
 * @module
 */
import type { Random } from "../core/mod.ts";
import type { Mac } from "../wire/mac.ts";
import type { LsoeConfig, LsoeCounters, LsoeOutput } from "./api.ts";
import type { GuardedHooks } from "./hooks.ts";
import type { Port } from "./port.ts";
import type { Session } from "./session.ts";

/** How a session ends. */
export interface Ending {
  /** For people. */
  readonly reason: string;
  /** Tell all on the interface that we are here: a peer may have forgotten us long ago. */
  readonly hello?: boolean;
  /** The peer fell silent: what it announced may be kept (`keep-state-on-timeout`). */
  readonly silence?: boolean;
}

/** The machine as its parts see it. */
export interface Core {
  readonly config: LsoeConfig;
  /** Ten octets. */
  readonly localId: Uint8Array;
  /** Ten hex pairs joined by `:`. */
  readonly localIdText: string;
  readonly output: LsoeOutput;
  readonly random: Random;
  readonly counters: LsoeCounters;
  readonly hooks: GuardedHooks;
  /** Cut a PDU into datagrams and send them. */
  send(port: Port, destination: Mac, pdu: Uint8Array): void;
  /** A new session; `undefined` where there is no room for one. */
  create(now: number, port: Port, peer: Mac): Session | undefined;
  /** The session became open: tell of it, and have it send what belongs to that. */
  opened(now: number, session: Session): void;
  /** Withdraw what it learned and forget it. */
  close(now: number, session: Session, ending: Ending): void;
  /** Take back northbound what it had learned. */
  withdraw(session: Session): void;
  /** Its lists or ours changed: see what that makes of the link. */
  relink(session: Session): void;
  /** Have nothing to do with this station for a while. */
  hold(now: number, port: Port, peer: Mac): void;
  /** A frame of this station is not taken: count it, and say why now and then. */
  reject(now: number, port: Port, peer: Mac, reason: string): void;
}
