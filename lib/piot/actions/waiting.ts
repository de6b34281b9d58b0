/**
 * The requests of ours that are open, found by correlation id, message and link, and their records.
 *
 * @module
 */
import { type Listener, LOCAL } from "./api.ts";
import type { Layer } from "./layer.ts";
import type { Id } from "../fields.ts";
import { keys, waitingRecord } from "../records.ts";

/** A request without its answer. Times are of the node's clock. */
export interface Waiting {
  readonly corr: Id;
  link: number;
  readonly name: string;
  readonly message: Id | undefined;
  readonly target: Id | undefined;
  deadline: number;
  /** The peer has it. */
  confirmed: boolean;
  /** When it counts as lost, because the peer does not run it. */
  lostAt: number;
  /** Until when it must have been transmitted. */
  connectBy: number;
  /** Whether it is on the disk. */
  readonly durable: boolean;
  /** Told within the turn. */
  listener: Listener | undefined;
}

/** All of a node. */
export class WaitingList {
  readonly #layer: Layer;
  readonly #open = new Map<Id, Waiting>();
  readonly #byMessage = new Map<Id, Waiting>();
  readonly #ofLink = new Map<number, Map<Id, Waiting>>();

  constructor(layer: Layer) {
    this.#layer = layer;
  }

  /** What the store knows. @throws {WireError} where that is damaged. */
  load(now: number): void {
    const { node } = this.#layer;
    this.#open.clear();
    this.#byMessage.clear();
    this.#ofLink.clear();
    const queued = new Set(
      node.links().flatMap(({ link }) => node.outbox(link).map(({ id }) => id)),
    );
    for (const [key, value] of node.store.scan(keys.waiting)) {
      const { link, name, message, deadline, target } = waitingRecord.decode(value);
      this.add({
        corr: key.slice(keys.waiting.length),
        link,
        name,
        message,
        target,
        deadline: now + deadline - node.steady(now),
        confirmed: link !== LOCAL && (message === undefined || !queued.has(message)),
        lostAt: Infinity,
        connectBy: Infinity,
        durable: true,
        listener: undefined,
      });
    }
  }

  get(corr: Id): Waiting | undefined {
    return this.#open.get(corr);
  }

  ofMessage(message: Id): Waiting | undefined {
    return this.#byMessage.get(message);
  }

  /** A copy, so that some may end meanwhile. */
  ofLink(link: number): Waiting[] {
    return [...this.#ofLink.get(link)?.values() ?? []];
  }

  waits(link: number): boolean {
    return (this.#ofLink.get(link)?.size ?? 0) > 0;
  }

  /** A copy, so that some may end meanwhile. */
  all(): Waiting[] {
    return [...this.#open.values()];
  }

  add(waiting: Waiting): void {
    const { corr, link, message } = waiting;
    this.#open.set(corr, waiting);
    if (message !== undefined) {
      this.#byMessage.set(message, waiting);
      this.#layer.own.add(message);
    }
    const ofLink = this.#ofLink.get(link) ?? new Map<Id, Waiting>();
    this.#ofLink.set(link, ofLink.set(corr, waiting));
  }

  save(now: number, { corr, link, name, message, target, deadline, durable }: Waiting): void {
    if (!durable) return;
    const { node } = this.#layer;
    node.turn.put(
      keys.waits(corr),
      waitingRecord.encode({
        link,
        name,
        deadline: Math.max(0, Math.round(node.steady(now) + deadline - now)),
        ...(message !== undefined && { message }),
        ...(target !== undefined && { target }),
      }),
    );
  }

  remove({ corr, link, message, durable }: Waiting): void {
    this.#open.delete(corr);
    if (message !== undefined) this.#byMessage.delete(message);
    const ofLink = this.#ofLink.get(link);
    ofLink?.delete(corr);
    if (ofLink?.size === 0) this.#ofLink.delete(link);
    if (durable) this.#layer.node.turn.remove(keys.waits(corr));
  }
}
