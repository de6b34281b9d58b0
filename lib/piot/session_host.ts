/**
 * What a session needs of its node.
 *
 * @module
 */
import type { ByteWriter } from "../wire/bytes.ts";
import type { ConnectionId, DropReason, PiotConfig } from "./api.ts";
import type { Epoch, Id } from "./fields.ts";
import type { CloseCode, FrameFields } from "./frame.ts";
import type { Link } from "./link.ts";
import type { Outcome } from "./outbox.ts";
import type { Session } from "./session.ts";

/** The node, seen from one of its sessions. */
export interface SessionHost {
  readonly id: Id;
  readonly name: string;
  readonly boot: Epoch;
  readonly config: PiotConfig;
  /** See `steady.ts`. */
  steady(now: number): number;
  newId(): Id;
  newEpoch(): Epoch;
  /** Where to append what is sent, as one piece, after what this turn wrote down is stored. */
  out(connection: ConnectionId): ByteWriter;
  hangUp(connection: ConnectionId): void;

  /** See `PiotOptions`. */
  permits(peer: Id, sealed: boolean): boolean;
  linkOf(peer: Id): Link | undefined;
  /** Another connection with the same peer that is further than its HELLO. */
  rivalOf(session: Session): Session | undefined;
  /** Who answered on a link whose peer was not known; another link, where that peer has one. */
  bind(now: number, link: Link, peer: Id): Link;
  /** Why no more links are made; `undefined` where there is room. */
  noRoom(): string | undefined;
  /** A node that we did not know told of itself: its link, linked or pending, or why not. */
  introduce(now: number, peer: Id, info: FrameFields<"linkInfo">): Link | string;
  /** A node that we know told of itself. */
  met(
    link: Link,
    name: string,
    addresses: readonly string[] | undefined,
    tags: ReadonlyMap<string, string> | undefined,
  ): void;

  /** Correlation ids of open actions, for RESUME. */
  actions(link: Link): { waiting: readonly Id[]; running: readonly Id[] };
  /** Whether a link is needed now: something waits for the peer, or for its answer. */
  isNeeded(link: Link): boolean;
  up(now: number, link: Link, outcome: Outcome, resume: FrameFields<"resume">): void;
  /** A session, or the attempt at one, ended. `wasActive`: messages could flow. */
  ended(now: number, session: Session, code: CloseCode, wasActive: boolean): void;

  /** Takes a message with the next number; why not, where it is refused. */
  accept(
    now: number,
    link: Link,
    message: FrameFields<"msg">,
    ordered: boolean,
  ): string | undefined;
  /** A message of ours was delivered, or left the outbox for another reason. */
  left(
    now: number,
    link: Link,
    id: Id,
    why: "confirm" | "resume" | "mismatch" | DropReason,
  ): void;
  refused(now: number, link: Link, id: Id, reason: string): void;
}
