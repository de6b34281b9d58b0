/**
 * What runs, as those see it who serve the local API: it may end, and another one begin.
 *
 * @module
 */
import type { Actions, Destination, Id, Message, Piot } from "../../piot/mod.ts";
import type { Directory } from "./directory.ts";

/** For messages. */
export interface MailboxHost {
  readonly machine: Piot;
  readonly directory: Directory;
  /** Hands input to the machine, and has it flushed behind the batch that it belongs to. */
  readonly input: (step: (machine: Piot, now: number) => void) => void;
  /** Entries and octets that an outbox holds. */
  readonly limits: () => { readonly holdEntries: number; readonly holdBytes: number };
  /** Messages that a route works on. */
  readonly isRouted: (message: Message) => boolean;
  /** Notices of undelivered messages came or went. */
  readonly noticed: () => void;
  /**
   * A destination is going to be used, or was used for the first time: the machine may not know yet
   * who that is, and where.
   */
  readonly wanted: (to: Destination) => void;
}

/** For calls and plans. */
export interface TasksHost extends Pick<MailboxHost, "machine" | "directory" | "input"> {
  readonly id: Id;
  readonly actions: Actions;
}
