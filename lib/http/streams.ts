/**
 * The open responses of the local API: the event stream and leases. All are counted, kept alive, and
 * ended when the server closes.
 *
 * @module
 */
import { ExitCode } from "../core/errors.ts";
import { LONGEST_SLEEP } from "../core/scheduler.ts";
import type { AgentApi, Entries, Lease, StateEvent, StateQuery, StateTree } from "./api.ts";
import { HttpError } from "./errors.ts";
import { Outlet, type OutletOptions } from "./stream.ts";

/** Open responses at the most. */
const MAX_STREAMS = 256;
/** A sign of life down every stream, so that a half-dead TCP connection is noticed. In ms. */
const HEARTBEAT = 15_000;

/** What an event stream is about: the shared state, the cables, the interfaces, or messages. */
export const TOPICS = ["state", "lsoe", "interfaces", "messages"] as const;
export type Topic = typeof TOPICS[number];

/** Which changes a reader of the event stream wants. */
export interface EventQuery extends StateQuery {
  /** Begin with everything that is there, as events `set`. */
  snapshot: boolean;
}

/** All open responses of one server. */
export class Streams {
  readonly #api: AgentApi;
  /** Each with its sign of life. */
  readonly #open = new Map<Outlet, string>();
  readonly #leases = new Map<string, Lease>();
  #heartbeat: ReturnType<typeof setInterval> | undefined;
  #closed = false;
  /** Readers that were too slow, since the start. */
  dropped = 0;

  constructor(api: AgentApi) {
    this.#api = api;
  }

  get open(): number {
    return this.#open.size;
  }

  get leases(): number {
    return this.#leases.size;
  }

  /** `GET /v1/events`. */
  events(query: EventQuery): Response {
    // Subscribing and reading happen in one turn, so no change falls between them, and none is
    // told twice (AgentApi.subscribe).
    const unsubscribe = this.#api.subscribe(query.network, (event) => {
      if (isWanted(event, query)) outlet.push(line(event));
    });
    const outlet = this.#eventOutlet(
      unsubscribe,
      () => stateLines(query.snapshot ? this.#api.state(query) : {}),
    );
    return eventResponse(outlet);
  }

  /** `GET /v1/events?topic=…` for what is not the shared state. */
  topic(topic: Exclude<Topic, "state">, snapshot: boolean): Response {
    const push = (event: object) => outlet.push(line(event));
    const unsubscribe = this.#subscribe(topic, push);
    const outlet = this.#eventOutlet(
      unsubscribe,
      () => snapshot ? lines(this.#present(topic)) : [],
    );
    return eventResponse(outlet);
  }

  #subscribe(topic: Exclude<Topic, "state">, push: (event: object) => void): () => void {
    if (topic === "messages") return this.#api.messages.subscribe(push);
    return topic === "lsoe" ? this.#api.subscribeLsoe(push) : this.#api.subscribeInterfaces(push);
  }

  #present(topic: Exclude<Topic, "state">): Iterable<object> {
    const at = new Date().toISOString();
    if (topic === "messages") return this.#api.messages.present();
    if (topic === "interfaces") {
      return this.#api.interfaces().map((row) => ({ event: "present", at, ...row }));
    }
    return this.#api.lsoeSessions().map(({ sinceSeconds, stale, carrier, ...row }) => ({
      event: "present",
      at: new Date(Date.now() - sinceSeconds * 1_000).toISOString(),
      ...row,
      ...(stale && { stale }),
      ...(!carrier && { carrier }),
    }));
  }

  /** The outlet of an event stream: the present, one `ready`, and then what happens. */
  #eventOutlet(unsubscribe: () => void, present: () => Iterable<string>): Outlet {
    let first: Iterator<string>;
    try {
      first = andReady(present());
    } catch (error) {
      unsubscribe();
      throw error;
    }
    return this.#track(": alive\n\n", {
      first,
      onSlow: `event: dropped\ndata: {"error":"the reader was too slow"}\n\n`,
      onEnd: unsubscribe,
    });
  }

  /** `POST /v1/lease`: its entries live until the client closes the response, or the TTL ends. */
  lease(network: string | undefined, entries: Entries, ttlMs: number | undefined): Response {
    this.#checkRoom();
    const lease = this.#api.lease(network, entries, ttlMs);
    this.#leases.set(lease.id, lease);
    const outlet = this.#track("\n", {
      onEnd: () => {
        clearTimeout(timer);
        this.#leases.delete(lease.id);
        lease.release();
      },
    });
    const timer = ttlMs === undefined
      ? undefined
      : setTimeout(() => outlet.close(), Math.min(ttlMs, LONGEST_SLEEP));
    outlet.push(`${JSON.stringify({ lease: lease.id, ...lease.receipt })}\n`);
    return new Response(outlet.body, {
      headers: { "content-type": "application/x-ndjson", "cache-control": "no-store" },
    });
  }

  /** `PUT /v1/lease/ID`: replaces the entries of an open lease. */
  updateLease(id: string, entries: Entries): Lease {
    const lease = this.#leases.get(id);
    if (lease === undefined) {
      throw new HttpError(404, `there is no lease ${JSON.stringify(id)}`, ExitCode.NotThere);
    }
    lease.update(entries);
    return lease;
  }

  /** Ends all streams; leases are released. */
  close(): void {
    this.#closed = true;
    for (const outlet of [...this.#open.keys()]) outlet.close();
  }

  #checkRoom(): void {
    if (this.#closed) throw new HttpError(503, "the agent is stopping", ExitCode.Unreachable);
    if (this.#open.size >= MAX_STREAMS) {
      throw new HttpError(
        503,
        `${MAX_STREAMS} event streams and leases are open already; close one`,
        ExitCode.Refused,
      );
    }
  }

  #track(alive: string, options: OutletOptions): Outlet {
    try {
      this.#checkRoom();
    } catch (error) {
      options.onEnd("server");
      throw error;
    }
    const outlet = new Outlet({
      ...options,
      onEnd: (why) => {
        if (why === "slow") this.dropped++;
        this.#open.delete(outlet);
        if (this.#open.size === 0) clearInterval(this.#heartbeat);
        options.onEnd(why);
      },
    });
    if (this.#open.size === 0) {
      this.#heartbeat = setInterval(() => {
        for (const [outlet, alive] of [...this.#open]) outlet.push(alive);
      }, HEARTBEAT);
    }
    this.#open.set(outlet, alive);
    return outlet;
  }
}

function eventResponse({ body }: Outlet): Response {
  return new Response(body, {
    headers: { "content-type": "text/event-stream", "cache-control": "no-store" },
  });
}

function* lines(events: Iterable<object>): Generator<string, void> {
  for (const event of events) yield line(event);
}

function line(event: object): string {
  return `data: ${JSON.stringify(event)}\n\n`;
}

/** The present as events. */
function* stateLines(tree: StateTree): Generator<string, void> {
  for (const [node, entries] of Object.entries(tree)) {
    for (const [key, { value, at }] of Object.entries(entries)) {
      yield line({ node, key, value, at, event: "set" });
    }
  }
}

/** From `ready` on it is live. */
function* andReady(present: Iterable<string>): Generator<string, void> {
  yield* present;
  yield "event: ready\ndata: {}\n\n";
}

function isWanted({ node, key }: StateEvent, query: StateQuery): boolean {
  if (query.node !== undefined && node !== query.node) return false;
  if (query.prefix === undefined && query.keys === undefined) return true;
  return (query.prefix !== undefined && key.startsWith(query.prefix)) ||
    query.keys?.includes(key) === true;
}
