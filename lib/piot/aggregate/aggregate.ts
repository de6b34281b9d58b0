/**
 * Aggregated actions (spec/piot.md §11): one request fanned out to many nodes, their answers gathered
 * into one.
 *
 * An aggregate lives as long as the process: after a restart nobody waits for its answers, and whoever
 * still runs a part of it is told to stop.
 *
 * @module
 */
import { messageOf } from "../../core/mod.ts";
import type { Json } from "../../wire/cbor.ts";
import {
  ACTION_TIMEOUT,
  type ActionResult,
  errorText,
  Status,
  statusName,
} from "../actions/api.ts";
import type { Layer } from "../actions/layer.ts";
import type { Requests } from "../actions/requests.ts";
import { type OkAnswer, type Reducer, type ReducerName, REDUCERS } from "./reduce.ts";
import { resolveTargets, type Target } from "./targets.ts";
import type { Id } from "../fields.ts";

/** Requests open at once. */
const CONCURRENCY = 32;

/** When an aggregate is complete. */
export type AggregateMode = "all" | "any" | "settled" | { readonly quorum: number };

/** What to ask whom. Times in ms. */
export interface AggregateRequest {
  /** Node ids, names, or `tag=value`. */
  readonly targets: readonly string[];
  readonly name: string;
  readonly args: Json;
  /** Default: `all`. */
  readonly mode?: AggregateMode;
  /** Of all. Default: 30 s. */
  readonly timeout?: number;
  readonly concurrency?: number;
  /** true: targets without session get the request when they have one. Default: false. */
  readonly hold?: boolean;
  /** See `RequestOptions.connect`. */
  readonly connect?: number;
  /** Default: `list`. */
  readonly reduce?: ReducerName | Reducer;
  readonly nesting?: number;
}

/** What one node said. */
export interface AggregateAnswer {
  readonly node: string;
  readonly name: string;
  /** "ok", "timeout", …. */
  readonly status: string;
  readonly value?: Json;
  readonly error?: string;
  /** From the request to the answer. */
  readonly ms: number;
}

/** All of them. */
export interface AggregateResult {
  readonly id: Id;
  readonly status: "complete" | "partial" | "failed" | "cancelled";
  /** In the order of the targets. */
  readonly answers: readonly AggregateAnswer[];
  /** The reduction of those that are ok. */
  readonly value: Json;
}

/** Told within the turn. */
export interface AggregateListener {
  answer?(answer: AggregateAnswer): void;
  ended(now: number, result: AggregateResult): void;
}

/** One target of a running aggregate. */
interface Part {
  readonly target: Target;
  started: number;
  corr: Id | undefined;
  answer: AggregateAnswer | undefined;
  value: Json | undefined;
}

interface Running {
  readonly id: Id;
  readonly request: AggregateRequest;
  readonly parts: readonly Part[];
  readonly deadline: number;
  readonly listener: AggregateListener;
}

/** All aggregates of a node. */
export class Aggregator {
  readonly #layer: Layer;
  readonly #requests: Requests;
  readonly #running = new Map<Id, Running>();

  constructor(layer: Layer, requests: Requests) {
    this.#layer = layer;
    this.#requests = requests;
  }

