/**
 * The layer above messages: actions, aggregates, plans, channels (spec/piot.md §9 to §12). Given to a
 * `Piot` as its hooks; what is called here is stored and sent with the node's next `flush`.
 *
 * ```ts ignore
 * const actions = new Actions();
 * actions.register("lamp.set", (now, call) => void call.finish(now, { status: 0, value: true }));
 * const piot = new Piot({ ...options, hooks: actions }, now);
 * actions.request(now, { name: "pi-kitchen" }, "lamp.set", { on: true }, {}, {
 *   ended: ({ status, value }) => …,
 * });
 * piot.flush(now);
 * ```
 *
 * @module
 */
import { AgentError, ExitCode } from "../../core/mod.ts";
import type { Json } from "../../wire/cbor.ts";
import type { Destination } from "../acquaintances.ts";
import type { ActionHandler, RequestCallbacks, RequestOptions } from "./api.ts";
import { BUILT_IN, builtIns } from "./builtin.ts";
import { Executor } from "./executor.ts";
import type { Layer } from "./layer.ts";
import { Requests } from "./requests.ts";
import {
  type AggregateAnswer,
  type AggregateRequest,
  type AggregateResult,
  Aggregator,
} from "../aggregate/aggregate.ts";
import type { DropReason, Message } from "../api.ts";
import { ChannelData } from "../channel/channel.ts";
import { Relay } from "../channel/relay.ts";
import type { Id } from "../fields.ts";
import { type Header, MessageKind } from "../header.ts";
import type { PiotHooks, PiotNode } from "../hooks.ts";
import type { PlanResult } from "../plan/plan.ts";
import { Orchestrator } from "../plan/orchestrator.ts";
import { parsePlan } from "../plan/parse.ts";

/** Running ids of a peer's RESUME that are compared; more than it may run. */
const MOST_COMPARED = 1_024;

/** How this node does it. */
export interface ActionsOptions {
  /** Pass messages on that are for others. Default: false. */
  readonly relay?: boolean;
  /**
   * ms that aggregates and plans wait for a session with a node that can be dialled and has none.
   * Default: 0, it is unreachable at once.
   */
  readonly connect?: number;
}

/** Actions, aggregates, plans and channels of a node. */
export class Actions implements PiotHooks {
  /** Data that is kept with channels. */
  readonly channels: ChannelData;
  readonly #connect: number;
  readonly #handlers = new Map<string, ActionHandler>();
  readonly #own = new Set<Id>();
  #queue: ((now: number) => void)[] = [];
  #node: PiotNode | undefined;
  readonly #requests: Requests;
  readonly #executor: Executor;
  readonly #aggregator: Aggregator;
  readonly #orchestrator: Orchestrator;
  readonly #relay: Relay;
  #startedAt: number | undefined;

