/**
 * Asking the targets of a step, or of its undo, and what their answers mean (spec/piot.md §12).
 *
 * @module
 */
import { decodeCbor, encodeCbor, type Json } from "../../wire/cbor.ts";
import { type ActionResult, errorText, LOCAL, Status, statusName } from "../actions/api.ts";
import type { Requests } from "../actions/requests.ts";
import type { Destination } from "../acquaintances.ts";
import type { PiotNode } from "../hooks.ts";
import type { Part } from "./journal.ts";

/** Ends of which nobody knows what was done until then. */
const UNKNOWN: readonly number[] = [
  Status.Timeout,
  Status.Cancelled,
  Status.Lost,
  Status.Reset,
  Status.Dropped,
];

/** What to ask. Times in ms. */
export interface Question {
  readonly action: string;
  readonly args: Json;
  readonly timeout: number;
  /** Whether it waits for nodes that are away. */
  readonly hold: boolean;
  readonly connect: number;
  readonly group: string;
  readonly nesting: number;
}

/** Where a part goes. */
export function destinationOf(node: PiotNode, part: Pick<Part, "node">): Destination {
  if (part.node === node.id) return { link: LOCAL };
  return /^[0-9a-f]{32}$/.test(part.node) ? { peer: part.node } : { name: part.node };
}

/** Asks all parts that have no good answer yet. */
export function ask(
  now: number,
  node: PiotNode,
  requests: Requests,
  parts: readonly Part[],
  question: Question,
  answered: (now: number, part: Part) => void,
): void {
  const { action, args, timeout, hold, ...rest } = question;
  for (const part of parts) {
    if (part.status === Status.Ok) continue;
    delete part.status;
    delete part.value;
    const listener = listenerOf(part, answered);
    listener.corr = part.corr = requests.start(
      now,
      destinationOf(node, part),
      action,
      args,
      { timeout, hold, ...(hold && { ttl: timeout }), ...rest },
      { durable: true, listener },
    );
  }
}

/** Hears again of what was asked before a restart. */
export function listen(
  requests: Requests,
  part: Part,
  answered: (now: number, part: Part) => void,
): void {
  if (part.corr !== undefined) requests.listen(part.corr, listenerOf(part, answered));
}

function listenerOf(part: Part, answered: (now: number, part: Part) => void) {
  const listener = {
    corr: part.corr,
    ended(now: number, result: ActionResult) {
      if (part.corr !== listener.corr || !isOpen(part)) return;
      settle(part, result);
      answered(now, part);
    },
  };
  return listener;
}

/** What is known of a part now. */
export function settle(part: Part, { status, value }: ActionResult): void {
  part.status = status;
  part.value = encodeCbor(value).slice();
  if (UNKNOWN.includes(status)) part.unknown = true;
}

/** It was asked and there is no answer. */
export function isOpen(part: Part): boolean {
  return part.corr !== undefined && part.status === undefined;
}

export function isOk(parts: readonly Part[]): boolean {
  return parts.every(({ status }) => status === Status.Ok);
}

/** Whether something may have been done at one of them. */
export function mayHaveActed(parts: readonly Part[]): boolean {
  return parts.some(({ status, unknown }) => status === Status.Ok || unknown);
}

/** The value of one part, or of all in their order. */
export function valueOf(parts: readonly Part[], single: boolean): Json {
  const values = parts.map(({ value }) => value ? decodeCbor(value) : null);
  return single ? values[0] ?? null : values;
}

/** The first that is not ok: its status, and who said what. */
export function failureOf(parts: readonly Part[]): { status: string; error: string } {
  const part = parts.find(({ status }) => status !== undefined && status !== Status.Ok);
  const status = part?.status ?? Status.Error;
  const value = part?.value ? decodeCbor(part.value) : null;
  const text = errorText({ status, value });
  const name = statusName(status);
  return { status: name, error: `${part?.name ?? "nobody"}: ${text}` };
}
