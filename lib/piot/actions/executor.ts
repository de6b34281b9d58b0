/**
 * Actions that we execute, for peers and for ourselves (spec/piot.md §9).
 *
 * @module
 */
import { AgentError, messageOf } from "../../core/mod.ts";
import { WireError } from "../../wire/bytes.ts";
import type { Json } from "../../wire/cbor.ts";
import {
  type Abort,
  ACTION_TIMEOUT,
  type ActionCall,
  type ActionHandler,
  type ActionResult,
  decodeBody,
  encodeBody,
  LOCAL,
  readResult,
  Status,
} from "./api.ts";
import type { Layer } from "./layer.ts";
import type { Message } from "../api.ts";
import type { Id } from "../fields.ts";
import { CBOR_BODY, MessageKind } from "../header.ts";
import { keys, resultRecord, runningRecord } from "../records.ts";

/** Results are kept so long, in ms, and so many of each link, with so many octets. */
const RESULT_AGE = 600_000;
const MOST_RESULTS = 256;
const MOST_RESULT_BYTES = 4 * 1_048_576;
/** Actions of one link at a time. */
const MOST_RUNNING = 256;
/** Longest time that a request may ask for, in ms. */
const LONGEST = 24 * 3_600_000;

/** A request as it came. */
interface Asked {
  readonly link: number;
  readonly corr: Id;
  readonly peer: Id;
  readonly name: string;
  readonly args: Uint8Array;
  readonly timeout: number;
  readonly group: Id | undefined;
  readonly origin?: Id | undefined;
  readonly nesting: number;
}

/** A request that is executed. */
interface Running {
  readonly link: number;
  readonly corr: Id;
  readonly name: string;
  readonly deadline: number;
  abort: Abort | void;
}

/** A result as it was sent. */
interface Stored {
  readonly status: number;
  readonly body: Uint8Array;
  readonly when: number;
}

/** What is known of a request of a peer's. */
export type Known =
  | { readonly state: "running" | "unknown" }
  | { readonly state: "result"; readonly result: ActionResult };

