/**
 * Who can be reached by messages, and how: from what the nodes of our networks publish. Names are
 * those of the shared state; a node is dialled by its place there (`@NETWORK/NODE`), so that a change of
 * its addresses writes nothing to the disk.
 *
 * @module
 */
import { AgentError, type Clock, ExitCode, messageOf } from "../../core/mod.ts";
import {
  formatHostPort,
  type HostPort,
  type InterfaceInfo,
  parseHostPort,
  type SecureStream,
} from "../../net/mod.ts";
import type { Acquaintance, Destination, Id, LinkView } from "../../piot/mod.ts";
import { jsonEqual, NAME_KEY, StateRefusal, type Value } from "../../state/mod.ts";
import { interfaceMatcher } from "../config/config.ts";
import { reachableAddresses } from "../join/invite_code.ts";
import type { Network } from "../network/network.ts";
import { hostOfPeer } from "../network/peers.ts";
import type { Problems } from "../problems.ts";
import {
  addressesOf,
  entryValue,
  hostToken,
  isLoopbackAddress,
  PIOT_KEY,
  portOf,
  readEntry,
} from "./entry.ts";

/** A network, as far as it matters here. */
export type PiotNetwork =
  & Pick<Network, "config" | "view" | "own" | "transport" | "listen" | "interfaces">
  & { readonly machine: Pick<Network["machine"], "nodeId" | "peers"> };

/** A node of one of our networks that takes messages. */
export interface KnownNode {
  readonly id: Id;
  /** As it is shown. */
  readonly name: string;
  /** Where it can be dialled: `@NETWORK/NODE`, one a network. */
  readonly addresses: readonly string[];
  /** It asks us to dial it. */
  readonly calls: boolean;
}

export interface DirectoryOptions {
  readonly id: Id;
  /** Of this node. */
  readonly name: string;
  /** Only those that have sealed streams. */
  readonly networks: readonly PiotNetwork[];
  readonly clock: Clock;
  readonly problems: Problems;
  readonly interfaces: () => readonly InterfaceInfo[];
  /** Something that was published changed: the scheduler should look again. */
  readonly touched: () => void;
  /** A node is new, or something about it is. */
  readonly onNode: (node: KnownNode) => void;
  /** A network has given us another node id: this is a copy of another computer's disk. */
  readonly onRenamed: () => void;
}

/** Addresses of one node that are tried at the most. */
const MOST_TRIED = 8;
/** An address at which another node answered is left out for so long, in ms. */
const AVOIDED = 600_000;
const MOST_AVOIDED = 256;
/** Nodes that are asked to dial us, at the most: what is published is small. */
const MOST_CALLS = 8;

/** What is known of the nodes of our networks. */
export class Directory {
  readonly #options: DirectoryOptions;
  readonly #nodes = new Map<Id, KnownNode>();
  readonly #published: (Value | undefined)[] = [];
  readonly #unsubscribe: (() => void)[] = [];
  readonly #calls = new Set<Id>();
  /** `NODE HOST:PORT` → until when, in monotonic ms. */
  readonly #avoided = new Map<string, number>();
  readonly #ownIds: readonly string[];
  readonly #host = hostToken();
  #looking = false;

