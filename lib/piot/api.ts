/**
 * What surrounds the PIoT machine: the store it writes to, what it hands out, and what can be seen.
 *
 * @module
 */
import type { Json } from "../wire/cbor.ts";
import type { ActionResult } from "./actions/api.ts";
import type { Id } from "./fields.ts";
import type { CloseCode } from "./frame.ts";
import type { Header } from "./header.ts";
import type { PlanResult, StepResult } from "./plan/plan.ts";

/** A key–value store with atomic batches (§13). */
export interface PiotStore {
  /** All entries whose key begins with `prefix`, in the order of their keys. */
  scan(prefix: string): Iterable<readonly [key: string, value: Uint8Array]>;
  /**
   * All changes or none; `null` removes. When it returns, they are on the disk.
   * @throws {AgentError} where they cannot be written.
   */
  commit(changes: ReadonlyMap<string, Uint8Array | null>): void;
}

/** Names a connection between the machine and what carries its bytes. */
export type ConnectionId = number;

/** Everything that can be set. Times in ms. */
export interface PiotConfig {
  /** A new session goes on where the last one ended. */
  readonly inherit: boolean;
  /** What happens to nodes that we do not know. */
  readonly policy: "accept" | "ask" | "closed";
  /** The node's key, where links are to be authenticated (§3.2); not on sealed connections. */
  readonly key?: Uint8Array;
  /** Announced to peers as where we can be reached. */
  readonly addresses: readonly string[];
  readonly tags: ReadonlyMap<string, string>;
  /** Largest frame that we take, in octets. */
  readonly maxFrame: number;
  /** Silence after which a peer is asked for a sign of life. */
  readonly idle: number;
  /** Wait for the confirmation of the oldest message. */
  readonly confirmTimeout: number;
  /** A session that we dialled because it was needed ends after so long without use. */
  readonly rest: number;
  /** How long a message is held where its sender says nothing. */
  readonly holdTtl: number;
  /** Messages in the outbox of one link. */
  readonly holdEntries: number;
  /** Octets of header and body in the outbox of one link. */
  readonly holdBytes: number;
  /** The same in all outboxes together. */
  readonly holdTotalBytes: number;
  /** What gives way where an outbox is full. */
  readonly overflow: "oldest" | "reject";
  /** Received messages that nobody has taken yet, of all links. */
  readonly inboxEntries: number;
  readonly inboxBytes: number;
  /** Links at the most, and how many of them may wait for a decision. */
  readonly maxLinks: number;
  readonly maxPending: number;
}

/** The values of a config that says nothing. */
export const DEFAULTS: PiotConfig = {
  inherit: true,
  policy: "accept",
  addresses: [],
  tags: new Map(),
  maxFrame: 1_048_576,
  idle: 15_000,
  confirmTimeout: 10_000,
  rest: 300_000,
  holdTtl: 24 * 3_600_000,
  holdEntries: 1_000,
  holdBytes: 8_388_608,
  holdTotalBytes: 67_108_864,
  overflow: "oldest",
  inboxEntries: 10_000,
  inboxBytes: 67_108_864,
  maxLinks: 1_024,
  maxPending: 64,
};

/** §8. `pending` waits for a decision of the user. */
export type LinkState = "pending" | "linked" | "up" | "blocked";

/** What can be seen of a link. */
export interface LinkView {
  /** Handle inside this node; never used again. */
  readonly link: number;
  /** Absent until the peer was met. */
  readonly peer?: Id;
  readonly name: string;
  readonly addresses: readonly string[];
  readonly tags: ReadonlyMap<string, string>;
  readonly state: LinkState;
  /** Messages in the outbox, and their octets. */
  readonly waiting: number;
  readonly waitingBytes: number;
  /** Messages in the inbox that nobody has taken yet. */
  readonly received: number;
}