/** All that this node executes. */
export class Executor {
  readonly #layer: Layer;
  readonly #handlers: ReadonlyMap<string, ActionHandler>;
  /** Where results of our own requests go. */
  readonly #own: {
    result(now: number, link: number, corr: Id, status: number, body: Uint8Array): void;
    progress(link: number, corr: Id, body: Uint8Array): void;
  };
  /** Link → correlation id → what runs. */
  readonly #running = new Map<number, Map<Id, Running>>();
  readonly #results = new Map<number, Map<Id, Stored>>();
  #earliest = Infinity;
  #pruneAt = Infinity;

  constructor(
    layer: Layer,
    handlers: ReadonlyMap<string, ActionHandler>,
    own: {
      result(now: number, link: number, corr: Id, status: number, body: Uint8Array): void;
      progress(link: number, corr: Id, body: Uint8Array): void;
    },
  ) {
    this.#layer = layer;
    this.#handlers = handlers;
    this.#own = own;
  }

  /** What the store knows. What nobody executes any more is answered as lost. @throws {WireError} */
  load(now: number): void {
    const { node } = this.#layer;
    const before = new Map([...this.#running].map(([link, runs]) => [link, new Map(runs)]));
    this.#running.clear();
    this.#results.clear();
    for (const link of [LOCAL, ...node.links().map(({ link }) => link)]) {
      const stored = [...node.store.scan(keys.results(link))]
        .map(([key, value]) => ({ corr: corrOf(key), result: resultRecord.decode(value) }))
        .sort((a, b) => a.result.when - b.result.when);
      for (const { corr, result } of stored) this.#keep(now, link, corr, result);
      for (const [key, value] of node.store.scan(keys.running(link))) {
        const corr = corrOf(key);
        const { name } = runningRecord.decode(value);
        const live = before.get(link)?.get(corr);
        const running = { link, corr, name, deadline: now, abort: undefined };
        this.#add(live ?? running);
        if (!live) this.#finish(now, running, lost());
      }
    }
  }

  /** A request of a peer's. Why it is refused, or `undefined`. */
  request(now: number, { link, peer, header, body }: Message): string | undefined {
    const { correlation: corr = "", name, type, timeout, group, nesting = 0, origin } = header;
    if (name === undefined) return "a request without the name of its action";
    if (this.#running.get(link)?.has(corr)) return undefined;
    const stored = this.#results.get(link)?.get(corr);
    if (stored) {
      this.#send(now, link, corr, stored);
      return undefined;
    }
    const run: Running = { link, corr, name, deadline: now, abort: undefined };
    if (type !== undefined && type !== CBOR_BODY) {
      const value = `arguments are to be ${CBOR_BODY}`;
      this.#answer(now, run, { status: Status.Refused, value });
      return undefined;
    }
    this.#accept(now, {
      link,
      corr,
      peer,
      origin,
      name,
      args: body.slice(),
      timeout: Math.min(Math.max(1, timeout ?? ACTION_TIMEOUT), LONGEST),
      group,
      nesting,
    });
    return undefined;
  }

  /** A request of our own. */
  local(
    now: number,
    corr: Id,
    request: Pick<Asked, "name" | "args" | "timeout" | "group" | "nesting">,
  ): void {
    this.#accept(now, { link: LOCAL, corr, peer: this.#layer.node.id, ...request });
  }

  #accept(now: number, asked: Asked): void {
    const { link, corr, name } = asked;
    const run: Running = { link, corr, name, deadline: now + asked.timeout, abort: undefined };
    const handler = this.#handlers.get(name);
    const fail = (status: number, value: string) => this.#answer(now, run, { status, value });
    if (!handler) return fail(Status.UnknownAction, `"${name}" is not known here`);
    if ((this.#running.get(link)?.size ?? 0) >= MOST_RUNNING) {
      return fail(Status.Refused, `${MOST_RUNNING} actions of yours are running here`);
    }
    let args: Json;
    try {
      args = decodeBody(asked.args);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      return fail(Status.Error, `arguments: ${error.message}`);
    }
    this.#add(run);
    const { turn } = this.#layer.node;
    turn.put(keys.runs(link, corr), runningRecord.encode({ name }));
    // Not before it is on the disk that it began: so nothing is executed twice.
    turn.then(() => this.#start(now, run, handler, asked, args));
  }

  #start(now: number, run: Running, handler: ActionHandler, asked: Asked, args: Json): void {
    if (!this.#runs(run)) return;
    const { corr, link, peer, origin, name, timeout, group, nesting } = asked;
    const call: ActionCall = {
      id: corr,
      link,
      peer,
      name,
      args,
      timeout,
      ...(origin !== undefined && { origin }),
      ...(group !== undefined && { group }),
      nesting,
      progress: (now, value) => this.#progress(now, run, value),
      finish: (now, result) => this.#finish(now, run, result),
    };
    try {
      const abort = handler(now, call);
      if (this.#runs(run)) run.abort = abort;
    } catch (error) {
      this.#handlerError(name, error);
      this.#finish(now, run, { status: Status.Error, value: messageOf(error) });
    }
  }

  /** A peer, or we ourselves, want it to stop. */
  cancel(now: number, link: number, corr: Id): void {
    const run = this.#running.get(link)?.get(corr);
    if (run) this.#stop(now, run, "cancelled", { status: Status.Cancelled, value: "cancelled" });
  }

  query(link: number, corr: Id): Known {
    if (this.#running.get(link)?.has(corr)) return { state: "running" };
    const stored = this.#results.get(link)?.get(corr);
    if (!stored) return { state: "unknown" };
    return { state: "result", result: readResult(stored.status, stored.body) };
  }

  /** Requests of this link that were accepted and not answered. */
  running(link: number): Id[] {
    return [...this.#running.get(link)?.keys() ?? []];
  }

  /** How many run, of all links. */
  get count(): number {
    return [...this.#running.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** A clean slate, or a link that goes: what runs for it is of no use, and results are discarded. */
  reset(now: number, link: number, why: "reset" | "forgotten"): void {
    const { turn } = this.#layer.node;
    for (const run of [...this.#running.get(link)?.values() ?? []]) {
      this.#remove(run);
      this.#abort(now, run, why);
    }
    for (const corr of this.#results.get(link)?.keys() ?? []) turn.remove(keys.result(link, corr));
    this.#results.delete(link);
  }

  get nextWake(): number {
    return Math.min(this.#earliest, this.#pruneAt);
  }

  wake(now: number): void {
    if (now >= this.#pruneAt) {
      this.#pruneAt = Infinity;
      for (const link of [...this.#results.keys()]) this.#prune(now, link);
    }
    if (now < this.#earliest) return;
    this.#earliest = Infinity;
    for (const run of [...this.#running.values()].flatMap((runs) => [...runs.values()])) {
      if (now < run.deadline) this.#earliest = Math.min(this.#earliest, run.deadline);
      else {
        const value = "it took longer than it was given";
        this.#stop(now, run, "timeout", { status: Status.Timeout, value });
      }
    }
  }

  #runs(run: Running): boolean {
    return this.#running.get(run.link)?.get(run.corr) === run;
  }

  #add(run: Running): void {
    const runs = this.#running.get(run.link) ?? new Map<Id, Running>();
    this.#running.set(run.link, runs.set(run.corr, run));
    this.#earliest = Math.min(this.#earliest, run.deadline);
  }

  #remove({ link, corr }: Running): void {
    this.#running.get(link)?.delete(corr);
    this.#layer.node.turn.remove(keys.runs(link, corr));
  }

  #stop(
    now: number,
    run: Running,
    why: "timeout" | "cancelled",
    result: ActionResult,
  ): void {
    if (this.#finish(now, run, result)) this.#abort(now, run, why);
  }

  #abort(_now: number, { abort, name }: Running, why: Parameters<Abort>[1]): void {
    if (!abort) return;
    this.#layer.later((now) => {
      try {
        abort(now, why);
      } catch (error) {
        this.#handlerError(name, error);
      }
    });
  }

  #handlerError(name: string, error: unknown): void {
    this.#layer.node.event({ kind: "handlerError", name, text: messageOf(error) });
  }

  #progress(now: number, run: Running, value: Json): void {
    const { link, corr } = run;
    if (!this.#runs(run)) return;
    const body = encodeBody(value);
    if (link === LOCAL) return this.#own.progress(link, corr, body);
    const { node, own } = this.#layer;
    const header = { kind: MessageKind.Progress, correlation: corr };
    try {
      own.add(node.send(now, { link }, { header, body, hold: false }).id);
    } catch (error) {
      // Without a session it is of no use: only the result is kept.
      if (!(error instanceof AgentError)) throw error;
    }
  }

  #finish(now: number, run: Running, result: ActionResult): boolean {
    if (!this.#runs(run)) return false;
    this.#remove(run);
    this.#answer(now, run, result);
    return true;
  }

  #answer(now: number, { link, corr, name }: Running, result: ActionResult): void {
    const { node } = this.#layer;
    const stored = this.#stored(now, name, result);
    node.turn.put(keys.result(link, corr), resultRecord.encode(stored));
    this.#keep(now, link, corr, stored);
    this.#send(now, link, corr, stored);
  }

  #stored(now: number, name: string, { status, value }: ActionResult): Stored {
    const when = this.#layer.node.steady(now);
    try {
      return { status, body: encodeBody(value), when };
    } catch (error) {
      this.#handlerError(name, error);
      const text = `the answer is no value: ${messageOf(error)}`;
      return { status: Status.Error, body: encodeBody(text), when };
    }
  }

  #send(now: number, link: number, corr: Id, { status, body }: Stored): void {
    if (link === LOCAL) return this.#own.result(now, link, corr, status, body);
    const { node, own } = this.#layer;
    const send = (status: number, body: Uint8Array) => {
      const header = { kind: MessageKind.Result, correlation: corr, created: node.wall(), status };
      own.add(node.send(now, { link }, { header, body }).id);
    };
    try {
      send(status, body);
    } catch (error) {
      const text = `an answer could not be sent: ${messageOf(error)}`;
      node.event({ kind: "problem", text });
      try {
        send(Status.Error, encodeBody(text));
      } catch (again) {
        // No room even for that: the requester's own timer ends it.
        if (!(again instanceof AgentError)) throw again;
      }
    }
  }

  #keep(now: number, link: number, corr: Id, stored: Stored): void {
    const results = this.#results.get(link) ?? new Map<Id, Stored>();
    results.delete(corr);
    this.#results.set(link, results.set(corr, stored));
    this.#prune(now, link);
  }

  #prune(now: number, link: number): void {
    const results = this.#results.get(link);
    if (!results) return;
    const { node } = this.#layer;
    const limit = node.steady(now) - RESULT_AGE;
    let bytes = 0;
    for (const { body } of results.values()) bytes += body.length;
    for (const [corr, { when, body }] of results) {
      const tooMany = results.size > MOST_RESULTS || bytes > MOST_RESULT_BYTES && results.size > 1;
      if (when > limit && !tooMany) break;
      results.delete(corr);
      bytes -= body.length;
      node.turn.removeLater(keys.result(link, corr));
    }
    if (results.size === 0) this.#results.delete(link);
    else this.#pruneAt = Math.min(this.#pruneAt, now + RESULT_AGE);
  }
}

function lost(): ActionResult {
  return { status: Status.Lost, value: "the node was restarted while it ran" };
}

function corrOf(key: string): Id {
  return key.slice(key.lastIndexOf("/") + 1);
}
