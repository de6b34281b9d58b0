/**
 * What the agent hands to the local API about messages (PIoT): sending, the inbox, what waits, and
 * links.
 *
 * @module
 */
import type { JsonValue } from "./json.ts";

/** What to send; one of `text`, `body` and `base64`. */
export interface SendRequest {
  /** Name or id of a node. */
  to: string;
  /** UTF-8, of type `text/plain` where no type is given. */
  text?: string;
  /** A JSON value; it travels as CBOR. */
  body?: JsonValue;
  /** Any bytes, of type `application/octet-stream` where no type is given. */
  base64?: string;
  /** Topic. */
  name?: string;
  type?: string;
  /** How long it is held, in ms. Default: `hold_ttl`. */
  ttlMs?: number;
  /** false: refused where there is no session now. */
  hold?: boolean;
}

/** Of one message that was sent: `send --json`. */
export interface SendReceipt {
  /** 32 hexadecimal digits. */
  id: string;
  /** `confirmed`: on the other node's disk. `held`: on this one's, until then. */
  state: "confirmed" | "held";
}

/** A message's header, by the names of its fields. */
export interface HeaderView {
  name?: string;
  type?: string;
  /** By the sender's clock: ISO 8601, UTC. */
  created?: string;
  /** Ids of the node where it began, and of the message there, where it was passed on. */
  origin?: string;
  original?: string;
  hops?: number;
}

/** A received message: `inbox --json`, one line. */
export interface MessageRow {
  /** 32 hexadecimal digits, given by the sender. */
  id: string;
  /** Name of the sending node, or its id where it has none. */
  from: string;
  /** When it arrived: ISO 8601, UTC. */
  at: string;
  header: HeaderView;
  /** A JSON value where the body is CBOR or JSON; text where its type says so; else base64. */
  body: JsonValue;
}

/** With what names it at this agent: `LINK/ID`, for taking it. */
export interface InboxRow extends MessageRow {
  key: string;
}

/** A message that waits in the outbox. */
export interface OutboxRow {
  id: string;
  to: string;
  /** `sent`: handed to the peer, and not confirmed yet. */
  state: "held" | "sent";
  since: string;
  expires: string;
  /** Of header and body. */
  bytes: number;
  name?: string;
}

/** A message that was not delivered, until it is dismissed. */
export interface NoticeRow {
  /** For dismissing it. */
  notice: number;
  id: string;
  to: string;
  reason: string;
  at: string;
}

/** `GET /v1/outbox`. */
export interface OutboxView {
  waiting: OutboxRow[];
  /** How many there are in all; `waiting` shows the first of each link. */
  messages: number;
  bytes: number;
  undelivered: NoticeRow[];
}

/** A node that messages were exchanged with, or wait for: `links known --json`. */
export interface LinkView {
  link: number;
  /** Empty until it was met. */
  id: string;
  name: string;
  state: "pending" | "linked" | "up" | "blocked";
  waiting: number;
  waitingBytes: number;
  addresses: string[];
}

/** An event of topic `messages`. Fields that do not apply are absent. */
export interface MessageEvent extends Partial<InboxRow> {
  event:
    | "present"
    | "message"
    | "confirmed"
    | "refused"
    | "dropped"
    | "linkRequested"
    | "linked"
    | "linkRemoved"
    | "sessionUp"
    | "sessionDown";
  at: string;
  /** Name of the node that it is about. */
  node: string;
  /** Why it was refused or dropped, or a session ended. */
  reason?: string;
}

/** The messages part of `AgentApi`. Calls throw AgentError, as there. */
export interface MessagesApi {
  /**
   * Resolves when all are on the disk and, with `waitMs`, confirmed or that time is over. None is kept
   * where one of them is refused.
   */
  send(messages: readonly SendRequest[], waitMs: number): Promise<SendReceipt[]>;
  /** The first `most`; waits up to `waitMs` where there is none. */
  inbox(most: number, waitMs: number): Promise<InboxRow[]>;
  /** Removes messages that were dealt with, by their keys; resolves when that is on the disk. */
  take(keys: readonly string[]): Promise<string[]>;
  outbox(): OutboxView;
  /** Forgets notices; answers which they were. Without numbers: all. */
  dismiss(notices: readonly number[] | undefined): Promise<number[]>;
  links(): LinkView[];
  /** By name, id, or number. */
  changeLink(
    which: string,
    change: "approve" | "block" | "unblock" | "forget",
  ): Promise<LinkView>;
  /** All of the inbox, as events `present`. */
  present(): Iterable<MessageEvent>;
  /** Throws AgentError with code 1 where messages are switched off. */
  subscribe(listener: (event: MessageEvent) => void): () => void;
}