  /** The store refused a turn: what belongs to it is not known any more. */
  load(now: number): void {
    for (const running of [...this.#running.values()]) {
      for (const part of running.parts) {
        if (part.answer) continue;
        const value = "messages cannot be stored";
        this.#answered(now, running, part, { status: Status.Dropped, value });
      }
      this.#end(now, running, undefined);
    }
  }

  start(now: number, request: AggregateRequest, listener: AggregateListener): Id {
    const { node, later } = this.#layer;
    const id = node.newId();
    const parts = resolveTargets(node, request.targets).map((target): Part => ({
      target,
      started: now,
      corr: undefined,
      answer: undefined,
      value: undefined,
    }));
    const deadline = now + (request.timeout ?? ACTION_TIMEOUT);
    const running = { id, request, parts, deadline, listener };
    this.#running.set(id, running);
    later((now) => this.#go(now, running));
    return id;
  }

  /** Ends it now; whether it ran. */
  cancel(now: number, id: Id): boolean {
    const running = this.#running.get(id);
    if (running) this.#end(now, running, Status.Cancelled);
    return running !== undefined;
  }

  get nextWake(): number {
    let earliest = Infinity;
    for (const { deadline } of this.#running.values()) earliest = Math.min(earliest, deadline);
    return earliest;
  }

  wake(now: number): void {
    for (const running of [...this.#running.values()]) {
      if (now >= running.deadline) this.#end(now, running, Status.Timeout);
    }
  }

  /** Asks whom there is room for, or ends. */
  #go(now: number, running: Running): void {
    const { id, request, parts, deadline } = running;
    if (this.#running.get(id) !== running) return;
    if (this.#isDecided(running)) return this.#end(now, running, Status.Cancelled);
    const limit = Math.max(1, request.concurrency ?? CONCURRENCY);
    let open = parts.filter(({ corr, answer }) => corr !== undefined && !answer).length;
    for (const part of parts) {
      if (open >= limit) break;
      if (part.corr !== undefined || part.answer) continue;
      open++;
      part.started = now;
      const left = Math.max(1, Math.ceil(deadline - now));
      const { hold = false, connect } = request;
      part.corr = this.#requests.start(now, part.target.to, request.name, request.args, {
        timeout: left,
        hold,
        ...(hold && { ttl: left }),
        ...(connect !== undefined && { connect: Math.min(connect, left) }),
        group: id,
        nesting: (request.nesting ?? 0) + 1,
      }, {
        durable: false,
        listener: {
          ended: (now, result) => {
            if (this.#running.get(id) !== running) return;
            this.#answered(now, running, part, result);
            this.#layer.later((now) => this.#go(now, running));
          },
        },
      });
    }
  }

  #answered(now: number, { listener }: Running, part: Part, result: ActionResult): void {
    if (part.answer) return;
    const { node, name } = part.target;
    const isOk = result.status === Status.Ok;
    part.answer = {
      node,
      name,
      status: statusName(result.status),
      ...(isOk ? { value: result.value } : { error: errorText(result) }),
      ms: Math.max(0, Math.round(now - part.started)),
    };
    if (isOk) part.value = result.value;
    listener.answer?.(part.answer);
  }

  /** Whether more answers would not change anything. */
  #isDecided({ request, parts }: Running): boolean {
    const { mode = "all" } = request;
    const open = parts.filter(({ answer }) => !answer).length;
    if (open === 0) return true;
    const wanted = wantedOf(mode);
    if (wanted === undefined) return false;
    const ok = parts.filter(isOk).length;
    return ok >= wanted || ok + open < wanted;
  }

  /** @param status of those who have not answered. */
  #end(now: number, running: Running, status: number | undefined): void {
    const { id, request, parts, listener } = running;
    const cancelled = status === Status.Cancelled && !this.#isDecided(running);
    this.#running.delete(id);
    for (const part of parts) {
      if (part.answer) continue;
      if (part.corr !== undefined) this.#requests.abandon(now, part.corr);
      const end = status ?? Status.Cancelled;
      const value = end === Status.Timeout ? "no answer in time" : "not needed any more";
      this.#answered(now, running, part, { status: end, value });
    }
    const ok = parts.filter(isOk).map(({ target: { node }, value = null }): OkAnswer => ({
      node,
      value,
    }));
    const result: AggregateResult = {
      id,
      status: cancelled ? "cancelled" : statusOf(request.mode ?? "all", parts.length, ok.length),
      answers: parts.map(({ answer }) => answer as AggregateAnswer),
      value: this.#reduce(request, ok),
    };
    this.#layer.later((now) => listener.ended(now, result));
  }

  #reduce({ reduce = "list", name }: AggregateRequest, ok: readonly OkAnswer[]): Json {
    const reducer = typeof reduce === "function" ? reduce : REDUCERS[reduce];
    try {
      return reducer(ok);
    } catch (error) {
      this.#layer.node.event({ kind: "handlerError", name, text: messageOf(error) });
      return null;
    }
  }
}

function isOk({ answer }: Part): boolean {
  return answer?.status === statusName(Status.Ok);
}

/** How many ok answers are enough; `undefined` where all are waited for. */
function wantedOf(mode: AggregateMode): number | undefined {
  if (mode === "any") return 1;
  return typeof mode === "object" ? mode.quorum : undefined;
}

function statusOf(mode: AggregateMode, targets: number, ok: number): AggregateResult["status"] {
  if (targets === 0) return "complete";
  const wanted = wantedOf(mode);
  if (wanted !== undefined) return ok >= wanted ? "complete" : "failed";
  if (ok === targets) return "complete";
  return ok > 0 || mode === "settled" ? "partial" : "failed";
}
