/**
 * Keeps the entries of this agent's services in all its networks as they are advertised.
 *
 * @module
 */
import { AgentError, type Clock } from "../../core/mod.ts";
import { jsonEqual, type OwnDictionary, type Value } from "../../state/mod.ts";
import type { Problems } from "../problems.ts";
import { serviceKey, serviceValue, type SharedService } from "./entry.ts";

/** Bytes of node data for all services, and their share of what a small network allows. */
const MOST_BYTES = 16_384;
const SHARE = 1 / 8;
/** Bytes that are left for what else the agent says of itself; less where there is little in all. */
const SPARE = 1_024;

/** A network that services are published in. */
export interface ServicesInto {
  readonly config: { readonly name: string };
  readonly own: Pick<OwnDictionary, "setAgent">;
  readonly codec: { sizeOf(entry: { key: string; value: Value; at: number }): number };
  /** In bytes of node data. */
  readonly stateLimit: number;
}

export class ServicePublisher {
  readonly #networks: readonly ServicesInto[];
  readonly #clock: Pick<Clock, "wall">;
  readonly #problems: Problems;
  /** By network: what stands there now. */
  readonly #published: Map<string, Value>[];

  constructor(
    networks: readonly ServicesInto[],
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

  #write({ own, stateLimit }: ServicesInto, wall: number, key: string, value: Value | null) {
    try {
      own.setAgent(wall, [[key, value]], Math.min(SPARE, Math.floor(stateLimit / 64)));
      return true;
    } catch (error) {
      // No room, or a name that no key can carry.
      if (error instanceof AgentError) return false;
      throw error;
    }
  }

  #tell({ config }: ServicesInto, left: number, all: number): void {
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
