/**
 * Routes about messages.
 *
 * @module
 */
import { parseDuration } from "../core/duration.ts";
import { ExitCode } from "../core/errors.ts";
import type { JsonValue } from "./api.ts";
import { isObject, readJson, readJsonLines } from "./body.ts";
import { HttpError } from "./errors.ts";
import type { SendRequest } from "./messages_api.ts";
import { json } from "./reply.ts";
import type { Route } from "./route.ts";

/** A body: a few messages of the usual largest size, in base64. */
const MAX_BYTES = 8 * 1_048_576;
/** Messages in one request. */
const MOST_MESSAGES = 10_000;
/** Messages in one answer. */
const MOST_ANSWERED = 1_000;
/** The longest that a request may wait for confirmations, and for the inbox, in ms. */
const LONGEST_WAIT = 600_000;
const LONGEST_POLL = 30_000;

export const messageRoutes: readonly Route[] = [
  {
    method: "POST",
    path: "/v1/messages",
    parameters: ["wait"],
    async answer({ request, query }, { api }) {
      const value = isLines(request)
        ? await readJsonLines(request, MAX_BYTES)
        : await readJson(request, MAX_BYTES);
      const list = Array.isArray(value) ? value : [value];
      if (list.length > MOST_MESSAGES) {
        throw new HttpError(413, `${list.length} messages; ${MOST_MESSAGES} go into one request`);
      }
      const receipts = await api.messages.send(list.map(messageOf), waitOf(query));
      return json(Array.isArray(value) ? receipts : receipts[0]);
    },
  },
  {
    method: "GET",
    path: "/v1/messages",
    parameters: ["limit", "wait"],
    async answer({ query }, { api }) {
      const limit = Math.min(MOST_ANSWERED, numberOf(query.get("limit") ?? String(MOST_ANSWERED)));
      return json(await api.messages.inbox(limit, Math.min(waitOf(query), LONGEST_POLL)));
    },
  },
  {
    method: "DELETE",
    path: "/v1/messages/",
    parameters: [],
    answer: ({ rest }, { api }) => take(api.messages.take([rest]), [rest]),
  },
  {
    method: "DELETE",
    path: "/v1/messages",
    parameters: ["key"],
    answer({ query }, { api }) {
      const keys = query.getAll("key");
      if (keys.length === 0) {
        throw new HttpError(400, "name the messages to remove: ?key=LINK/ID&key=LINK/ID");
      }
      return take(api.messages.take(keys), keys);
    },
  },
  {
    method: "GET",
    path: "/v1/outbox",
    parameters: [],
    answer: (_, { api }) => json(api.messages.outbox()),
  },
  {
    method: "DELETE",
    path: "/v1/outbox/undelivered",
    parameters: ["notice"],
    async answer({ query }, { api }) {
      const notices = query.getAll("notice").map(numberOf);
      const removed = await api.messages.dismiss(notices.length === 0 ? undefined : notices);
      return json({ removed });
    },
  },
  {
    method: "GET",
    path: "/v1/piot/links",
    parameters: [],
    answer: (_, { api }) => json(api.messages.links()),
  },
  {
    method: "DELETE",
    path: "/v1/piot/links/",
    parameters: [],
    answer: async ({ rest }, { api }) => json(await api.messages.changeLink(rest, "forget")),
  },
  {
    method: "PUT",
    path: "/v1/piot/links/",
    parameters: [],
    async answer({ request, rest }, { api }) {
      const value = await readJson(request);
      const change = isObject(value) ? value.change : undefined;
      if (change !== "approve" && change !== "block" && change !== "unblock") {
        throw new HttpError(400, 'the body is {"change": "approve"}, "block" or "unblock"');
      }
      return json(await api.messages.changeLink(rest, change));
    },
  },
];

async function take(taking: Promise<string[]>, keys: readonly string[]): Promise<Response> {
  const removed = await taking;
  const missing = keys.filter((key) => !removed.includes(key));
  if (removed.length === 0) {
    throw new HttpError(404, `${missing[0]}: not in the inbox`, ExitCode.NotThere);
  }
  return json({ removed, missing });
}

function isLines(request: Request): boolean {
  return /ndjson|jsonl/.test(request.headers.get("content-type") ?? "");
}

const FIELDS = ["to", "text", "body", "base64", "name", "type", "ttl", "hold"];

/** A message as it stands in a request. */
function messageOf(value: JsonValue): SendRequest {
  if (!isObject(value)) {
    throw new HttpError(400, 'a message is {"to": NODE, "text": …}, or "body" with a JSON value');
  }
  const unknown = Object.keys(value).find((name) => !FIELDS.includes(name));
  if (unknown !== undefined) {
    throw new HttpError(400, `unknown field "${unknown}"; a message has ${FIELDS.join(", ")}`);
  }
  const text = (name: string) => {
    const field = value[name];
    if (field === undefined || typeof field === "string") return field;
    throw new HttpError(400, `"${name}" is a text`);
  };
  const to = text("to");
  if (to === undefined || to === "") throw new HttpError(400, 'name the node: "to"');
  const bodies = ["text", "body", "base64"].filter((name) => value[name] !== undefined);
  if (bodies.length !== 1) {
    throw new HttpError(400, 'a message has one of "text", "body" and "base64"');
  }
  const { hold, ttl, body } = value;
  if (hold !== undefined && typeof hold !== "boolean") {
    throw new HttpError(400, '"hold" is true or false');
  }
  if (ttl !== undefined && typeof ttl !== "string" && typeof ttl !== "number") {
    throw new HttpError(400, '"ttl" is a duration such as "5m", or seconds');
  }
  const message: SendRequest = { to };
  for (const name of ["text", "base64", "name", "type"] as const) {
    const field = text(name);
    if (field !== undefined) message[name] = field;
  }
  if (body !== undefined) message.body = body;
  if (hold !== undefined) message.hold = hold;
  if (ttl !== undefined) message.ttlMs = parseDuration(String(ttl));
  return message;
}

function waitOf(query: URLSearchParams): number {
  const wait = query.get("wait");
  return wait === null ? 0 : Math.min(LONGEST_WAIT, Math.max(0, parseDuration(wait)));
}

function numberOf(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new HttpError(400, `"${text}" is no number`);
  return Number(text);
}
