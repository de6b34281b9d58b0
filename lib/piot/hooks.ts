/**
 * The seam between the machine of links and messages, and the layer of actions above it
 * (spec/piot.md §9 to §12). All calls come within a turn: what they write is stored together with what
 * caused it.
 *
 * @module
 */
import type {
  DropReason,
  LinkView,
  Message,
  OutboxView,
  Outgoing,
  PiotEvent,
  PiotStore,
} from "./api.ts";
import type { Destination } from "./acquaintances.ts";
import type { Id } from "./fields.ts";
import type { Header } from "./header.ts";
import type { Turn } from "./turn.ts";

/** The layer above messages. Links are named by their handle. */
export interface PiotHooks {
  /**
   * Before anything else, and again where the store refused a turn: what is in memory is ahead of the
   * store then, and everything begins again from what is written.
   *
   * @throws {WireError} where what the store holds is damaged.
   */
  load(now: number, node: PiotNode): void;
  /**
   * Before a turn is stored, with nothing of the machine on the stack: the place to send what follows
   * from the other calls, which only note it.
   */
  settle(now: number): void;
  /** 0 while there is something to settle. */
  nextWake(): number;
  wake(now: number): void;
  /** Whether a data message goes through {@linkcode accepted} and not into the inbox. */
  takes(header: Header): boolean;
  /**
   * A message of another kind than data, or one that it takes, was accepted; header and body are views
   * of the input. Why it is refused, or `undefined`.
   */
  accepted(now: number, message: Message): string | undefined;
  /** Whether an answer is awaited on a link: reason enough to dial it. */
  waits(link: number): boolean;
  /** Correlation ids of open requests: ours that the peer has, and the peer's that we have. */
  actions(link: number): { readonly waiting: readonly Id[]; readonly running: readonly Id[] };
  /** A session is active. */
  up(
    now: number,
    link: number,
    peer: {
      readonly waiting: readonly Id[];
      readonly running: readonly Id[];
      readonly inherited: boolean;
    },
  ): void;
  /**
   * A message of ours left the outbox. Whether who sent it is told by this layer, so that no notice is
   * needed.
   *
   * @param detail the peer's words, where it refused.
   */
  left(
    now: number,
    link: number,
    id: Id,
    how: "confirmed" | "refused" | DropReason,
    detail?: string,
  ): boolean;
  /** What was on one link goes on on another: both turned out to be the same node. */
  merged(now: number, from: number, into: number): void;
  /** A link and everything of it goes. */
  forgotten(now: number, link: number): void;
}

/** What the machine offers to that layer. */
export interface PiotNode {
  readonly id: Id;
  readonly name: string;
  readonly tags: ReadonlyMap<string, string>;
  readonly store: PiotStore;
  readonly turn: Turn;
  /** ms since 1970, for people. May leap. */
  wall(): number;
  /** Time that goes on over restarts, in ms (`steady.ts`): what a deadline in the store is of. */
  steady(now: number): number;
  newId(): Id;
  links(): LinkView[];
  /** @throws {AgentError} where several nodes have the name. */
  find(to: Destination): LinkView | undefined;
  /** See `Piot.send`. @throws {AgentError} */
  send(now: number, to: Destination, message: Outgoing): { readonly link: number; readonly id: Id };
  /** Takes a message back that was never transmitted. Whether that was so. */
  withdraw(link: number, id: Id): boolean;
  outbox(link: number): OutboxView[];
  /** Worth a try to dial it now. */
  retry(now: number, link: number): void;
  /** Told once this turn is stored. */
  event(event: PiotEvent): void;
}
