/**
 * What happens on the cables, in words: lines of the log, and events for scripts.
 *
 * @module
 */
import { messageOf } from "../../core/mod.ts";
import type { LsoeEventRow, LsoeSessionRow } from "../../http/api.ts";
import { type LsoeEvent, PDU_NAMES, type SessionView } from "../../lsoe/mod.ts";
import { addressRows, labelRows } from "./entry.ts";
import type { Log } from "../log.ts";
import type { Problems } from "../problems.ts";

/** Lines about sessions within {@linkcode SPAN}: whoever is on a cable can cause them. */
const MOST_LINES = 120;
/** In ms. */
const SPAN = 600_000;

/** The name of the node that has an LSOE id, where one is known. */
export type NodeOf = (peerId: string) => string | null;

/** A session as `lsoe sessions` shows it. `now`: monotonic ms; `carrier`: whether its interface carries. */
export function sessionRow(
  session: SessionView,
  now: number,
  nodeOf: NodeOf,
  carrier: boolean,
): LsoeSessionRow {
  const { interface: name, peerMac, peerId, state, since, stale } = session;
  return {
    interface: name,
    peerMac,
    peerId,
    peerNode: nodeOf(peerId),
    state,
    sinceSeconds: Math.max(0, Math.round((now - since) / 100) / 10),
    addresses: addressRows(session),
    labels: labelRows(session),
    stale,
    carrier,
  };
}

/** That the cable of a session was pulled, or is back. */
export function carrierRow(
  { interface: name, peerMac, peerId }: SessionView,
  carrier: boolean,
  at: string,
  nodeOf: NodeOf,
): LsoeEventRow {
  const event = carrier ? "carrier" : "noCarrier";
  return { at, event, interface: name, peerMac, peerId, peerNode: nodeOf(peerId) };
}

/** An event as scripts see it; undefined for what is none of theirs. */
export function eventRow(
  event: LsoeEvent,
  at: string,
  nodeOf: NodeOf,
): LsoeEventRow | undefined {
  const about = ({ interface: name, peerMac, peerId }: SessionView) => ({
    interface: name,
    peerMac,
    peerId,
    peerNode: nodeOf(peerId),
  });
  switch (event.kind) {
    case "opened":
      return { at, event: event.kind, ...about(event.session) };
    case "closed":
      return { at, event: event.kind, ...about(event.session), reason: event.reason };
    case "learned":
      return {
        at,
        event: event.kind,
        ...about(event.session),
        addresses: addressRows(event.session),
        labels: labelRows(event.session),
      };
    case "error":
      return {
        at,
        event: event.kind,
        ...about(event.session),
        direction: event.direction,
        reason: ackText(event.ack),
      };
    case "linkUp":
    case "linkChange":
    case "linkDown": {
      const { remoteId, ipv4, ipv6 } = event.link;
      return {
        at,
        event: event.kind,
        peerId: remoteId,
        peerNode: nodeOf(remoteId),
        pairs: [...ipv4, ...ipv6].map(({ local, remote }) => ({ local, remote })),
      };
    }
    case "macMoved":
      return { at, event: event.kind, peerMac: event.mac, from: event.from, to: event.to };
    case "hopeless":
      return { at, event: event.kind, interface: event.interface, peerMac: event.mac };
    case "rejected":
      return {
        at,
        event: event.kind,
        interface: event.interface,
        peerMac: event.mac,
        reason: event.reason,
      };
    case "listCut":
      return { at, event: event.kind, interface: event.interface, reason: cutText(event) };
    case "hookFailed":
      return undefined;
  }
}

function cutText({ left, type }: Extract<LsoeEvent, { kind: "listCut" }>): string {
  return `${left} of our entries do not fit into one ${PDU_NAMES[type]}`;
}

const ERROR_TYPES = ["no error", "warning", "restart", "hopeless"];
const ERROR_CODES = ["", "link addressing conflict", "authorization failure"];

function ackText(
  { errorType, errorCode, errorHint }: Extract<LsoeEvent, { kind: "error" }>["ack"],
) {
  const type = ERROR_TYPES[errorType] ?? `error type ${errorType}`;
  const code = ERROR_CODES[errorCode] ?? `error code ${errorCode}`;
  return `${type}${code === "" ? "" : `: ${code}`}${errorHint === 0 ? "" : ` (hint ${errorHint})`}`;
}

/** Writes to the log what a person may want to know afterwards, and not without end. */
export class LsoeLog {
  readonly #log: Log;
  readonly #problems: Problems;
  readonly #now: () => number;
  #since = -Infinity;
  #lines = 0;

  /** `now`: monotonic ms. */
  constructor(log: Log, problems: Problems, now: () => number) {
    this.#log = log;
    this.#problems = problems;
    this.#now = now;
  }

  event(event: LsoeEvent, nodeOf: NodeOf): void {
    switch (event.kind) {
      case "opened":
        return this.#say(`${where(event.session, nodeOf)}: session open`);
      case "closed":
        // An attempt that never came to anything is nothing to tell.
        if (event.session.state !== "open") return;
        return this.#say(`${where(event.session, nodeOf)}: session closed: ${event.reason}`);
      case "error": {
        const { direction, ack, session } = event;
        const verb = direction === "received" ? "tells" : "is told";
        return this.#say(`${where(session, nodeOf)} ${verb} an error: ${ackText(ack)}`);
      }
      case "macMoved":
        this.#problems.note(
          `lsoe:moved:${event.to}`,
          `${event.mac} was at ${event.from} and now sends at ${event.to}; its frames there are` +
            " dropped until its session is gone (a loop between two interfaces looks like this)",
        );
        return;
      case "hopeless":
        this.#problems.note(
          `lsoe:hopeless:${event.interface}`,
          `${event.mac} at ${event.interface} refuses LSOE with us for good; look at its log`,
        );
        return;
      case "rejected":
        return this.#say(
          `${event.interface}: frames of ${event.mac} are not taken: ${event.reason}`,
        );
      case "listCut":
        this.#problems.note(
          `lsoe:cut:${event.interface}`,
          `LSOE on ${event.interface}: ${cutText(event)}, and its peers do not hear of them`,
        );
        return;
      case "hookFailed":
        this.#log.error(`LSOE: the hook "${event.hook}" failed: ${messageOf(event.error)}`);
        return;
      case "learned":
      case "linkUp":
      case "linkChange":
      case "linkDown":
        return;
    }
  }

  carrier(session: SessionView, carrier: boolean, nodeOf: NodeOf): void {
    const what = carrier ? "the cable is back" : "the cable is out; the session waits for it";
    this.#say(`${where(session, nodeOf)}: ${what}`);
  }

  #say(line: string): void {
    const now = this.#now();
    if (now - this.#since >= SPAN) {
      this.#since = now;
      this.#lines = 0;
    }
    this.#lines++;
    if (this.#lines <= MOST_LINES) this.#log.info(`LSOE: ${line}`);
    if (this.#lines === MOST_LINES) {
      this.#log.info(
        "LSOE: further sessions are not logged for some minutes; see: agent lsoe watch",
      );
    }
  }
}

function where({ interface: name, peerMac, peerId }: SessionView, nodeOf: NodeOf): string {
  return `${name}: ${nodeOf(peerId) ?? peerMac}`;
}