  constructor({ relay = false, connect = 0 }: ActionsOptions = {}) {
    const layer = this.#layer();
    this.#connect = connect;
    this.#executor = new Executor(layer, this.#handlers, {
      result: (now, link, corr, status, body) =>
        void this.#requests.result(now, link, corr, status, body),
      progress: (link, corr, body) => void this.#requests.progress(link, corr, body),
    });
    this.#requests = new Requests(layer, this.#executor);
    this.#aggregator = new Aggregator(layer, this.#requests);
    this.#orchestrator = new Orchestrator(layer, this.#requests, connect);
    this.#relay = new Relay(layer, relay);
    this.channels = new ChannelData(layer);
    const surroundings = {
      layer,
      handlers: this.#handlers,
      executor: this.#executor,
      aggregator: this.#aggregator,
      orchestrator: this.#orchestrator,
      connect,
      uptime: (now: number) => now - (this.#startedAt ?? now),
    };
    for (const [name, handler] of builtIns(surroundings)) this.#handlers.set(name, handler);
  }

  // For the application

  /** This node can do something now; a handler of the same name is replaced. @throws {AgentError} */
  register(name: string, handler: ActionHandler): void {
    if (name === "" || name.startsWith(BUILT_IN)) {
      throw new AgentError(
        `an action cannot be called "${name}": names with ${BUILT_IN} are the node's own`,
        ExitCode.Usage,
      );
    }
    this.#handlers.set(name, handler);
  }

  /** What runs goes on. Whether it was there. */
  unregister(name: string): boolean {
    return !name.startsWith(BUILT_IN) && this.#handlers.delete(name);
  }

  /** Names of all actions. */
  names(): string[] {
    return [...this.#handlers.keys()].sort();
  }

  /** How many are executed here at this moment. */
  get running(): number {
    return this.#executor.count;
  }

  /**
   * Asks a node, or this one. It ends with exactly one answer, which the callbacks and the event
   * `result` tell of once it is stored; across a restart, only the event does.
   *
   * @returns the correlation id.
   * @throws {RangeError} where the arguments are no JSON-like value.
   */
  request(
    now: number,
    to: Destination,
    name: string,
    args: Json = null,
    options: RequestOptions = {},
    callbacks: RequestCallbacks = {},
  ): Id {
    return this.#requests.start(now, to, name, args, options, { callbacks, durable: true });
  }

  /** Asks the executor to stop; the answer tells whether it did. Whether the request was open. */
  cancel(now: number, id: Id): boolean {
    return this.#requests.cancel(now, id);
  }

  /** Asks many. The callbacks are told once what they hear is stored. @returns its id. */
  aggregate(
    now: number,
    request: AggregateRequest,
    callbacks: {
      answer?(answer: AggregateAnswer): void;
      ended?(result: AggregateResult): void;
    } = {},
  ): Id {
    const { turn } = this.#bound();
    return this.#aggregator.start(now, { connect: this.#connect, ...request }, {
      answer: (answer) => turn.then(() => callbacks.answer?.(answer)),
      ended: (_now, result) => turn.then(() => callbacks.ended?.(result)),
    });
  }

  /** Ends an aggregate with what there is. Whether it ran. */
  cancelAggregate(now: number, id: Id): boolean {
    return this.#aggregator.cancel(now, id);
  }

  /**
   * Runs a plan (JSON, `parsePlan`). Its events and its result in {@linkcode plan} outlive restarts,
   * the callback does not.
   *
   * @returns its id.
   * @throws {AgentError} where it is no plan, or its id was used before.
   */
  run(now: number, plan: unknown, ended?: (result: PlanResult) => void): string {
    const { turn } = this.#bound();
    return this.#orchestrator.start(now, parsePlan(plan), 0, (_now, result) => {
      turn.then(() => ended?.(result));
    });
  }

  /** Stops a plan and rolls it back. Whether it ran. */
  cancelPlan(now: number, id: string): boolean {
    return this.#orchestrator.cancel(now, id);
  }

  /** What a plan is at, or what came of it: the last 64 are known. */
  plan(id: string): PlanResult | undefined {
    return this.#orchestrator.view(id);
  }

  plans(): PlanResult[] {
    return this.#orchestrator.views();
  }

  /**
   * Passes a message to the channel of another link (§10).
   *
   * @returns the id of the new message.
   * @throws {AgentError} where it went round, came from there, or is not taken there.
   */
  pass(now: number, message: Message, to: number): Id {
    return this.#relay.pass(now, message, to);
  }

  // For the machine

  load(now: number, node: PiotNode): void {
    this.#node = node;
    this.#startedAt ??= now;
    this.#queue = [];
    this.channels.load();
    this.#requests.load(now);
    this.#executor.load(now);
    this.#aggregator.load(now);
    this.#orchestrator.load(now);
  }

  settle(now: number): void {
    for (let step = this.#queue.shift(); step; step = this.#queue.shift()) step(now);
  }

  nextWake(): number {
    if (this.#queue.length > 0) return 0;
    return Math.min(
      this.#requests.nextWake,
      this.#executor.nextWake,
      this.#aggregator.nextWake,
      this.#orchestrator.nextWake,
    );
  }

  wake(now: number): void {
    this.settle(now);
    this.#requests.wake(now);
    this.#aggregator.wake(now);
    this.#orchestrator.wake(now);
    // An aggregate that ends with the time of its own action is answered before that is given up.
    this.settle(now);
    this.#executor.wake(now);
  }

  takes(header: Header): boolean {
    return this.#relay.isForOther(header);
  }

  accepted(now: number, message: Message): string | undefined {
    const { link, header, body } = message;
    const { kind, correlation = "", status = 0 } = header;
    if (this.#relay.isForOther(header)) return this.#relay.forward(now, message);
    switch (kind) {
      case MessageKind.Request:
        return this.#executor.request(now, message);
      case MessageKind.Result:
        if (this.#requests.result(now, link, correlation, status, body)) return undefined;
        if (!this.#relay.back(now, message)) this.#requests.late(message);
        return undefined;
      case MessageKind.Cancel:
        this.#executor.cancel(now, link, correlation);
        return undefined;
      case MessageKind.Progress:
        if (!this.#requests.progress(link, correlation, body)) this.#relay.back(now, message);
        return undefined;
      default:
        return `messages of kind ${kind} are not known here`;
    }
  }

  waits(link: number): boolean {
    return this.#requests.waits(link);
  }

  actions(link: number): { waiting: Id[]; running: Id[] } {
    return {
      waiting: [...this.#requests.waiting(link), ...this.#relay.waiting(link)],
      running: [...this.#executor.running(link), ...this.#relay.running(link)],
    };
  }

  up(
    now: number,
    link: number,
    { running, inherited }: { readonly running: readonly Id[]; readonly inherited: boolean },
  ): void {
    this.#requests.up(now, link, running, inherited);
    if (!inherited) this.#executor.reset(now, link, "reset");
    for (const corr of running.slice(0, MOST_COMPARED)) {
      if (this.#requests.isOpen(corr) || this.#relay.isWaiting(link, corr)) continue;
      this.#queue.push((now) => this.#requests.stop(now, link, corr));
    }
  }

  left(
    now: number,
    _link: number,
    id: Id,
    how: "confirmed" | "refused" | DropReason,
    detail?: string,
  ): boolean {
    // All that this layer has sent is here; most messages are others'.
    if (this.#own.size === 0) return false;
    this.#requests.left(now, id, how, detail);
    this.#relay.left(id, how, detail);
    return this.#own.delete(id);
  }

  merged(now: number, from: number, into: number): void {
    this.#requests.merged(now, from, into);
    this.channels.merged(from, into);
  }

  forgotten(now: number, link: number): void {
    this.#requests.forgotten(now, link);
    this.#executor.reset(now, link, "forgotten");
    this.#relay.forgotten(link);
    this.channels.forgotten(link);
  }

  #bound(): PiotNode {
    if (!this.#node) throw new Error("the layer of actions has no node yet");
    return this.#node;
  }

  #layer(): Layer {
    const bound = () => this.#bound();
    return {
      get node() {
        return bound();
      },
      own: this.#own,
      later: (step) => void this.#queue.push(step),
    };
  }
}
