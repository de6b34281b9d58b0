/**
 * The routes of the local API as one table: method, path, allowed query parameters, and what they
 * do. Nothing here knows a socket.
 *
 * @module
 */
import { ExitCode } from "../core/errors.ts";
import { parseDuration } from "../core/duration.ts";
import type { AgentApi, Entries, SetReceipt, StateQuery } from "./api.ts";
import { asEntries, nullValue, readEntries, readJson } from "./body.ts";
import { HttpError } from "./errors.ts";
import { messageRoutes } from "./message_routes.ts";
import { nearbyRoutes } from "./nearby_routes.ts";
import { programRoutes } from "./program_routes.ts";
import { CONTENT_TYPE, renderMetrics } from "./prometheus.ts";
import { json } from "./reply.ts";
import type { Route, RouteContext } from "./route.ts";
import { type Topic, TOPICS } from "./streams.ts";
import { taskRoutes } from "./task_routes.ts";

const WHICH = ["network", "node", "prefix", "key"];

/** All routes. */
export const routes: readonly Route[] = [
  get("/v1/status", [], (_, { api }) => json(api.status())),
  get("/v1/nodes", ["network"], ({ query }, { api }) => json(api.nodes(network(query)))),
  get("/v1/peers", ["network"], ({ query }, { api }) => json(api.peers(network(query)))),
  get("/v1/interfaces", [], (_, { api }) => json(api.interfaces())),
  get("/v1/state", WHICH, ({ query }, { api }) => {
    const wanted = stateQuery(query);
    const partial = api.partial(wanted.network).map((reason) => encodeURIComponent(reason));
    // A header, because the shape of the body is what scripts rely on.
    const headers = partial.length === 0 ? {} : { "agent-partial": partial.join(",") };
    return json(api.state(wanted), { headers });
  }),
  get("/v1/links", ["network"], ({ query }, { api }) => json(api.links(network(query)))),
  get("/v1/lsoe/sessions", [], (_, { api }) => json(api.lsoeSessions())),
  get("/v1/ring", [], (_, { api }) => json(api.ring())),
  get("/v1/events", [...WHICH, "snapshot", "topic"], ({ query }, { streams }) => {
    const snapshot = isYes(query.get("snapshot"));
    const topic = topicOf(query);
    return topic === "state"
      ? streams.events({ ...stateQuery(query), snapshot })
      : streams.topic(topic, snapshot);
  }),
  get(
    "/metrics",
    [],
    (_, { api, metrics }) =>
      new Response(renderMetrics([...api.metrics(), ...metrics()]), {
        headers: { "content-type": CONTENT_TYPE },
      }),
  ),
  get("/", [], async () => (await import("./page.ts")).pageResponse()),
  {
    method: "PUT",
    path: "/v1/state/",
    parameters: ["network", "ttl"],
    async answer({ request, rest, query }, { api }) {
      const value = await readJson(request);
      if (value === null) throw nullValue(rest);
      // fromEntries, because a key may be called `__proto__`.
      const entries = Object.fromEntries([[rest, value]]);
      return json(await set(api, query, entries));
    },
  },
  {
    method: "PUT",
    path: "/v1/state",
    parameters: ["network", "ttl"],
    async answer({ request, query }, { api }) {
      return json(await set(api, query, await readEntries(request)));
    },
  },
  {
    method: "DELETE",
    path: "/v1/state/",
    parameters: ["network"],
    answer: ({ rest, query }, { api }) => unset(api, query, [rest]),
  },
  {
    method: "DELETE",
    path: "/v1/state",
    parameters: ["network", "key"],
    answer({ query }, { api }) {
      const keys = query.getAll("key");
      if (keys.length === 0) throw new HttpError(400, "name the keys to remove: ?key=KEY&key=KEY");
      return unset(api, query, keys);
    },
  },
  {
    method: "POST",
    path: "/v1/lease",
    parameters: ["network"],
    async answer({ request, query }, { streams }) {
      const body = asEntries(
        await readJson(request),
        'the body is {"entries": {…}, "ttl": "5m"} and',
      );
      const { entries, ttl, ...others } = body;
      const unknown = Object.keys(others)[0];
      if (unknown !== undefined || entries === undefined) {
        throw new HttpError(
          400,
          `a lease is {"entries": {…}} and perhaps "ttl"${unknown ? `, without "${unknown}"` : ""}`,
        );
      }
      if (ttl !== undefined && typeof ttl !== "string" && typeof ttl !== "number") {
        throw new HttpError(400, 'ttl is a duration such as "5m", or seconds');
      }
      const ttlMs = ttl === undefined ? undefined : positive(String(ttl));
      return streams.lease(network(query), asEntries(entries, "entries"), ttlMs);
    },
  },
  {
    method: "PUT",
    path: "/v1/lease/",
    parameters: [],
    async answer({ request, rest }, { streams }) {
      const lease = streams.updateLease(rest, await readEntries(request));
      return json({ lease: lease.id, ...lease.receipt });
    },
  },
  ...programRoutes,
  ...messageRoutes,
  ...taskRoutes,
  ...nearbyRoutes,
];

