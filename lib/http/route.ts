/**
 * What a route of the local API is made of.
 *
 * @module
 */
import type { AgentApi, Metric } from "./api.ts";
import type { Streams } from "./streams.ts";

/** A request after its address was taken apart. */
export interface Call {
  readonly request: Request;
  /** What stands behind the route's path, decoded: a key, a lease. */
  readonly rest: string;
  readonly query: URLSearchParams;
}

/** What the routes work on. */
export interface RouteContext {
  readonly api: AgentApi;
  readonly streams: Streams;
  /** Metrics of the local API itself. */
  metrics(): Metric[];
}

/** One row of the table. */
export interface Route {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  /** Ends in `/` where something follows. */
  readonly path: string;
  readonly parameters: readonly string[];
  answer(call: Call, context: RouteContext): Response | Promise<Response>;
}
