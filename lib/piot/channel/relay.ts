/**
 * Messages that go on to another channel of this node (spec/piot.md §10): passed by the application, or
 * because they are for somebody else.
 *
 * @module
 */
import { AgentError, ExitCode } from "../../core/mod.ts";
import { ACTION_TIMEOUT, encodeBody, REQUEST_GRACE, Status } from "../actions/api.ts";
import type { Layer } from "../actions/layer.ts";
import type { DropReason, Message } from "../api.ts";
import type { Id } from "../fields.ts";
import { type Header, MessageKind } from "../header.ts";

const MOST_HOPS = 8;
/** Messages passed on that are remembered, so that one that comes round is known. */
const MOST_PASSED = 4_096;
/** How long the way back of an answer is remembered, in ms; and how many of them. */
const WAY_BACK = 600_000;
const MOST_WAYS = 4_096;

/** The way back of an answer. */
interface Way {
  readonly corr: Id;
  /** Where the request came from, and where it went. */
  readonly from: number;
  readonly to: number;
  /** The message that went on. */
  readonly message: Id;
  readonly until: number;
}

/** All that a node passes on. Kept in memory: a restart forgets ways back, and requesters' timers end it. */
export class Relay {
  readonly #layer: Layer;
  readonly #isOn: boolean;
  readonly #passed = new Set<string>();
  /** Link that it went to and correlation id → its way back. */
  readonly #ways = new Map<string, Way>();

  /** @param isOn whether messages for others are passed on. */
  constructor(layer: Layer, isOn: boolean) {
    this.#layer = layer;
    this.#isOn = isOn;
  }

  /** Whether a message is for somebody else. */
  isForOther({ target }: Header): boolean {
    return target !== undefined && target !== this.#layer.node.id;
  }

  /**
   * Passes a message to another channel.
   *
   * @returns the id of the new message.
   * @throws {AgentError} where it went round, came from there, or is not taken there.
   */
  pass(now: number, message: Message, to: number): Id {
    const { node, own } = this.#layer;
    const { header, body } = message;
    const link = node.find({ link: to });
    const refuse = (why: string) => new AgentError(`not passed on: ${why}`, ExitCode.Refused);
    const hops = (header.hops ?? 0) + 1;
    if (hops > MOST_HOPS) throw refuse(`it was passed on ${MOST_HOPS} times`);
    const origin = header.origin ?? message.peer;
    if (link?.peer === origin || to === message.link) throw refuse("it comes from there");
    const original = header.original ?? message.id;
    // By channel: a message may go to several, but to none of them again.
    const mark = `${original} ${to}`;
    if (this.#passed.has(mark)) throw refuse("it went round in a circle");
    const { id } = node.send(now, { link: to }, {
      header: { ...header, origin, original, hops },
      body: body.slice(),
    });
    if (header.kind !== MessageKind.Data) own.add(id);
    addBounded(this.#passed, mark, MOST_PASSED);
    return id;
  }

  /** Passes on a message for somebody else. Why it is refused, or `undefined`. */
  forward(now: number, message: Message): string | undefined {
    const { node } = this.#layer;
    const { target, kind, correlation: corr = "", timeout = ACTION_TIMEOUT } = message.header;
    if (!this.#isOn || target === undefined) return "messages for others are not passed on here";
    const link = node.find({ peer: target });
    if (!link) return "there is no link to its target here";
    try {
      const id = this.pass(now, message, link.link);
      if (kind !== MessageKind.Request) return undefined;
      const until = now + Math.max(WAY_BACK, timeout + REQUEST_GRACE);
      const way = { corr, from: message.link, to: link.link, message: id, until };
      this.#expire(now);
      this.#ways.set(`${link.link} ${corr}`, way);
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      return error.message;
    }
    return undefined;
  }

  /** Passes an answer back the way its request came. Whether there is one. */
  back(now: number, message: Message): boolean {
    const { kind, correlation: corr = "" } = message.header;
    const key = `${message.link} ${corr}`;
    const way = this.#ways.get(key);
    if (!way || now >= way.until) return false;
    const { node } = this.#layer;
    try {
      this.pass(now, message, way.from);
      if (kind === MessageKind.Result) this.#ways.delete(key);
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      node.event({ kind: "problem", text: `an answer could not be passed back: ${error.message}` });
    }
    return true;
  }

  /** A message that we passed on was lost: who asked is told. */
  left(id: Id, how: "confirmed" | "refused" | DropReason, detail?: string): void {
    if (how === "confirmed") return;
    for (const [key, way] of this.#ways) {
      if (way.message !== id) continue;
      this.#ways.delete(key);
      this.#layer.later((now) => this.#fail(now, way, detail ?? how));
      return;
    }
  }

  /** Requests of this link that others execute, and those that went to it. */
  running(link: number): Id[] {
    return [...this.#ways.values()].filter(({ from }) => from === link).map(({ corr }) => corr);
  }
  waiting(link: number): Id[] {
    return [...this.#ways.values()].filter(({ to }) => to === link).map(({ corr }) => corr);
  }
  isWaiting(link: number, corr: Id): boolean {
    return this.#ways.has(`${link} ${corr}`);
  }

  forgotten(link: number): void {
    for (const [key, { from, to }] of this.#ways) {
      if (from === link || to === link) this.#ways.delete(key);
    }
  }

  #fail(now: number, { corr, from }: Way, why: string): void {
    const { node, own } = this.#layer;
    const header = { kind: MessageKind.Result, correlation: corr, status: Status.Dropped };
    const body = encodeBody(`the request was not delivered: ${why}`);
    try {
      own.add(node.send(now, { link: from }, { header, body }).id);
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      node.event({ kind: "problem", text: `an answer could not be sent: ${error.message}` });
    }
  }

  #expire(now: number): void {
    for (const [key, { until }] of this.#ways) {
      if (now < until && this.#ways.size < MOST_WAYS) break;
      this.#ways.delete(key);
    }
  }
}

/** Adds to a set that forgets its oldest. */
export function addBounded<T>(set: Set<T>, value: T, most: number): void {
  set.delete(value);
  set.add(value);
  if (set.size <= most) return;
  for (const oldest of set) {
    set.delete(oldest);
    break;
  }
}
