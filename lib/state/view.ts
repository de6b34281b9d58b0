/**
 * What all reachable nodes say: node → key → entry. Fed by the DNCP machine's events, it decodes
 * only the node that changed, and tells what changed in it.
 *
 * @module
 */
import type { NodeId, NodeView } from "../dncp/api.ts";
import { compareBytes } from "../wire/bytes.ts";
import { type Address, matchesKey } from "./address.ts";
import type { StateCodec } from "./codec.ts";
import { byKey, type Entry, entryEqual, timestamp, type Value } from "./entry.ts";
import type { NodeEntries } from "./json.ts";
import { NAME_KEY, NodeNames } from "./names.ts";

/** One change of one entry. */
export interface StateChange {
  readonly id: NodeId;
  /** The name that the node was shown under in that moment. */
  readonly node: string;
  readonly key: string;
  /** The new value; `null` where the entry is gone. */
  readonly value: Value | null;
  /** Owner's time of the change in ms since 1970; where the entry is gone, when that was noticed here. */
  readonly at: number;
  /** `unset`: its node removed it. `lost`: its node went away. */
  readonly event: "set" | "unset" | "lost";
  /** What stood there before. */
  readonly before?: Entry;
}

/** A node as lists show it. */
export interface NodeSummary {
  readonly id: NodeId;
  readonly node: string;
  readonly self: boolean;
  readonly keys: number;
  /** When its state was originated, on the local monotonic clock, in ms. */
  readonly origination: number;
}

/** Which entries to give; what is absent does not restrict. */
export interface StateQuery {
  readonly nodes?: Iterable<NodeId>;
  /** Keys that begin with this. */
  readonly prefix?: string;
  /** Exactly these keys; together with `prefix`: either. */
  readonly keys?: Iterable<string>;
}

type Pattern = Pick<Address, "key" | "prefix">;

interface NodeState {
  view: NodeView;
  entries: Map<string, Entry>;
}

/** The state of the whole network, as this node knows it. */
export class NetworkView {
  readonly #names = new NodeNames();
  readonly #codec: StateCodec;
  readonly #nodes = new Map<NodeId, NodeState>();
  readonly #listeners = new Set<(change: StateChange) => void>();

  constructor(codec: StateCodec) {
    this.#codec = codec;
  }

  /** The names that the nodes are shown under. */
  get names(): Pick<NodeNames, "of" | "resolve" | "resolveOne"> {
    return this.#names;
  }

  /** Nodes known, this one included. */
  get size(): number {
    return this.#nodes.size;
  }

