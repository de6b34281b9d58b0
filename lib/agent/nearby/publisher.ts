/**
 * Keeps the entries of this agent's services in all its networks as they are advertised.
 *
 * @module
 */
import { AgentError, type Clock } from "../../core/mod.ts";
import { jsonEqual, type Value } from "../../state/mod.ts";
import { type PublishedInto, setOwnEntries } from "../own_entries.ts";
import type { Problems } from "../problems.ts";
import { serviceKey, serviceValue, type SharedService } from "./entry.ts";

/** Bytes of node data for all services, and their share of what a small network allows. */
const MOST_BYTES = 16_384;
const SHARE = 1 / 8;

export class ServicePublisher {
  readonly #networks: readonly PublishedInto[];
  readonly #clock: Pick<Clock, "wall">;
  readonly #problems: Problems;
  /** By network: what stands there now. */
  readonly #published: Map<string, Value>[];

  constructor(
    networks: readonly PublishedInto[],
    clock: Pick<Clock, "wall">,
    problems: Problems,
  ) {
    this.#networks = networks;
    this.#clock = clock;
    this.#problems = problems;
    this.#published = networks.map(() => new Map());
  }

  /** Makes the entries these. Answers whether anything has changed. */
  publish(services: readonly SharedService[]): boolean {
    let changed = false;
    for (const [i, network] of this.#networks.entries()) {
      const published = this.#published[i] as Map<string, Value>;
      const wanted = new Map(services.map((one) => [serviceKey(one.name), serviceValue(one)]));
      const wall = this.#clock.wall();
      for (const key of [...published.keys()]) {
        if (wanted.has(key)) continue;
        published.delete(key);
        changed = this.#write(network, wall, key, null) || changed;
      }
      let room = Math.min(MOST_BYTES, Math.floor(network.stateLimit * SHARE));
      let left = 0;
      for (const [key, value] of wanted) {
        const size = network.codec.sizeOf({ key, value, at: Math.floor(wall) });
        const before = published.get(key);
        room -= size;
        if (before !== undefined && jsonEqual(before, value) && room >= 0) continue;
        if (room >= 0 && this.#write(network, wall, key, value)) {
          published.set(key, value);
          changed = true;
          continue;
        }
        left++;
        room += size;
        // Better nothing than something that is no longer so.
        if (published.delete(key)) changed = this.#write(network, wall, key, null) || changed;
      }
      this.#tell(network, left, wanted.size);
    }
    return changed;
  }

  #write(network: PublishedInto, wall: number, key: string, value: Value | null) {
    try {
      setOwnEntries(network, wall, [[key, value]]);
      return true;
    } catch (error) {
      // No room, or a name that no key can carry.
      if (error instanceof AgentError) return false;
      throw error;
    }
  }

  #tell({ config }: PublishedInto, left: number, all: number): void {
    const key = `${config.name}:services`;
    if (left === 0) return this.#problems.clear(key);
    this.#problems.note(
      key,
      `${left} of ${all} services have no room in this node's state in network "${config.name}", and` +
        " are found in its own subnet only; unadvertise some, or unset keys",
      { lasts: true },
    );
  }
}
