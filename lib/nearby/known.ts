/**
 * What a beacon has heard: names and where they are, until their time is over
 * (`spec/networkzero.md §3`).
 *
 * The last advert of a name wins. A computer with several interfaces sends adverts of one service
 * from each, with another address but the same port; a listener on two of those networks hears
 * both. These count as one service at several addresses, and who asks gets the best one first.
 *
 * @module
 */
import type { Advert } from "./adverts.ts";
import type { Service } from "./group.ts";

/** Names that are kept; more are refused. */
export const MAX_NAMES = 4_096;
/** Addresses of one service. */
const MAX_ADDRESSES = 8;
/** An address that was not repeated for this long, while another one was, is out of date, in ms. */
const ADDRESS_SILENCE = 6_000;

interface Place {
  readonly address: string;
  readonly ttl: number | null;
  /** Smaller is better. */
  readonly rank: number;
  readonly heard: number;
  readonly expires: number;
}

/** What became of an advert. */
export type Heard = "new" | "moved" | "refreshed" | "expired" | "full";

export class KnownNames {
  readonly #limit: number;
  /** Places of a name, the last heard first, in the order in which names came. */
  readonly #names = new Map<string, Place[]>();
  /** No entry expires before this. */
  #earliest = Infinity;

  constructor(limit = MAX_NAMES) {
    this.#limit = limit;
  }

  /**
   * An advert came.
   * @param rank of its address: how good it is for us, smaller is better.
   * @param alone it replaces all other addresses of that name.
   */
  hear(now: number, { name, address, ttl }: Advert, rank = 0, alone = false): Heard {
    const before = this.#names.get(name);
    const expires = ttl === null ? Infinity : now + ttl * 1000;
    if (expires <= now) {
      this.#names.delete(name);
      return "expired";
    }
    if (!before && this.#names.size >= this.#limit) return "full";
    const place: Place = { address, ttl, rank, heard: now, expires };
    const others = before === undefined || alone
      ? []
      : before.filter((each) =>
        each.address !== address && portOf(each.address) === portOf(address) &&
        each.heard > now - ADDRESS_SILENCE
      );
    this.#names.set(name, [place, ...others.slice(0, MAX_ADDRESSES - 1)]);
    this.#earliest = Math.min(this.#earliest, expires);
    if (!before) return "new";
    return before.some((each) => each.address === address) ? "refreshed" : "moved";
  }

  /** Where a service is, best first; empty where it is not known. */
  addresses(now: number, name: string): string[] {
    return ranked(now, this.#names.get(name) ?? []).map(({ address }) => address);
  }

  /** All names with their best address, in the order in which they came. */
  all(now: number): Service[] {
    const found: Service[] = [];
    for (const [name, places] of this.#names) {
      const [best] = ranked(now, places);
      if (best) found.push([name, best.address]);
    }
    return found;
  }

  /** The time to live of the best address, as it was told, in seconds. */
  ttl(now: number, name: string): number | null | undefined {
    return ranked(now, this.#names.get(name) ?? [])[0]?.ttl;
  }

  /** When the next entry expires, or sooner. */
  nextExpiry(): number {
    return this.#earliest;
  }

  /** Forgets what is over; returns the names that are gone. */
  expire(now: number): string[] {
    if (now < this.#earliest) return [];
    const gone: string[] = [];
    this.#earliest = Infinity;
    for (const [name, places] of this.#names) {
      const left = places.filter(({ expires }) => expires > now);
      if (left.length === 0) {
        this.#names.delete(name);
        gone.push(name);
        continue;
      }
      if (left.length < places.length) this.#names.set(name, left);
      for (const { expires } of left) this.#earliest = Math.min(this.#earliest, expires);
    }
    return gone;
  }

  clear(): void {
    this.#names.clear();
    this.#earliest = Infinity;
  }
}

/** Those that still hold, best first; of equals the one heard last. */
function ranked(now: number, places: readonly Place[]): Place[] {
  const newest = places[0]?.heard ?? 0;
  return places.filter(({ expires, heard }) => expires > now && heard > newest - ADDRESS_SILENCE)
    .sort((a, b) => a.rank - b.rank || b.heard - a.heard);
}

function portOf(address: string): string {
  return address.slice(address.lastIndexOf(":") + 1);
}
