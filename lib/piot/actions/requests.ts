/**
 * Requests of ours, from the asking to the one answer (spec/piot.md §9).
 *
 * @module
 */
import { AgentError, ExitCode, messageOf } from "../../core/mod.ts";
import type { Json } from "../../wire/cbor.ts";
import type { Destination } from "../acquaintances.ts";
import {
  ACTION_TIMEOUT,
  type ActionResult,
  encodeBody,
  type Listener,
  LOCAL,
  readResult,
  REQUEST_GRACE,
  type RequestCallbacks,
  type RequestOptions,
  Status,
} from "./api.ts";
import type { Layer } from "./layer.ts";
import { type Waiting, WaitingList } from "./waiting.ts";
import { addBounded } from "../channel/relay.ts";
import type { DropReason, LinkView, Message } from "../api.ts";
import type { Id } from "../fields.ts";
import { MessageKind } from "../header.ts";
import { answerRecord, keys } from "../records.ts";

/** From the start of a session until a request that the peer does not run counts as lost (§5), in ms. */
const LOST_AFTER = 5_000;
/** How long the answer to a cancel is waited for, in ms. */
const CANCEL_PATIENCE = 5_000;
/** Open requests of one link: their ids must fit into a RESUME. */
const MOST_OPEN = 4_096;
/** Answers to abandoned requests are passed over; so many are remembered. */
const MOST_ABANDONED = 1_024;

/** Who is told, and whether the request outlives this start. */
export interface Asker {
  readonly listener?: Listener;
  /** Without a listener: told once it is stored. */
  readonly callbacks?: RequestCallbacks;
  readonly durable: boolean;
}

/** Executes what we ask ourselves. */
export interface LocalExecutor {
  local(now: number, corr: Id, request: {
    name: string;
    args: Uint8Array;
    timeout: number;
    group: Id | undefined;
    nesting: number;
  }): void;
  cancel(now: number, link: number, corr: Id): void;
}

/** All open requests of a node. */
export class Requests {
  readonly #layer: Layer;
  readonly #executor: LocalExecutor;
  readonly #list: WaitingList;
  /** Told after the turn; kept until they were. */
  readonly #callbacks = new Map<Id, RequestCallbacks>();
  readonly #abandoned = new Set<Id>();
  #earliest = Infinity;

  constructor(layer: Layer, executor: LocalExecutor) {
    this.#layer = layer;
    this.#list = new WaitingList(layer);
    this.#executor = executor;
  }

