/**
 * Actions (spec/piot.md §9): what they are asked, and how they end.
 *
 * @module
 */
import { messageOf } from "../../core/mod.ts";
import { decodeCbor, encodeCbor, type Json } from "../../wire/cbor.ts";
import type { Id } from "../fields.ts";

/** How an action ended. 4 and 6 to 9 can be made by the requester itself. */
export const Status = {
  Ok: 0,
  Error: 1,
  UnknownAction: 2,
  Refused: 3,
  Timeout: 4,
  Cancelled: 5,
  /** There is no session, and it was not to be held. */
  Unreachable: 6,
  /** The executor does not know it any more. */
  Lost: 7,
  /** A session began with a clean slate. */
  Reset: 8,
  /** The request left the outbox undelivered. */
  Dropped: 9,
} as const;

const NAMES = [
  "ok",
  "error",
  "unknown-action",
  "refused",
  "timeout",
  "cancelled",
  "unreachable",
  "lost",
  "reset",
  "dropped",
];

/** A status for people: "ok", "timeout". */
export function statusName(status: number): string {
  return NAMES[status] ?? `status ${status}`;
}

/** ms that an executor has where the request says nothing. */
export const ACTION_TIMEOUT = 30_000;
/** ms that a requester waits longer than the executor has. */
export const REQUEST_GRACE = 5_000;
/** The link of requests to ourselves. */
export const LOCAL = 0;

/** One answer. */
export interface ActionResult {
  readonly status: number;
  /** Of status 0: the value. Else a text, or `{code, text, data}`. */
  readonly value: Json;
}

/** What is wrong, as one line. */
export function errorText({ status, value }: ActionResult): string {
  const { text } = typeof value === "object" && value && !Array.isArray(value)
    ? value
    : { text: value };
  return typeof text === "string" && text !== "" ? text : statusName(status);
}

/** A request, at who executes it. */
export interface ActionCall {
  /** The correlation id. */
  readonly id: Id;
  /** {@linkcode LOCAL} where it is our own. */
  readonly link: number;
  /** Who is at the other end of the link. */
  readonly peer: Id;
  /** Who asked, in the words of who passed it on. */
  readonly origin?: Id;
  readonly name: string;
  readonly args: Json;
  /** ms from its arrival until it is given up. */
  readonly timeout: number;
  /** The aggregate that it is part of. */
  readonly group?: Id;
  /** How many aggregates and plans of other nodes it came through. */
  readonly nesting: number;
  /** A word in between; lost where there is no session. */
  progress(now: number, value: Json): void;
  /** The one answer. Whether it counts: not after the first, and not after an abort. */
  finish(now: number, result: ActionResult): boolean;
}

/** Told that nobody waits for an answer any more. */
export type Abort = (now: number, why: "timeout" | "cancelled" | "reset" | "forgotten") => void;

/**
 * Executes an action, and calls `finish` at once or later. Called once for each request, after its
 * acceptance is on the disk. What it throws is answered as an error.
 *
 * @returns what stops it, where it can be stopped.
 */
export type ActionHandler = (now: number, call: ActionCall) => Abort | void;

/** How to ask. Times in ms. */
export interface RequestOptions {
  /** What the executor has. Default: 30 s. */
  readonly timeout?: number;
  /** false: it ends as unreachable where there is no session. Default: true. */
  readonly hold?: boolean;
  /** How long it may be held. The wait grows by it; without, all must happen in `timeout` + 5 s. */
  readonly ttl?: number;
  /** With `hold: false`, for a link that can be dialled: how long a session is waited for. Default: 0. */
  readonly connect?: number;
  /** Where it is to end, if the peer passes messages on. */
  readonly target?: Id;
  readonly group?: Id;
  readonly nesting?: number;
}

/** How a requester is told. */
export interface RequestCallbacks {
  progress?(value: Json): void;
  ended?(result: ActionResult): void;
}

/** The same within a turn: what it writes is stored together with what it is told. */
export interface Listener {
  progress?(now: number, value: Json): void;
  ended(now: number, result: ActionResult): void;
}

const NOTHING = new Uint8Array(0);

/** @throws {RangeError} where it is no JSON-like value. */
export function encodeBody(value: Json): Uint8Array {
  return value === null ? NOTHING : encodeCbor(value).slice();
}

/** @throws {WireError} where it is no JSON-like value. */
export function decodeBody(body: Uint8Array): Json {
  return body.length === 0 ? null : decodeCbor(body);
}

/** A result, also out of a body that cannot be read. */
export function readResult(status: number, body: Uint8Array): ActionResult {
  try {
    return { status, value: decodeBody(body) };
  } catch (error) {
    return { status: status || Status.Error, value: `unreadable answer: ${messageOf(error)}` };
  }
}
