/**
 * What the layer of actions (spec/piot.md §9) hooks into the machine. All calls come within a turn:
 * what they write is stored together with what caused it.
 *
 * @module
 */
import type { DropReason, Message } from "./api.ts";
import type { Id } from "./fields.ts";
import type { Turn } from "./turn.ts";

/** The layer above messages. Links are named by their handle. */
export interface PiotHooks {
  /**
   * A message of another kind than data was accepted; header and body are views of the input. Why it
   * is refused, or `undefined`.
   */
  accepted(now: number, message: Message, turn: Turn): string | undefined;
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
    turn: Turn,
  ): void;
  /** A message of ours left the outbox. */
  left(
    now: number,
    link: number,
    id: Id,
    how: "confirmed" | "refused" | DropReason,
    turn: Turn,
  ): void;
}