  /** @throws {WireError} where the store is damaged. */
  load(now: number): void {
    const { node } = this.#layer;
    const callers = [...this.#callbacks.keys()];
    this.#list.load(now);
    for (const { deadline } of this.#list.all()) {
      this.#earliest = Math.min(this.#earliest, deadline);
    }
    // Answers that were stored and perhaps not told, because the power went in between.
    const answered = new Set<Id>();
    for (const [key, value] of node.store.scan(keys.answers)) {
      const corr = key.slice(keys.answers.length);
      const { link, name, status, body } = answerRecord.decode(value);
      answered.add(corr);
      this.#tell(corr, link, name, readResult(status, body));
    }
    for (const corr of callers) {
      if (this.#list.get(corr) || answered.has(corr)) continue;
      const value = "the request could not be stored";
      this.#tell(corr, LOCAL, "", { status: Status.Dropped, value });
    }
  }

  /**
   * Asks. All that goes wrong is an answer, too.
   *
   * @returns the correlation id.
   * @throws {RangeError} where the arguments are no JSON-like value.
   */
  start(
    now: number,
    to: Destination,
    name: string,
    args: Json,
    options: RequestOptions,
    asker: Asker,
  ): Id {
    const { node } = this.#layer;
    const corr = node.newId();
    const body = encodeBody(args);
    const timeout = Math.max(1, Math.round(options.timeout ?? ACTION_TIMEOUT));
    const { group, nesting, target, callbacks } = { ...options, ...asker };
    if (callbacks) this.#callbacks.set(corr, callbacks);
    const waiting: Waiting = {
      corr,
      link: LOCAL,
      name,
      message: undefined,
      target,
      deadline: now + (options.ttl ?? 0) + timeout + REQUEST_GRACE,
      confirmed: false,
      lostAt: Infinity,
      connectBy: Infinity,
      durable: asker.durable,
      listener: asker.listener,
    };
    if (this.isSelf(to)) {
      this.#add(waiting);
      this.#list.save(now, waiting);
      this.#executor.local(now, corr, { name, args: body, timeout, group, nesting: nesting ?? 0 });
      return corr;
    }
    try {
      const window = this.#connectWindow(now, to, options);
      const { link, id } = node.send(now, to, {
        header: {
          kind: MessageKind.Request,
          name,
          correlation: corr,
          created: node.wall(),
          timeout,
          ...(target !== undefined && { target, origin: node.id }),
          ...(group !== undefined && { group }),
          ...(nesting !== undefined && nesting > 0 && { nesting }),
        },
        body,
        ttl: Math.round(options.ttl ?? timeout),
        hold: Number.isFinite(window) || (options.hold ?? true),
      });
      this.#layer.own.add(id);
      const sent = { ...waiting, link, message: id, connectBy: now + window };
      this.#add(sent);
      this.#list.save(now, sent);
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      let status: number = Status.Refused;
      if (error.exitCode === ExitCode.Unreachable || error.exitCode === ExitCode.NotThere) {
        status = Status.Unreachable;
      } else if (error.exitCode === ExitCode.Refused) status = Status.Dropped;
      this.#add(waiting);
      this.#end(now, waiting, { status, value: error.message });
    }
    return corr;
  }

  isSelf(to: Destination): boolean {
    const { node } = this.#layer;
    if ("link" in to) return to.link === LOCAL;
    return "peer" in to ? to.peer === node.id : to.name === node.name;
  }

  /** ms that a request which is not to be held may wait for a session. Infinity: no such limit. */
  #connectWindow(now: number, to: Destination, options: RequestOptions): number {
    if (options.hold ?? true) return Infinity;
    const { node } = this.#layer;
    const link = node.find(to);
    if (link?.state === "up") return Infinity;
    const canDial = link && link.addresses.length > 0 && link.state !== "blocked";
    if (!canDial || !options.connect) {
      const who = "name" in to ? to.name : link?.name ?? "that node";
      throw new AgentError(`${who} is not connected`, ExitCode.Unreachable);
    }
    node.retry(now, link.link);
    return options.connect;
  }

  /** Who is told of a request from now on; whether it is still open. */
  listen(corr: Id, listener: Listener): boolean {
    const waiting = this.#list.get(corr);
    if (waiting) waiting.listener = listener;
    return waiting !== undefined;
  }

  /**
   * Asks the executor to stop. What was never transmitted ends at once; else its answer, or 5 s without
   * one, ends it. Whether it was open.
   */
  cancel(now: number, corr: Id): boolean {
    const waiting = this.#list.get(corr);
    if (!waiting) return false;
    if (this.#withdraw(waiting)) {
      this.#end(now, waiting, { status: Status.Cancelled, value: "cancelled before it was sent" });
      return true;
    }
    waiting.deadline = Math.min(waiting.deadline, now + CANCEL_PATIENCE);
    this.#earliest = Math.min(this.#earliest, waiting.deadline);
    this.#sendCancel(now, waiting);
    return true;
  }

  /** The answer is of no interest any more: the executor is told to stop, and nobody here. */
  abandon(now: number, corr: Id): void {
    const waiting = this.#list.get(corr);
    if (!waiting) return;
    this.#list.remove(waiting);
    this.#callbacks.delete(corr);
    addBounded(this.#abandoned, corr, MOST_ABANDONED);
    if (!this.#withdraw(waiting)) this.#sendCancel(now, waiting);
  }

  /** Takes the message back where it was never transmitted. Whether that was so. */
  #withdraw({ link, message }: Waiting): boolean {
    if (message === undefined || !this.#layer.node.withdraw(link, message)) return false;
    this.#layer.own.delete(message);
    return true;
  }

  /** Tells a peer that an action it runs is of no interest here. */
  #sendCancel(
    now: number,
    { link, corr, target }: Pick<Waiting, "link" | "corr" | "target">,
  ): void {
    if (link === LOCAL) return this.#executor.cancel(now, LOCAL, corr);
    const { node, own } = this.#layer;
    const header = {
      kind: MessageKind.Cancel,
      correlation: corr,
      ...(target !== undefined && { target, origin: node.id }),
    };
    try {
      const to = { link };
      own.add(node.send(now, to, { header, body: encodeBody(null), ttl: ACTION_TIMEOUT }).id);
    } catch (error) {
      // Its own timer stops the executor, too.
      const text = `an action cannot be cancelled: ${messageOf(error)}`;
      node.event({ kind: "problem", text });
    }
  }

  /** An answer came. Whether it was awaited. */
  result(now: number, link: number, corr: Id, status: number, body: Uint8Array): boolean {
    const waiting = this.#list.get(corr);
    if (waiting?.link !== link) return this.#abandoned.delete(corr);
    this.#end(now, waiting, readResult(status, body));
    return true;
  }

  /** A word in between came. Whether its request is open. */
  progress(link: number, corr: Id, body: Uint8Array): boolean {
    const waiting = this.#list.get(corr);
    if (waiting?.link !== link) return false;
    const { value, status } = readResult(Status.Ok, body);
    if (status !== Status.Ok) return true;
    const { node, later } = this.#layer;
    const { listener, name } = waiting;
    if (listener) later((now) => listener.progress?.(now, value));
    else {
      node.event({ kind: "progress", id: corr, link, name, value });
      node.turn.then(() => this.#callbacks.get(corr)?.progress?.(value));
    }
    return true;
  }

  /** An answer that nobody waits for. */
  late({ link, header, body }: Message): void {
    const { correlation = "", status = Status.Ok } = header;
    const result = readResult(status, body);
    this.#layer.node.event({ kind: "lateResult", id: correlation, link, result });
  }

  waits(link: number): boolean {
    return this.#list.waits(link);
  }

  /** Of this link, those that the peer has. */
  waiting(link: number): Id[] {
    const open = this.#list.ofLink(link);
    return open.filter(({ confirmed }) => confirmed).slice(-MOST_OPEN).map(({ corr }) => corr);
  }

  isOpen(corr: Id): boolean {
    return this.#list.get(corr) !== undefined;
  }

  /** A session is active (§5). */
  up(now: number, link: number, running: readonly Id[], inherited: boolean): void {
    const isRun = new Set(running);
    for (const waiting of this.#list.ofLink(link)) {
      if (!waiting.confirmed) continue;
      if (!inherited) {
        this.#end(now, waiting, { status: Status.Reset, value: "the session began anew" });
        continue;
      }
      waiting.lostAt = isRun.has(waiting.corr) ? Infinity : now + LOST_AFTER;
      this.#earliest = Math.min(this.#earliest, waiting.lostAt);
    }
  }

  /** The peer runs something of ours that nobody waits for. */
  stop(now: number, link: number, corr: Id): void {
    this.#sendCancel(now, { link, corr, target: undefined });
  }

  /** What became of the message that carries a request. Whether it is one. */
  left(now: number, id: Id, how: "confirmed" | "refused" | DropReason, detail?: string): void {
    const waiting = this.#list.ofMessage(id);
    if (!waiting) return;
    if (how === "confirmed") {
      waiting.confirmed = true;
      waiting.connectBy = Infinity;
      return;
    }
    const [status, value] = outcomeOf(how, detail);
    this.#end(now, waiting, { status, value });
  }

  merged(now: number, from: number, into: number): void {
    for (const waiting of this.#list.ofLink(from)) {
      this.#list.remove(waiting);
      waiting.link = into;
      this.#add(waiting);
      this.#list.save(now, waiting);
    }
  }

  forgotten(now: number, link: number): void {
    for (const waiting of this.#list.ofLink(link)) {
      this.#end(now, waiting, { status: Status.Dropped, value: "the link was forgotten" });
    }
  }

  get nextWake(): number {
    return this.#earliest;
  }

  wake(now: number): void {
    if (now < this.#earliest) return;
    this.#earliest = Infinity;
    const { node } = this.#layer;
    let views: Map<number, LinkView> | undefined;
    for (const waiting of this.#list.all()) {
      if (now >= waiting.lostAt) {
        waiting.lostAt = Infinity;
        views ??= new Map(node.links().map((view) => [view.link, view]));
        // Where the session is gone again, the next one compares anew.
        if (views.get(waiting.link)?.state === "up") {
          this.#end(now, waiting, { status: Status.Lost, value: "the node no longer knows it" });
          continue;
        }
      }
      if (now >= waiting.connectBy) {
        waiting.connectBy = Infinity;
        if (this.#withdraw(waiting)) {
          this.#end(now, waiting, { status: Status.Unreachable, value: "not connected in time" });
          continue;
        }
      }
      if (now >= waiting.deadline) {
        this.#withdraw(waiting);
        this.#end(now, waiting, { status: Status.Timeout, value: "no answer in time" });
        continue;
      }
      const next = Math.min(waiting.deadline, waiting.lostAt, waiting.connectBy);
      this.#earliest = Math.min(this.#earliest, next);
    }
  }

  #add(waiting: Waiting): void {
    this.#list.add(waiting);
    this.#earliest = Math.min(this.#earliest, waiting.deadline, waiting.connectBy);
  }

  #end(_now: number, waiting: Waiting, result: ActionResult): void {
    const { corr, link, name, listener, durable } = waiting;
    if (this.#list.get(corr) !== waiting) return;
    this.#list.remove(waiting);
    const { node, later } = this.#layer;
    if (listener) return later((now) => listener.ended(now, result));
    if (durable) {
      const body = encodeBody(result.value);
      node.turn.put(
        keys.answer(corr),
        answerRecord.encode({ link, name, status: result.status, body }),
      );
    }
    this.#tell(corr, link, name, result);
  }

  #tell(corr: Id, link: number, name: string, result: ActionResult): void {
    const { node } = this.#layer;
    node.event({ kind: "result", id: corr, link, name, result });
    node.turn.then(() => {
      const callbacks = this.#callbacks.get(corr);
      this.#callbacks.delete(corr);
      node.turn.removeLater(keys.answer(corr));
      callbacks?.ended?.(result);
    });
  }
}

/** What the loss of its message means for a request. */
function outcomeOf(
  how: "refused" | DropReason,
  detail: string | undefined,
): [number, string] {
  if (how === "refused") return [Status.Refused, detail ?? "refused"];
  if (how === "clean-slate") return [Status.Reset, "the session began anew"];
  return [Status.Dropped, `the request was not delivered: ${how}`];
}
