/**
 * Which message ids were accepted, so that a repetition under another number is known
 * (spec/piot.md §4, §6).
 *
 * The specification keeps the last 1024 ids. Where the peer says that its ids are ordered
 * ({@linkcode ORDERED_IDS}), a count and its gaps say the same without an end and in a few octets,
 * also when somebody puts back a copy of the peer's store that is older than 1024 messages.
 *
 * @module
 */
import type { Id } from "./fields.ts";

/**
 * The feature of HELLO by which a node says: on each link my message ids are eight octets that are new
 * with each start, then 1, 2, 3 … in the order of sending.
 */
export const ORDERED_IDS = "ordered-ids";

/** Ids that are remembered one by one. */
export const RECENT = 1_024;
/** Starts of a peer that are remembered, and the gaps of each. */
const ORIGINS = 64;
const GAPS = 64;

/** What one start of the peer has sent. */
interface Origin {
  highest: number;
  /** Counts below it that never came, as first and last. */
  gaps: [first: number, last: number][];
}

/** Makes an ordered id. `origin` is 16 hexadecimal digits. */
export function orderedId(origin: string, count: number): Id {
  return origin + count.toString(16).padStart(16, "0");
}

/** The count of an ordered id; `undefined` for one that is none. */
function countOf(id: Id): number | undefined {
  const count = parseInt(id.slice(16), 16);
  return Number.isSafeInteger(count) ? count : undefined;
}

/** Ordered ids of one link. */
export class SeenIds {
  readonly #origins = new Map<string, Origin>();

  /** Whether this id was accepted; `undefined` where it is no ordered one. */
  knows(id: Id): boolean | undefined {
    const count = countOf(id);
    if (count === undefined) return undefined;
    const origin = this.#origins.get(id.slice(0, 16));
    if (!origin || count > origin.highest) return false;
    return !origin.gaps.some(([first, last]) => first <= count && count <= last);
  }

  /** It is accepted now. */
  add(id: Id): void {
    const count = countOf(id) ?? 0;
    const name = id.slice(0, 16);
    const origin = this.#origins.get(name) ?? { highest: 0, gaps: [] };
    this.#origins.delete(name);
    this.#origins.set(name, origin);
    if (count > origin.highest) {
      if (count > origin.highest + 1) origin.gaps.push([origin.highest + 1, count - 1]);
      origin.highest = count;
    } else {
      origin.gaps = origin.gaps.flatMap(([first, last]) => {
        if (count < first || last < count) return [[first, last]];
        const left: [number, number][] = first < count ? [[first, count - 1]] : [];
        return count < last ? [...left, [count + 1, last]] : left;
      });
    }
    if (origin.gaps.length > GAPS) origin.gaps.shift();
    if (this.#origins.size > ORIGINS) {
      const [oldest] = this.#origins.keys();
      if (oldest !== undefined) this.#origins.delete(oldest);
    }
  }

  clear(): void {
    this.#origins.clear();
  }

  /** As it is kept: origins oldest first, their highest counts, and gaps as origin, first, last. */
  save(): { origins: string[]; highest: number[]; gaps: number[] } {
    const all = [...this.#origins];
    return {
      origins: all.map(([name]) => name),
      highest: all.map(([, { highest }]) => highest),
      gaps: all.flatMap(([, { gaps }], i) => gaps.flatMap((gap) => [i, ...gap])),
    };
  }

  load(saved: {
    readonly origins: readonly string[];
    readonly highest: readonly number[];
    readonly gaps: readonly number[];
  }): void {
    const origins = saved.origins.map((_, i): Origin => ({
      highest: saved.highest[i] ?? 0,
      gaps: [],
    }));
    for (let i = 0; i + 2 < saved.gaps.length; i += 3) {
      const [at, first, last] = saved.gaps.slice(i, i + 3) as [number, number, number];
      origins[at]?.gaps.push([first, last]);
    }
    origins.forEach((origin, i) => this.#origins.set(saved.origins[i] as string, origin));
  }
}