  constructor(options: DirectoryOptions) {
    this.#options = options;
    this.#ownIds = options.networks.map(({ machine }) => machine.nodeId);
    for (const { view } of options.networks) {
      this.#unsubscribe.push(view.onChange(({ key }) => {
        if (key === PIOT_KEY || key === NAME_KEY) this.#lookSoon();
      }));
    }
  }

  /** Publish, and read what others do. */
  start(): void {
    this.publish();
    this.#look();
  }

  /** Take everything back. */
  stop(): void {
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe();
    const wall = this.#options.clock.wall();
    for (const [i, { own }] of this.#options.networks.entries()) {
      if (this.#published[i] !== undefined) own.setAgent(wall, [[PIOT_KEY, null]]);
    }
    this.#options.touched();
  }

  node(id: Id): KnownNode | undefined {
    return this.#nodes.get(id);
  }

  nodes(): Iterable<KnownNode> {
    return this.#nodes.values();
  }

  /** Whether somebody was heard of in a sealed network, so that nobody else may use that id. */
  isSealed(id: Id): boolean {
    return this.#nodes.has(id);
  }

  /** A node cannot be dialled, or can again: whether it is asked to dial us. */
  call(id: Id, wanted: boolean): void {
    if (wanted === this.#calls.has(id) || wanted && this.#calls.size >= MOST_CALLS) return;
    if (wanted) this.#calls.add(id);
    else this.#calls.delete(id);
    this.publish();
  }

  /** Another node answered at an address of this one. Whether there are others to try. */
  avoid(address: string, remote: string): boolean {
    const place = this.#placeOf(address);
    if (!place) return false;
    if (this.#avoided.size >= MOST_AVOIDED) this.#avoided.clear();
    this.#avoided.set(`${place.node} ${remote}`, this.#options.clock.now() + AVOIDED);
    return place.network !== undefined && this.#candidates(place.network, place.node).length > 0;
  }

  /** Publish what holds now, where that is something else. */
  publish(): void {
    const { id, networks, clock, problems, touched } = this.#options;
    for (const [i, network] of networks.entries()) {
      const key = `${network.config.name}:piot`;
      const at = this.#ownAddresses(network);
      const local = at.some((one) => isLoopbackAddress(parseHostPort(one, 0).host));
      const host = local ? this.#host : undefined;
      const value = entryValue({ id, at, host, calls: [...this.#calls] });
      const before = this.#published[i];
      if (before !== undefined && jsonEqual(before, value)) continue;
      try {
        network.own.setAgent(clock.wall(), [[PIOT_KEY, value]]);
        this.#published[i] = value;
        problems.clear(key);
      } catch (error) {
        if (!(error instanceof StateRefusal)) throw error;
        problems.note(
          key,
          `there is no room to say in network "${network.config.name}" where messages go ` +
            `(${messageOf(error)}); unset keys of this node`,
          { lasts: true },
        );
      }
    }
    touched();
  }

  /**
   * What a text means: a name as `agent nodes` shows it, the id of a node, or that of a link's peer; a
   * name that nobody has yet stands for itself.
   *
   * @throws {AgentError} exit 2 where it may be several, or this node.
   */
  resolve(text: string, links: readonly LinkView[]): Destination {
    if (/^[0-9a-f]{32}$/i.test(text)) return this.#notOurselves({ peer: text.toLowerCase() }, text);
    const found = this.#named(text);
    const [one] = found;
    if (found.size > 1) {
      const shown = [...found.values()].slice(0, 4).join(", ");
      throw new AgentError(
        `"${text}" may be any of ${found.size} nodes: ${shown}; name one of them`,
        ExitCode.Usage,
      );
    }
    if (one !== undefined && one[0] !== undefined) {
      return this.#notOurselves({ peer: one[0] }, text);
    }
    const known = links.filter(({ name }) => name === text);
    if (known.length > 1) {
      const ids = known.map(({ peer, link }) => peer ?? `link ${link}`).join(", ");
      throw new AgentError(
        `${known.length} nodes are called "${text}"; name one by its id: ${ids}`,
        ExitCode.Usage,
      );
    }
    if (known[0]) return { link: known[0].link };
    if (!/^[^\s:/~\p{Cc}]{1,63}$/u.test(text)) {
      throw new AgentError(`"${text}" is no node's name; see: agent nodes`, ExitCode.Usage);
    }
    return { name: text };
  }

  /** The name of a node for people. */
  nameOf(id: Id | undefined, otherwise: string): string {
    if (id === this.#options.id) return this.#options.name;
    const known = id === undefined ? undefined : this.#nodes.get(id);
    return known?.name ?? (otherwise || (id ?? ""));
  }

  /** Opens a stream to `@NETWORK/NODE`; `undefined` where that is no such address. */
  dial(address: string, signal: AbortSignal): Promise<SecureStream> | undefined {
    const place = this.#placeOf(address);
    return place && this.#dialNode(place.network, place.node, signal);
  }

  #placeOf(address: string): { network: PiotNetwork | undefined; node: string } | undefined {
    const [, name, node] = /^@([^/]+)\/([0-9a-f]+)$/.exec(address) ?? [];
    if (name === undefined || node === undefined) return undefined;
    return { network: this.#options.networks.find(({ config }) => config.name === name), node };
  }

  async #dialNode(
    network: PiotNetwork | undefined,
    node: string,
    signal: AbortSignal,
  ): Promise<SecureStream> {
    const messages = network?.transport.messages;
    const candidates = network === undefined ? [] : this.#candidates(network, node);
    let last: unknown = new AgentError("no address is known", ExitCode.Unreachable);
    for (const address of messages ? candidates : []) {
      try {
        return await messages!.dial(address, signal);
      } catch (error) {
        last = error;
        if (signal.aborted) break;
      }
    }
    throw last;
  }

  /** Where a node may be: as its peer we know an address that works; and what it says of itself. */
  #candidates({ machine, view }: PiotNetwork, node: string): HostPort[] {
    const [published] = view.get({ nodes: [node], keys: [PIOT_KEY] });
    const entry = readEntry(published?.entries[0]?.value);
    const port = entry && portOf(entry);
    if (entry === undefined || port === undefined) return [];
    const told = addressesOf(entry, this.#host);
    const near = machine.peers().filter((peer) => peer.node === node)
      .map((peer) => ({ host: hostOfPeer(peer), port }));
    const all = new Map([...near, ...told].map((one) => [formatHostPort(one.host, one.port), one]));
    const now = this.#options.clock.now();
    return [...all].filter(([address]) => (this.#avoided.get(`${node} ${address}`) ?? 0) <= now)
      .map(([, one]) => one).slice(0, MOST_TRIED);
  }

  #ownAddresses({ listen, interfaces }: PiotNetwork): string[] {
    if (listen === undefined) return [];
    const inUse = new Set(interfaces);
    const isWanted = inUse.size > 0 ? (one: string) => inUse.has(one) : interfaceMatcher(["*"]);
    const reachable = reachableAddresses(listen, this.#options.interfaces(), isWanted);
    if (reachable.length > 0) {
      return reachable.map(({ host, port }) => formatHostPort(host, port));
    }
    // Only this computer can dial us, as it seems: agents on it find us all the same.
    return [formatHostPort("127.0.0.1", parseHostPort(listen, 0).port)];
  }

  /** Nodes of all networks that a text may mean: the ids that they have here → how they are shown. */
  #named(text: string): Map<Id | undefined, string> {
    const found = new Map<Id | undefined, string>();
    for (const { view } of this.#options.networks) {
      for (const node of view.names.resolve(text)) {
        const [published] = view.get({ nodes: [node], keys: [PIOT_KEY] });
        const id = readEntry(published?.entries[0]?.value)?.id;
        found.set(id, view.names.of(node));
      }
    }
    // One that takes no messages, or says nothing yet, is waited for by its name.
    if (found.size === 1 && found.has(undefined)) found.clear();
    return found;
  }

  #notOurselves(to: { readonly peer: Id }, text: string): Destination {
    if (to.peer !== this.#options.id) return to;
    throw new AgentError(`"${text}" is this node itself; name another`, ExitCode.Usage);
  }

  /** Once for all changes of one turn. */
  #lookSoon(): void {
    if (this.#looking) return;
    this.#looking = true;
    queueMicrotask(() => {
      this.#looking = false;
      if (this.#unsubscribe.length > 0) this.#look();
    });
  }

  #look(): void {
    const { id, networks, onNode, onRenamed } = this.#options;
    if (networks.some(({ machine }, i) => machine.nodeId !== this.#ownIds[i])) return onRenamed();
    const seen = new Map<Id, KnownNode>();
    for (const { config, view } of networks) {
      for (const { id: node, node: name, entries } of view.get({ keys: [PIOT_KEY] })) {
        const entry = readEntry(entries[0]?.value);
        if (entry === undefined || entry.id === id) continue;
        const before = seen.get(entry.id);
        seen.set(entry.id, {
          id: entry.id,
          name: before?.name ?? name,
          addresses: [
            ...before?.addresses ?? [],
            ...(portOf(entry) !== undefined ? [`@${config.name}/${node}`] : []),
          ],
          calls: before?.calls === true || entry.calls.includes(id),
        });
      }
    }
    for (const known of this.#nodes.keys()) if (!seen.has(known)) this.#nodes.delete(known);
    for (const node of seen.values()) {
      const before = this.#nodes.get(node.id);
      this.#nodes.set(node.id, node);
      if (before === undefined || !sameNode(before, node)) onNode(node);
    }
  }
}

function sameNode(a: KnownNode, b: KnownNode): boolean {
  return a.name === b.name && a.calls === b.calls && a.addresses.join() === b.addresses.join();
}

/** As the machine is told of it. */
export function acquaintanceOf(node: KnownNode, others: readonly string[]): Acquaintance {
  return { peer: node.id, name: node.name, addresses: [...node.addresses, ...others] };
}
