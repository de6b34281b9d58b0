/**
 * Messages, links and events as the local API shows them, and bodies as they travel.
 *
 * @module
 */
import { AgentError, ExitCode, messageOf } from "../../core/mod.ts";
import type {
  HeaderView,
  InboxRow,
  JsonValue,
  LinkView as LinkRow,
  MessageEvent,
  NoticeRow,
  OutboxRow,
  SendRequest,
} from "../../http/api.ts";
import {
  CBOR_BODY,
  CloseCode,
  type Header,
  type LinkView,
  type Message,
  MessageKind,
  type Notice,
  type OutboxView,
  type PiotEvent,
} from "../../piot/mod.ts";
import { MAX_TIME } from "../../state/mod.ts";
import { decodeCbor, encodeCbor } from "../../wire/mod.ts";

const TEXT = /^text\//;
const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json\b/;
/** In CLOSE codes the first are small; names for people. */
const CLOSE_NAMES = new Map(
  Object.entries(CloseCode).map(([name, code]) => [
    code as number,
    name.replace(/(?<=.)[A-Z]/g, (letter) => `-${letter}`).toLowerCase(),
  ]),
);

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/**
 * Header and body of what is to be sent. `like`: a header that was made before, which is taken again
 * where it says the same.
 *
 * @throws {AgentError} exit 2.
 */
export function encodeMessage(
  request: SendRequest,
  wall: number,
  like?: Header,
): { header: Header; body: Uint8Array } {
  const { body, text, base64, name } = request;
  const type = request.type ??
    (text !== undefined
      ? "text/plain"
      : base64 !== undefined
      ? "application/octet-stream"
      : undefined);
  const told = type === CBOR_BODY ? undefined : type;
  const created = Math.floor(wall);
  const isAlike = like?.created === created && like.name === name && like.type === told;
  const header: Header = isAlike ? like : {
    kind: MessageKind.Data,
    ...(name !== undefined && { name }),
    created,
    ...(told !== undefined && { type: told }),
  };
  if (text !== undefined) return { header, body: encoder.encode(text) };
  if (base64 !== undefined) return { header, body: bytesOf(base64) };
  if (type !== undefined && JSON_TYPE.test(type)) {
    return { header, body: encoder.encode(JSON.stringify(body)) };
  }
  try {
    return { header, body: encodeCbor(body as JsonValue) };
  } catch (cause) {
    throw new AgentError(`the body: ${messageOf(cause)}`, ExitCode.Usage, { cause });
  }
}

function bytesOf(base64: string): Uint8Array {
  try {
    return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  } catch (cause) {
    throw new AgentError('"base64" is not base64', ExitCode.Usage, { cause });
  }
}

/** A body as JSON can tell it: see `MessageRow`. */
export function bodyValue({ type = CBOR_BODY }: Header, body: Uint8Array): JsonValue {
  try {
    if (type === CBOR_BODY) return body.length === 0 ? null : decodeCbor(body);
    if (TEXT.test(type)) return decoder.decode(body);
    if (JSON_TYPE.test(type)) return JSON.parse(decoder.decode(body));
  } catch {
    // Not what its type says: its bytes, then.
  }
  return body.toBase64();
}

function headerView(header: Header): HeaderView {
  const { name, type, created, origin, original, hops } = header;
  return {
    ...(name !== undefined && { name }),
    ...(type !== undefined && { type }),
    ...(created !== undefined && created < MAX_TIME && { created: isoTime(created) }),
    ...(origin !== undefined && { origin }),
    ...(original !== undefined && { original }),
    ...(hops !== undefined && { hops }),
  };
}

/** ms since 1970 as ISO 8601. */
export function isoTime(ms: number): string {
  return new Date(Math.min(ms, MAX_TIME)).toISOString();
}

/** Names a received message at this agent. */
export function keyOf({ link, id }: Pick<Message, "link" | "id">): string {
  return `${link}/${id}`;
}

export function inboxRow(message: Message, from: string): InboxRow {
  const { id, received, header, body } = message;
  return {
    id,
    from,
    at: isoTime(received),
    header: headerView(header),
    body: bodyValue(header, body),
    key: keyOf(message),
  };
}

export function outboxRow(entry: OutboxView, to: string): OutboxRow {
  const { id, state, created, expires, body, header } = entry;
  return {
    id,
    to,
    state,
    since: isoTime(created),
    expires: isoTime(expires),
    bytes: body.length,
    ...(header.name !== undefined && { name: header.name }),
  };
}

export function noticeRow({ at, id, name, reason, when }: Notice): NoticeRow {
  return { notice: at, id, to: name, reason, at: isoTime(when) };
}

export function linkRow(link: LinkView, name: string): LinkRow {
  return {
    link: link.link,
    id: link.peer ?? "",
    name,
    state: link.state,
    waiting: link.waiting,
    waitingBytes: link.waitingBytes,
    addresses: [...link.addresses],
  };
}

/** What the event stream shows of an event; `undefined` where that is nothing. */
export function eventRow(
  event: PiotEvent,
  wall: number,
  nameOf: (link: LinkView | number) => string,
): MessageEvent | undefined {
  const at = isoTime(wall);
  switch (event.kind) {
    case "message": {
      const node = nameOf(event.message.link);
      return { event: "message", ...inboxRow(event.message, node), node };
    }
    case "confirmed":
      return { event: "confirmed", at, node: nameOf(event.link), id: event.id };
    case "refused":
    case "dropped": {
      const { kind, link, id, reason } = event;
      return { event: kind, at, node: nameOf(link), id, reason };
    }
    case "linkRequested":
    case "linked":
    case "linkRemoved":
    case "sessionUp":
      return { event: event.kind, at, node: nameOf(event.link) };
    case "sessionDown":
      return { event: event.kind, at, node: nameOf(event.link), reason: closeName(event.code) };
    default:
      return undefined;
  }
}

/** A CLOSE code for people: `going-away`. */
export function closeName(code: number): string {
  return CLOSE_NAMES.get(code) ?? `code ${code}`;
}
