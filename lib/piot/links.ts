/**
 * All links of a node.
 *
 * @module
 */
import type { Random } from "../core/mod.ts";
import type { PiotStore } from "./api.ts";
import type { Epoch, Id } from "./fields.ts";
import { Link } from "./link.ts";
import { keys, ordinalOf } from "./records.ts";
import { Totals } from "./totals.ts";
import type { Turn } from "./turn.ts";

/** Finds links by handle, peer and name. */
export class Links {
  readonly #turn: Turn;
  readonly #random: Random;
  readonly #newEpoch: () => Epoch;
  readonly #all = new Map<number, Link>();
  /** Of all boxes. */
  totals = new Totals();
  readonly #byPeer = new Map<Id, Link>();
  #next = 1;

  constructor(turn: Turn, random: Random, newEpoch: () => Epoch) {
    this.#turn = turn;
    this.#random = random;
    this.#newEpoch = newEpoch;
  }

  /** @throws {WireError} where the store is damaged. */
  load(store: PiotStore): void {
    this.#all.clear();
    this.#byPeer.clear();
    this.totals = new Totals();
    for (const [key, record] of store.scan(keys.links)) {
      const link = this.#make(ordinalOf(key));
      link.load(store, record);
      if (link.peer !== undefined) this.#byPeer.set(link.peer, link);
      this.#next = Math.max(this.#next, link.handle + 1);
    }
  }

  /** When the newest message of all outboxes was accepted. */
  get newest(): number | undefined {
    const all = [...this.#all.values()].flatMap(({ outbox }) => outbox.newest ?? []);
    return all.length > 0 ? Math.max(...all) : undefined;
  }

  /** See `Outbox.noneLaterThan`. */
  noneLaterThan(at: number): void {
    for (const { outbox } of this.#all.values()) outbox.noneLaterThan(at);
  }

  get size(): number {
    return this.#all.size;
  }

  all(): IterableIterator<Link> {
    return this.#all.values();
  }

  get(handle: number): Link | undefined {
    return this.#all.get(handle);
  }

  ofPeer(peer: Id): Link | undefined {
    return this.#byPeer.get(peer);
  }

  /** Those of this name: several where two nodes have the same. */
  named(name: string): Link[] {
    return [...this.#all.values()].filter((link) => link.name === name);
  }

  /** A new link, not saved yet. */
  add(peer: Id | undefined, name: string): Link {
    const link = this.#make(this.#next++);
    link.name = name;
    if (peer !== undefined) this.identify(link, peer);
    return link;
  }

  /** Its peer is known now. */
  identify(link: Link, peer: Id): void {
    link.peer = peer;
    this.#byPeer.set(peer, link);
  }

  /** Forgets a link and everything of it. What was in its outbox is returned by nobody. */
  remove(link: Link, store: PiotStore): void {
    this.#all.delete(link.handle);
    if (link.peer !== undefined && this.#byPeer.get(link.peer) === link) {
      this.#byPeer.delete(link.peer);
    }
    link.outbox.clear();
    link.inbox.clear();
    this.#turn.remove(keys.link(link.handle));
    for (const [key] of store.scan(keys.of(link.handle))) this.#turn.remove(key);
  }

  #make(handle: number): Link {
    const link = new Link(handle, this.#turn, this.#random, this.#newEpoch, this.totals);
    this.#all.set(handle, link);
    return link;
  }
}
