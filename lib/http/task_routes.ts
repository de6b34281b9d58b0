/**
 * Routes about calls and plans.
 *
 * @module
 */
import { parseDuration } from "../core/duration.ts";
import type { JsonValue } from "./api.ts";
import { isObject, readJson } from "./body.ts";
import { HttpError } from "./errors.ts";
import { json } from "./reply.ts";
import type { Route } from "./route.ts";
import type { CallRequest } from "./tasks_api.ts";

/** Arguments, or a plan, as JSON. */
const MAX_BYTES = 4 * 1_048_576;
const MOST_TARGETS = 1_024;

export const taskRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/actions",
    parameters: [],
    answer: (_, { api }) => json(api.tasks.actions()),
  },
  {
    method: "POST",
    path: "/v1/calls",
    parameters: [],
    answer: async ({ request }, { api }) =>
      json(await api.tasks.call(callOf(await readJson(request, MAX_BYTES)))),
  },
  {
    method: "GET",
    path: "/v1/plans",
    parameters: [],
    answer: (_, { api }) => json(api.tasks.plans()),
  },
  {
    method: "POST",
    path: "/v1/plans",
    parameters: [],
    answer: async ({ request }, { api }) =>
      json(await api.tasks.start(await readJson(request, MAX_BYTES))),
  },
  {
    method: "GET",
    path: "/v1/plans/",
    parameters: [],
    answer: ({ rest }, { api }) => json(api.tasks.plan(rest)),
  },
  {
    method: "DELETE",
    path: "/v1/plans/",
    parameters: [],
    answer: async ({ rest }, { api }) => json(await api.tasks.cancel(rest)),
  },
];

const FIELDS = ["targets", "action", "args", "timeout", "mode", "hold"];

function callOf(value: JsonValue): CallRequest {
  if (!isObject(value)) {
    throw new HttpError(400, 'a call is {"targets": [NODE, …], "action": NAME}');
  }
  const unknown = Object.keys(value).find((name) => !FIELDS.includes(name));
  if (unknown !== undefined) {
    throw new HttpError(400, `unknown field "${unknown}"; a call has ${FIELDS.join(", ")}`);
  }
  const { targets, action, args = null, timeout, mode, hold } = value;
  const isText = (item: unknown): item is string => typeof item === "string" && item !== "";
  if (!Array.isArray(targets) || !targets.every(isText) || targets.length > MOST_TARGETS) {
    throw new HttpError(400, `"targets" is a list of at most ${MOST_TARGETS} nodes`);
  }
  if (!isText(action)) throw new HttpError(400, 'name the action: "action"');
  if (hold !== undefined && typeof hold !== "boolean") {
    throw new HttpError(400, '"hold" is true or false');
  }
  const request: CallRequest = { targets, action, args };
  if (hold !== undefined) request.hold = hold;
  if (mode !== undefined) request.mode = modeOf(mode);
  if (timeout !== undefined) {
    if (typeof timeout !== "string" && typeof timeout !== "number") {
      throw new HttpError(400, '"timeout" is a duration such as "5s", or seconds');
    }
    request.timeoutMs = parseDuration(String(timeout));
    if (request.timeoutMs <= 0) throw new HttpError(400, '"timeout" is longer than nothing');
  }
  return request;
}

function modeOf(mode: JsonValue): NonNullable<CallRequest["mode"]> {
  if (mode === "all" || mode === "any" || mode === "settled") return mode;
  const quorum = isObject(mode) ? mode.quorum : undefined;
  if (typeof quorum === "number" && Number.isSafeInteger(quorum) && quorum > 0) return { quorum };
  throw new HttpError(400, '"mode" is "all", "any", "settled", or {"quorum": N}');
}