/** A message that waits in an outbox. */
export interface OutboxView {
  readonly link: number;
  readonly id: Id;
  readonly header: Header;
  readonly body: Uint8Array;
  /** ms since 1970. */
  readonly created: number;
  readonly expires: number;
  /** `sent`: handed to the peer, not confirmed yet. */
  readonly state: "held" | "sent";
}

/** A message that was received. */
export interface Message {
  readonly link: number;
  readonly peer: Id;
  readonly id: Id;
  readonly header: Header;
  readonly body: Uint8Array;
  /** ms since 1970, our clock. */
  readonly received: number;
}

/** What to send: header and body are the machine's from then on. */
export interface Outgoing {
  readonly header: Header;
  readonly body: Uint8Array;
  /** ms; default: `holdTtl`. */
  readonly ttl?: number;
  /** false: fail at once where there is no session. Default: true. */
  readonly hold?: boolean;
}

/** Why a message left the outbox without being delivered (§7). */
export type DropReason =
  | "clean-slate"
  | "expired"
  | "overflow"
  | "forgotten"
  | "corrupt"
  | "too-large";

/** What happened. Told after it was written down. */
export type PiotEvent =
  | { readonly kind: "linkRequested"; readonly link: LinkView }
  | { readonly kind: "linked"; readonly link: LinkView }
  | { readonly kind: "linkRemoved"; readonly link: LinkView }
  | {
    readonly kind: "sessionUp";
    readonly link: LinkView;
    /** Of our direction: 0 continue, 1 renumber, 2 clean. */
    readonly outcome: number;
    readonly inherited: boolean;
  }
  | { readonly kind: "sessionDown"; readonly link: LinkView; readonly code: CloseCode }
  /** A connection that we dialled led to no session. */
  | {
    readonly kind: "attemptFailed";
    readonly link: LinkView;
    readonly connection: ConnectionId;
    readonly code: CloseCode;
  }
  | { readonly kind: "message"; readonly message: Message }
  | {
    readonly kind: "confirmed";
    readonly link: number;
    readonly id: Id;
    /** `resume`: learned when the next session began. */
    readonly by: "confirm" | "resume";
  }
  | {
    readonly kind: "refused";
    readonly link: number;
    readonly id: Id;
    readonly reason: string;
  }
  | {
    readonly kind: "dropped";
    readonly link: number;
    readonly id: Id;
    readonly reason: DropReason;
  }
  | { readonly kind: "mismatch"; readonly link: number; readonly id: Id }
  | {
    /** A request of ours ended; told again after a crash that came at that moment. */
    readonly kind: "result";
    readonly id: Id;
    /** 0: this node itself, or nobody. */
    readonly link: number;
    readonly name: string;
    readonly result: ActionResult;
  }
  | {
    readonly kind: "progress";
    readonly id: Id;
    readonly link: number;
    readonly name: string;
    readonly value: Json;
  }
  /** An answer came that nobody waits for any more. */
  | {
    readonly kind: "lateResult";
    readonly id: Id;
    readonly link: number;
    readonly result: ActionResult;
  }
  | { readonly kind: "handlerError"; readonly name: string; readonly text: string }
  /** A step of a plan began or ended. */
  | { readonly kind: "step"; readonly plan: string; readonly step: StepResult }
  /** A step of a plan was undone, or could not be. */
  | { readonly kind: "rollback"; readonly plan: string; readonly step: StepResult }
  | { readonly kind: "plan"; readonly plan: PlanResult }
  /** Something that a person should look at, as one line. */
  | { readonly kind: "problem"; readonly text: string };

/** Where the machine's output goes. Calls must not call back into the machine. */
export interface PiotOutput {
  /** Open a connection; `connected` or `closed` is answered later. */
  dial(connection: ConnectionId, address: string, peer: Id | undefined): void;
  write(connection: ConnectionId, bytes: Uint8Array): void;
  /** After what was written. */
  close(connection: ConnectionId): void;
  event(event: PiotEvent): void;
}
