/**
 * Keeps the entries of this agent's cables in all its networks as the sessions are. A change shows
 * within half a second; a link that flaps causes two publications a second and not a hundred.
 *
 * @module
 */
import type { Clock, Machine } from "../../core/mod.ts";
import type { SessionView } from "../../lsoe/mod.ts";
import type { InterfaceInfo } from "../../net/mod.ts";
import { jsonEqual, StateRefusal, type Value, type Write } from "../../state/mod.ts";
import { type PublishedInto, setOwnEntries } from "../own_entries.ts";
import { linkKey, LINKS_PREFIX, linkValue, LSOE_ID_KEY } from "./entry.ts";
import type { Problems } from "../problems.ts";

/** Changes are gathered for this long: a session opens with four lists. In ms. */
const GATHER = 20;
/** Between two publications, in ms. */
const AT_LEAST_APART = 500;
/** What had no room is tried again after this, in ms. */
const AGAIN = 10_000;
/** Bytes of node data for all cables, and their share of what a small network allows: 64 and more fit. */
const MOST_BYTES = 24_576;
const SHARE = 3 / 8;

/** What a {@linkcode LinkPublisher} stands on. */
export interface PublisherOptions {
  readonly networks: readonly PublishedInto[];
  readonly clock: Clock;
  readonly problems: Problems;
  /** Ten hex pairs joined by `:`. */
  readonly localId: string;
  readonly sessions: () => readonly SessionView[];
  readonly interfaces: () => readonly InterfaceInfo[];
  /** Its next wake may have moved. */
  readonly touched: () => void;
}

/** Publishes the cables of one running LSOE. */
export class LinkPublisher implements Machine {
  readonly #options: PublisherOptions;
  /** By network: what stands there now. */
  readonly #published: Map<string, Value>[];
  #at = Infinity;
  #last = -Infinity;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#published = options.networks.map(() => new Map());
  }

  /** Something is different: publish it soon. */
  changed(): void {
    if (this.#at !== Infinity) return;
    const now = this.#options.clock.now();
    this.#at = Math.max(now + GATHER, this.#last + AT_LEAST_APART);
    this.#options.touched();
  }

  /** Take everything back. */
  clear(): void {
    this.#at = Infinity;
    for (const [i, network] of this.#options.networks.entries()) this.#bring(i, network, new Map());
    this.#options.touched();
  }

  nextWake(): number {
    return this.#at;
  }

  wake(now: number): void {
    if (now < this.#at) return;
    this.#at = Infinity;
    this.#last = now;
    const wanted = this.#wanted();
    let complete = true;
    for (const [i, network] of this.#options.networks.entries()) {
      const left = this.#bring(i, network, wanted);
      this.#tell(network, left, wanted.size - 1);
      complete &&= left === 0;
    }
    if (!complete) this.#at = now + AGAIN;
  }

  /** What should stand there, the oldest session first: the new ones have to do without. */
  #wanted(): Map<string, Value> {
    const { localId, sessions, interfaces } = this.#options;
    const infos = new Map(interfaces().map((info) => [info.index, info]));
    const wanted = new Map<string, Value>([[LSOE_ID_KEY, localId]]);
    const open = sessions().filter(({ state, stale }) => state === "open" || stale);
    for (const session of [...open].sort((a, b) => a.id - b.id)) {
      const info = infos.get(session.interfaceIndex);
      wanted.set(
        linkKey(session),
        linkValue(session, info?.addresses ?? [], info?.running ?? true),
      );
    }
    return wanted;
  }

  /** Make a network's entries so. Answers how many had no room. */
  #bring(i: number, network: PublishedInto, wanted: ReadonlyMap<string, Value>): number {
    const published = this.#published[i] as Map<string, Value>;
    const wall = this.#options.clock.wall();
    const fitting = fit(network, wanted, wall);
    const gone = [...published.keys()].filter((key) => !fitting.has(key));
    const fresh = [...fitting].filter(([key, value]) => {
      const before = published.get(key);
      return before === undefined || !jsonEqual(before, value);
    });
    const writes: Write[] = [...gone.map((key) => [key, null] as const), ...fresh];
    if (writes.length === 0) return wanted.size - fitting.size;
    for (const key of gone) published.delete(key);
    if (take(network, wall, writes)) {
      for (const [key, value] of fresh) published.set(key, value);
      return wanted.size - fitting.size;
    }
    // No room for all of it: what goes makes room for what comes, and then as much as there is.
    take(network, wall, gone.map((key) => [key, null]));
    let left = wanted.size - fitting.size;
    for (const [key, value] of fresh) {
      if (take(network, wall, [[key, value]])) published.set(key, value);
      else {
        left++;
        // Better nothing than something that is no longer so.
        if (published.delete(key)) take(network, wall, [[key, null]]);
      }
    }
    return left;
  }

  #tell({ config }: PublishedInto, left: number, all: number): void {
    const { problems } = this.#options;
    const key = `${config.name}:links`;
    if (left === 0) problems.clear(key);
    else {
      problems.note(
        key,
        `${left} of ${all} cables have no room in this node's state in network "${config.name}", and` +
          ` others do not see them; unset keys, or let fewer interfaces speak LSOE`,
      );
    }
  }
}

/** The first of the entries, as many as cables may take. */
function fit(
  { codec, stateLimit }: PublishedInto,
  wanted: ReadonlyMap<string, Value>,
  at: number,
): Map<string, Value> {
  let room = Math.min(MOST_BYTES, Math.floor(stateLimit * SHARE));
  const fitting = new Map<string, Value>();
  for (const [key, value] of wanted) {
    const size = codec.sizeOf({ key, value, at: Math.floor(at) });
    if (key.startsWith(LINKS_PREFIX) && size > room) continue;
    if (key.startsWith(LINKS_PREFIX)) room -= size;
    fitting.set(key, value);
  }
  return fitting;
}

function take(network: PublishedInto, wall: number, writes: readonly Write[]): boolean {
  try {
    setOwnEntries(network, wall, writes);
    return true;
  } catch (error) {
    if (error instanceof StateRefusal) return false;
    throw error;
  }
}
