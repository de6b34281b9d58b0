/**
 * Routes about services nearby.
 *
 * @module
 */
import { parseDuration } from "../core/duration.ts";
import { ExitCode } from "../core/errors.ts";
import type { JsonValue } from "./api.ts";
import { isObject, readJson } from "./body.ts";
import { HttpError } from "./errors.ts";
import type { AdvertiseRequest } from "./nearby_api.ts";
import { json } from "./reply.ts";
import type { Route } from "./route.ts";

/** The longest that a request may wait for a service, in ms. */
const LONGEST_WAIT = 600_000;

export const nearbyRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/services",
    parameters: [],
    answer: async (_, { api }) => json(await api.nearby.services()),
  },
  {
    method: "GET",
    path: "/v1/services/",
    parameters: ["wait"],
    async answer({ rest, query }, { api }) {
      const wait = query.get("wait");
      const waitMs = wait === null ? 0 : Math.min(LONGEST_WAIT, Math.max(0, parseDuration(wait)));
      const found = await api.nearby.discover(rest, waitMs);
      if (found === undefined) {
        throw new HttpError(404, `nobody advertises ${JSON.stringify(rest)}`, ExitCode.NotThere);
      }
      return json(found);
    },
  },
  {
    method: "PUT",
    path: "/v1/services/",
    parameters: [],
    answer: async ({ request, rest }, { api }) =>
      json(await api.nearby.advertise(requestOf(rest, await readJson(request)))),
  },
  {
    method: "DELETE",
    path: "/v1/services/",
    parameters: [],
    async answer({ rest }, { api }) {
      if (await api.nearby.unadvertise(rest)) return json({ removed: [rest] });
      throw new HttpError(
        404,
        `${JSON.stringify(rest)} is not advertised by this node`,
        ExitCode.NotThere,
      );
    },
  },
  {
    method: "POST",
    path: "/v1/news/",
    parameters: [],
    async answer({ request, rest }, { api }) {
      const { topic, data = null, ...others } = fields(await readJson(request));
      if (typeof topic !== "string" || Object.keys(others).length > 0) {
        throw new HttpError(400, 'news are {"topic": text, "data": value}');
      }
      return json(await api.nearby.publish(rest, topic, data));
    },
  },
];

function requestOf(name: string, value: JsonValue): AdvertiseRequest {
  const { address = null, ttl = 20, failIfExists = false, ...others } = fields(value);
  const unknown = Object.keys(others)[0];
  if (unknown !== undefined) {
    throw new HttpError(
      400,
      `unknown field "${unknown}"; a service has address, ttl, failIfExists`,
    );
  }
  if (typeof address !== "string" && typeof address !== "number" && address !== null) {
    throw new HttpError(400, '"address" is a text such as "192.168.1.5:5000", or a port');
  }
  if (typeof failIfExists !== "boolean") {
    throw new HttpError(400, '"failIfExists" is true or false');
  }
  if (typeof ttl !== "string" && typeof ttl !== "number" && ttl !== null) {
    throw new HttpError(400, '"ttl" is a duration such as "20s", seconds, or null: for ever');
  }
  const ttlSeconds = ttl === null ? null : parseDuration(String(ttl)) / 1_000;
  if (ttlSeconds !== null && ttlSeconds <= 0) {
    throw new HttpError(400, "a TTL must be longer than nothing");
  }
  return { name, ...(address !== null && { address: `${address}` }), ttlSeconds, failIfExists };
}

function fields(value: JsonValue): { [key: string]: JsonValue } {
  if (isObject(value)) return value;
  throw new HttpError(400, "the body is a JSON object: {}");
}