  /** Be told of every change from now on. Returns what ends it. */
  onChange(listener: (change: StateChange) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * As `DncpEvents.nodeChanged`. `wall`: ms since 1970, now; it dates what went without a date of
   * its own.
   */
  nodeChanged(wall: number, change: { after?: NodeView; before?: NodeView }): void {
    if (change.after !== undefined) this.#update(wall, change.after);
    else if (change.before !== undefined) this.#remove(wall, change.before.id);
  }

  /** Entries by node id, prefix and key. Nodes without a matching entry are left out. */
  get({ nodes, prefix, keys }: StateQuery = {}): NodeEntries[] {
    const wanted: Pattern[] = Array.from(keys ?? [], (key) => ({ key, prefix: false }));
    if (prefix !== undefined || keys === undefined) {
      wanted.push({ key: prefix ?? "", prefix: true });
    }
    const found: NodeEntries[] = [];
    for (const id of nodes === undefined ? this.#nodes.keys() : new Set(nodes)) {
      const entries = this.#matching(id, wanted);
      if (entries.length > 0) found.push({ id, node: this.#names.of(id), entries });
    }
    return found.sort(byNode);
  }

  /**
   * Entries that any of the addresses means, all where there is none; and the addresses that meant
   * nothing.
   * @throws {AgentError} exit 2 where the node of an address may be one of several.
   */
  select(addresses: readonly Address[]): { nodes: NodeEntries[]; missing: Address[] } {
    if (addresses.length === 0) return { nodes: this.get(), missing: [] };
    const missing = new Set(addresses);
    const byId = new Map<NodeId, Address[]>();
    for (const address of addresses) {
      for (const id of this.#nodesOf(address)) {
        if (this.#matching(id, [address]).length === 0) continue;
        missing.delete(address);
        const others = byId.get(id);
        if (others) others.push(address);
        else byId.set(id, [address]);
      }
    }
    const nodes = Array.from(byId, ([id, addresses]) => ({
      id,
      node: this.#names.of(id),
      entries: this.#matching(id, addresses),
    }));
    return { nodes: nodes.sort(byNode), missing: [...missing] };
  }

  /** One entry. */
  entry(id: NodeId, key: string): Entry | undefined {
    return this.#nodes.get(id)?.entries.get(key);
  }

  /** All nodes, in the order of the names they are shown under. */
  nodes(): NodeSummary[] {
    return Array.from(this.#nodes, ([id, { view, entries }]) => ({
      id,
      node: this.#names.of(id),
      self: view.self,
      keys: entries.size,
      origination: view.origination,
    })).sort(byNode);
  }

  #nodesOf(address: Address): Iterable<NodeId> {
    if (address.node === undefined) return this.#nodes.keys();
    const ids = this.#names.resolve(address.node);
    return ids.length > 1 ? [this.#names.resolveOne(address.node)] : ids;
  }

  #matching(id: NodeId, wanted: readonly Pattern[]): Entry[] {
    const entries = this.#nodes.get(id)?.entries;
    if (entries === undefined) return [];
    const keys = new Set(wanted.flatMap(({ key, prefix }) => prefix ? [] : key));
    const prefixes = wanted.filter(({ prefix }) => prefix);
    if (prefixes.length === 0) {
      return [...keys].flatMap((key) => entries.get(key) ?? []).sort(byKey);
    }
    return [...entries.values()]
      .filter(({ key }) => keys.has(key) || prefixes.some((pattern) => matchesKey(pattern, key)))
      .sort(byKey);
  }

  #update(wall: number, view: NodeView): void {
    const state = this.#nodes.get(view.id);
    if (state !== undefined && compareBytes(state.view.data, view.data) === 0) {
      state.view = view;
      return;
    }
    const { entries } = this.#codec.decode(view.data);
    const before = state?.entries ?? new Map<string, Entry>();
    this.#nodes.set(view.id, { view, entries });
    this.#names.set(view.id, entries.get(NAME_KEY)?.value);
    if (this.#listeners.size === 0) return;
    const node = this.#names.of(view.id);
    for (const old of before.values()) {
      if (!entries.has(old.key)) this.#tellGone(wall, view.id, node, old, "unset");
    }
    for (const entry of entries.values()) {
      const old = before.get(entry.key);
      if (entryEqual(old, entry)) continue;
      const change = { id: view.id, node, ...entry, event: "set" as const };
      this.#tell(old === undefined ? change : { ...change, before: old });
    }
  }

  #remove(wall: number, id: NodeId): void {
    const state = this.#nodes.get(id);
    if (state === undefined) return;
    const node = this.#names.of(id);
    this.#nodes.delete(id);
    this.#names.delete(id);
    for (const old of state.entries.values()) this.#tellGone(wall, id, node, old, "lost");
  }

  #tellGone(wall: number, id: NodeId, node: string, before: Entry, event: "unset" | "lost"): void {
    this.#tell({ id, node, key: before.key, value: null, at: timestamp(wall), event, before });
  }

  #tell(change: StateChange): void {
    for (const listener of [...this.#listeners]) listener(change);
  }
}

function byNode(a: { node: string }, b: { node: string }): number {
  return a.node < b.node ? -1 : a.node > b.node ? 1 : 0;
}
