/**
 * The gateway between the networks of one agent: entries of other nodes that a network's `share` names
 * are copied into this agent's own dictionary of every other network, as `NODE/KEY` with the time of
 * the original, for as long as the original is there.
 *
 * Nothing goes in circles: this agent's own entries are never copied, nor what any gateway has copied.
 * That is told by `agent/gateway`, the names of the nodes whose entries a gateway shows under
 * `NODE/…`; it is published before the first copy and taken back after the last.
 *
 * @module
 */
import { AgentError, type Clock, type Machine } from "../../core/mod.ts";
import {
  type Address,
  AGENT_PREFIX,
  type Entry,
  keyProblem,
  matchesEntry,
  NAME_KEY,
  type NodeEntries,
  parseAddress,
} from "../../state/mod.ts";
import type { Network } from "./network.ts";
import type { Problems } from "../problems.ts";

/** What each node says that its gateway copies. */
export const GATEWAY_KEY = `${AGENT_PREFIX}gateway`;
/** Changes are collected for this long, in ms. */
const PAUSE = 20;

/** What a {@linkcode Gateway} stands on. */
export interface GatewayOptions {
  readonly networks: readonly Network[];
  readonly clock: Clock;
  readonly problems: Problems;
  /** Its next wake may have moved. */
  readonly touched: () => void;
}

/** What one network gives to the others. */
interface Source {
  readonly network: Network;
  patterns: readonly Address[];
  /** Of the last look: entries as the others show them, and the nodes that they are from. */
  entries: readonly Entry[];
  nodes: readonly string[];
}

/** Copies between all networks of an agent. */
export class Gateway implements Machine {
  readonly #options: GatewayOptions;
  readonly #sources: Source[];
  readonly #ends: (() => void)[] = [];
  #lookAt = Infinity;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#sources = options.networks.map((network) => ({
      network,
      patterns: [],
      entries: [],
      nodes: [],
    }));
  }

  /** Begin to copy; also after patterns have changed. */
  start(): void {
    this.#unsubscribe();
    for (const source of this.#sources) {
      source.patterns = source.network.share.map(parseAddress);
      if (source.patterns.length === 0) continue;
      this.#ends.push(
        source.network.view.onChange(({ id, node, key }) => {
          const counts = key === NAME_KEY || key === GATEWAY_KEY ||
            this.#isMeant(source, id, node, key);
          if (counts) this.#lookSoon();
        }),
      );
    }
    this.#lookSoon();
  }

  /** Copy no more; what was copied stays as it is. */
  stop(): void {
    this.#unsubscribe();
    this.#lookAt = Infinity;
  }

  nextWake(): number {
    return this.#lookAt;
  }

  wake(now: number): void {
    if (now < this.#lookAt) return;
    this.#lookAt = Infinity;
    for (const source of this.#sources) this.#gather(source);
    for (const { network } of this.#sources) this.#copyInto(network);
  }

  #lookSoon(): void {
    this.#lookAt = Math.min(this.#lookAt, this.#options.clock.now() + PAUSE);
    this.#options.touched();
  }

  #unsubscribe(): void {
    for (const end of this.#ends.splice(0)) end();
  }

  #isMeant({ network, patterns }: Source, id: string, node: string, key: string): boolean {
    return id !== network.machine.nodeId && !key.startsWith(AGENT_PREFIX) &&
      patterns.some((pattern) => matchesEntry(pattern, { id, node, key }));
  }

  #gather(source: Source): void {
    const entries: Entry[] = [];
    const nodes = new Set<string>();
    const { view } = source.network;
    for (const { id, node, entries: theirs } of source.patterns.length > 0 ? view.get() : []) {
      const copies = copiesOf(theirs);
      for (const entry of theirs) {
        if (!this.#isMeant(source, id, node, entry.key)) continue;
        if (copies.some((name) => entry.key.startsWith(`${name}/`))) continue;
        const key = `${node}/${entry.key}`;
        if (keyProblem(key) !== undefined) continue;
        entries.push({ ...entry, key });
        nodes.add(node);
      }
    }
    source.entries = entries;
    source.nodes = [...nodes];
  }

  #copyInto(target: Network): void {
    const { clock, problems } = this.#options;
    const sources = this.#sources.filter(({ network }) => network !== target);
    const before = target.own.get(GATEWAY_KEY)?.value;
    const nodes = [...new Set(sources.flatMap((source) => source.nodes))].sort();
    const announce = (names: readonly string[]) =>
      target.own.setAgent(clock.wall(), [[GATEWAY_KEY, names.length > 0 ? [...names] : null]]);
    for (const { network, entries } of sources) {
      const problem = `${target.config.name}:share:${network.config.name}`;
      const told = (what: string) =>
        problems.note(
          problem,
          `network ${target.config.name}: ${what} of network ${network.config.name} cannot be ` +
            `shown here; name fewer keys in its share`,
        );
      try {
        announce([...new Set([...namesIn(before), ...nodes])].sort());
        const refused = target.own.share(network.config.name, entries);
        if (refused.length > 0) told(`${refused.length} of ${entries.length} entries`);
        else problems.clear(problem);
      } catch (error) {
        if (!(error instanceof AgentError)) throw error;
        target.own.share(network.config.name, []);
        told("the entries");
      }
    }
    if (before !== undefined || nodes.length > 0) {
      try {
        announce(nodes);
      } catch (error) {
        // Where there is no room for the names, there are no copies either.
        if (!(error instanceof AgentError)) throw error;
      }
    }
  }
}

/** The nodes whose entries a node shows as copies. */
function copiesOf(entries: NodeEntries["entries"]): string[] {
  return namesIn(entries.find(({ key }) => key === GATEWAY_KEY)?.value);
}

function namesIn(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((name) => typeof name === "string") : [];
}
