/**
 * Who holds entries of the own dictionary, and until when.
 *
 * @module
 */
import type { Entry } from "./entry.ts";

/** Where an entry comes from. */
export type Source = "set" | "lease" | "guest" | "gateway" | "agent";

/** Who holds entries: the store, one lease, one guest, the gateway from one network, or the agent. */
export interface Holder {
  readonly source: Source;
  /** When all of it ends, on the monotonic clock, in ms; `Infinity` for not by itself. */
  until: number;
  readonly entries: Map<string, Entry>;
}

/** What a holder is about to hold under some keys; `undefined` for nothing any more. */
export type Changes = ReadonlyMap<string, Entry | undefined>;

/** A new holder of nothing. */
export function newHolder(source: Source, until = Infinity): Holder {
  return { source, until, entries: new Map() };
}

/** For the limits of room: the agent itself, or anybody else. */
export function writerOf({ source }: Holder): "agent" | "others" {
  return source === "agent" ? "agent" : "others";
}

/** Holders that come and go, by their name. */
export class Holders<K> {
  readonly #holders = new Map<K, Holder>();

  get size(): number {
    return this.#holders.size;
  }

  all(): IterableIterator<[K, Holder]> {
    return this.#holders.entries();
  }

  get(name: K): Holder | undefined {
    return this.#holders.get(name);
  }

  set(name: K, holder: Holder): void {
    this.#holders.set(name, holder);
  }

  delete(name: K): void {
    this.#holders.delete(name);
  }

  /** When the first of them ends; `Infinity` for none. */
  get earliestEnd(): number {
    let earliest = Infinity;
    for (const { until } of this.#holders.values()) earliest = Math.min(earliest, until);
    return earliest;
  }

  /** Remove those that have ended by `now`, and give them back. */
  takeEnded(now: number): Holder[] {
    const ended: Holder[] = [];
    for (const [name, holder] of this.#holders) {
      if (holder.until > now) continue;
      this.#holders.delete(name);
      ended.push(holder);
    }
    return ended;
  }
}

/** Holders whose entries go with the process at the latest, and when the next of them ends. */
export class BriefHolders {
  readonly leases = new Holders<number>();
  /** What `setFor` wrote: a holder for each key, so that a later write replaces the one before. */
  readonly timed = new Holders<string>();
  readonly guests = new Holders<string>();
  /** What the process before held for leases and for the agent, until they have written it again. */
  readonly inherited = new Holders<string>();
  readonly #groups = [this.leases, this.timed, this.guests, this.inherited];
  #next = Infinity;

  /** On the monotonic clock, in ms; `Infinity` for never. */
  get next(): number {
    return this.#next;
  }

  /** A holder came or went, or ends at another time. */
  moved(): void {
    this.#next = Math.min(...this.#groups.map(({ earliestEnd }) => earliestEnd));
  }

  /** Remove those that have ended by `now`, and give them back. */
  takeDue(now: number): Holder[] {
    if (now < this.#next) return [];
    const ended = this.#groups.flatMap((group) => group.takeEnded(now));
    this.moved();
    return ended;
  }

  /** What was inherited and goes, because who held it before writes those keys. */
  *replacedBy({ source }: Holder, changes: Changes): Iterable<[Holder, Changes]> {
    for (const [, holder] of this.inherited.all()) {
      if (holder.source !== source) continue;
      const known = [...changes.keys()].filter((key) => holder.entries.has(key));
      yield [holder, new Map(known.map((key) => [key, undefined]))];
    }
  }
}
