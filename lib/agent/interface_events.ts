/**
 * Changes of the interfaces as events: what was added, changed, removed.
 *
 * @module
 */
import type { InterfaceEvent, InterfaceRow } from "../http/api.ts";
import type { InterfaceInfo, InterfaceSource } from "../net/mod.ts";
import { Listeners } from "./listeners.ts";

/** An interface as scripts see it. */
export function interfaceRow(info: InterfaceInfo): InterfaceRow {
  const { name, index, mac, up, running, mtu, addresses } = info;
  return { name, index, mac, up, running, mtu, addresses: [...addresses] };
}

/** Watches a source while somebody listens. */
export class InterfaceEvents {
  readonly #source: InterfaceSource;
  readonly #wall: () => number;
  readonly #listeners: Listeners<InterfaceEvent>;
  #before = new Map<string, InterfaceRow>();
  #unsubscribe: (() => void) | undefined;

  /** `wall`: ms since 1970. */
  constructor(source: InterfaceSource, wall: () => number, onError: (error: unknown) => void) {
    this.#source = source;
    this.#wall = wall;
    this.#listeners = new Listeners(onError);
  }

  /** Returns how to stop that. */
  subscribe(listener: (event: InterfaceEvent) => void): () => void {
    if (this.#listeners.size === 0) {
      this.#before = byPlace(this.#source.current());
      this.#unsubscribe = this.#source.subscribe((all) => this.#compare(all));
    }
    const remove = this.#listeners.add(listener);
    return () => {
      remove();
      if (this.#listeners.size > 0) return;
      this.#unsubscribe?.();
      this.#unsubscribe = undefined;
    };
  }

  #compare(all: readonly InterfaceInfo[]): void {
    const before = this.#before;
    this.#before = byPlace(all);
    const at = new Date(this.#wall()).toISOString();
    for (const [place, row] of before) {
      if (!this.#before.has(place)) this.#listeners.tell({ event: "removed", at, ...row });
    }
    for (const [place, row] of this.#before) {
      const was = before.get(place);
      if (was === undefined) this.#listeners.tell({ event: "added", at, ...row });
      else if (JSON.stringify(was) !== JSON.stringify(row)) {
        this.#listeners.tell({ event: "changed", at, ...row });
      }
    }
  }
}

/** By index and name: an interface that was deleted and made again, or renamed, is another one. */
function byPlace(all: readonly InterfaceInfo[]): Map<string, InterfaceRow> {
  return new Map(all.map((info) => [`${info.index} ${info.name}`, interfaceRow(info)]));
}