function get(path: string, parameters: readonly string[], answer: Route["answer"]): Route {
  return { method: "GET", path, parameters, answer };
}

/** Finds the route of a request and answers it; throws HttpError and AgentError. */
export async function answer(request: Request, context: RouteContext): Promise<Response> {
  const { path, query } = takeApart(request.url);
  const matching = routes.filter((route) => matches(route, path));
  if (matching.length === 0) {
    throw new HttpError(404, `there is no ${path}; see GET /v1/status`, ExitCode.NotThere);
  }
  const isHead = request.method === "HEAD";
  const method = isHead ? "GET" : request.method;
  const route = matching.find((route) => route.method === method);
  if (route === undefined) {
    const allow = [...new Set(matching.map(({ method }) => method))].join(", ");
    throw new HttpError(405, `${path} takes ${allow}, not ${request.method}`, ExitCode.Usage, {
      allow,
    });
  }
  if (isHead && route.path === "/v1/events") {
    throw new HttpError(405, "the event stream takes GET only", ExitCode.Usage, { allow: "GET" });
  }
  for (const name of query.keys()) {
    if (!route.parameters.includes(name)) {
      const known = route.parameters.join(", ") || "none";
      throw new HttpError(400, `unknown parameter "${name}"; ${route.path} takes ${known}`);
    }
  }
  const rest = decode(path.slice(route.path.length));
  const response = await route.answer({ request, rest, query }, context);
  return isHead ? new Response(null, response) : response;
}

function matches(route: Route, path: string): boolean {
  return route.path.endsWith("/") && route.path !== "/"
    ? path.startsWith(route.path) && path.length > route.path.length
    : path === route.path;
}

/**
 * Path and query of a request. By hand, because `URL` would take `/v1/state/..` for `/v1/`, and a
 * key may be called `..`.
 */
function takeApart(url: string): { path: string; query: URLSearchParams } {
  const start = url.indexOf("/", url.indexOf("//") + 2);
  const [target = "/"] = (start < 0 ? "/" : url.slice(start)).split("#");
  const mark = target.indexOf("?");
  return mark < 0
    ? { path: target, query: new URLSearchParams() }
    : { path: target.slice(0, mark), query: new URLSearchParams(target.slice(mark + 1)) };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new HttpError(400, `"${text}" is not URL-encoded UTF-8`);
  }
}

function network(query: URLSearchParams): string | undefined {
  return query.get("network") ?? undefined;
}

function stateQuery(query: URLSearchParams): StateQuery {
  const wanted: StateQuery = {};
  const [name, node, prefix] = [query.get("network"), query.get("node"), query.get("prefix")];
  const keys = query.getAll("key");
  if (name !== null) wanted.network = name;
  if (node !== null) wanted.node = node;
  if (prefix !== null) wanted.prefix = prefix;
  if (keys.length > 0) wanted.keys = keys;
  return wanted;
}

function topicOf(query: URLSearchParams): Topic {
  const [name = "state", ...others] = query.getAll("topic");
  const topic = TOPICS.find((known) => known === name);
  if (topic === undefined || others.length > 0) {
    throw new HttpError(400, `topic is one of ${TOPICS.join(", ")}`);
  }
  const narrowed = WHICH.find((parameter) => query.has(parameter));
  if (topic !== "state" && narrowed !== undefined) {
    throw new HttpError(400, `topic=${topic} takes no ${narrowed}; it is about this computer`);
  }
  return topic;
}

function isYes(text: string | null): boolean {
  if (text === null || text === "0" || text === "false") return false;
  if (text === "" || text === "1" || text === "true") return true;
  throw new HttpError(400, `snapshot is 1 or 0, not "${text}"`);
}

/** `?ttl=5m`; empty or `default` for the configured one. */
function set(
  api: AgentApi,
  query: URLSearchParams,
  entries: Entries,
): SetReceipt | Promise<SetReceipt> {
  const ttl = query.get("ttl");
  if (ttl === null) return api.set(network(query), entries);
  const ttlMs = ttl === "" || ttl === "default" ? "default" : positive(ttl);
  return api.set(network(query), entries, { ttlMs });
}

function positive(ttl: string): number {
  const ms = parseDuration(ttl);
  if (ms <= 0) throw new HttpError(400, "a TTL must be longer than nothing");
  return ms;
}

async function unset(api: AgentApi, query: URLSearchParams, keys: string[]): Promise<Response> {
  const removed = await api.unset(network(query), keys);
  const missing = keys.filter((key) => !removed.includes(key));
  if (removed.length === 0) {
    throw new HttpError(404, `${missing.join(", ")}: not set by this node`, ExitCode.NotThere);
  }
  return json({ removed, missing });
}
