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

/** A new holder of nothing. */
export function newHolder(source: Source, until = Infinity): Holder {
  return { source, until, entries: new Map() };
}

/** Holders that come and go, by their name. */
export class Holders<K> {
  readonly #holders = new Map<K, Holder>();

  get size(): number {
    return this.#holders.size;
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

/** Holders that end by themselves, and when the next of them does. */
export class Endings {
  readonly #groups: readonly Pick<Holders<unknown>, "earliestEnd" | "takeEnded">[];
  #next = Infinity;

  constructor(groups: readonly Pick<Holders<unknown>, "earliestEnd" | "takeEnded">[]) {
    this.#groups = groups;
  }

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
}
