/**
 * One `[[network]]` at work: the DNCP machine, its sockets, this node's own dictionary, the view of
 * all nodes, and what of it is kept on disk.
 *
 * @module
 */
import { type Clock, messageOf, type Scheduler } from "../../core/mod.ts";
import { Dncp, type EndpointId, type NodeId, type Profile } from "../../dncp/mod.ts";
import { type GuestBook, LeafyServer } from "../../leafy/mod.ts";
import { type InterfaceInfo, needsReopening } from "../../net/mod.ts";
import {
  type Entry,
  entryOf,
  NetworkView,
  type NodeChange,
  OwnDictionary,
  type PersistentChange,
  Returns,
  type StateCodec,
} from "../../state/mod.ts";
import type { Store } from "../../store/mod.ts";
import { decodeCbor, encodeCbor } from "../../wire/cbor.ts";
import { concat, equalBytes, type NetworkKey, toHex, WireError } from "../../wire/mod.ts";
import type { NetworkConfig } from "../config/config.ts";
import { type Feed, feedInto } from "./feed.ts";
import { type Legacy, PAUSE_LIMIT } from "../upgrade/handover.ts";
import { interfacesOf } from "../interfaces.ts";
import type { NetworkSecrets } from "../keys.ts";
import type { Log } from "../log.ts";
import { linkEndpoint, type NetworkTransport } from "./transport.ts";
import type { Problems } from "../problems.ts";
import { seeded } from "../seeded.ts";
import { kitOf, profileOf } from "./profiles.ts";

/** For this long after the start the picture may lack nodes that have not been met yet, in ms. */
const SETTLING = 2_000;
/** An interface that loses its carrier keeps its endpoint for this long: radios blink. In ms. */
const CARRIER_GRACE = 5_000;

/** What all networks of an agent share. */
export interface Surroundings {
  readonly name: string;
  readonly version: string;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly store: Store;
  readonly log: Log;
  readonly problems: Problems;
  readonly randomBytes: (length: number) => Uint8Array;
  /** A machine threw: a fault of this program. */
  readonly onFault: (error: unknown) => void;
}

/** A link endpoint of an interface. */
interface Link {
  readonly endpoint: EndpointId;
  info: InterfaceInfo;
  /** Since when it cannot carry; `undefined` while it can. */
  downSince: number | undefined;
}

/** When an interface that cannot carry is given up, in monotonic ms. */
function graceEnd({ downSince }: Link): number {
  return downSince === undefined ? Infinity : downSince + CARRIER_GRACE;
}

/** A running network. */
export class Network {
  readonly config: NetworkConfig;
  readonly profile: Profile;
  readonly view: NetworkView;
  readonly own: OwnDictionary;
  readonly transport: NetworkTransport;
  readonly machine: Dncp;
  readonly codec: StateCodec;
  /** What the own entries may take, in bytes of node data. */
  readonly stateLimit: number;
  readonly #leafy: LeafyServer;
  readonly #around: Surroundings;
  readonly #announced: readonly Uint8Array[];
  readonly #feed: Feed;
  readonly #links = new Map<string, Link>();
  /** What is there, as last told. */
  #interfaces: readonly InterfaceInfo[] = [];
  /** Wakes when the grace of an interface without a carrier ends. */
  readonly #grace = {
    nextWake: () => Math.min(...[...this.#links.values()].map(graceEnd)),
    wake: () => this.followInterfaces(this.#interfaces),
  };
  /** Between the machine and the view. */
  readonly #returns: Returns;
  readonly #startedAt: number;
  /** What was kept on disk is in the dictionary again. */
  #complete = false;
  /** It ends for a restart: nothing more is published. */
  #paused = false;
  #config: NetworkConfig;
  #keys: readonly NetworkKey[];
  readonly #shspKey: Uint8Array | undefined;

  constructor(config: NetworkConfig, secrets: NetworkSecrets, around: Surroundings) {
    this.config = config;
    this.#config = config;
    this.#keys = secrets.keys;
    this.#shspKey = secrets.shspKey;
    this.#around = around;
    this.profile = profileOf(config);
    const { clock, scheduler, store, problems, log, randomBytes } = around;
    this.#feed = feedInto(scheduler, around.onFault);
    this.#startedAt = clock.now();
    const { codec, limits, announced, transport } = kitOf(config);
    this.#announced = announced;
    this.stateLimit = limits.limit;
    this.codec = codec(secrets);
    this.view = new NetworkView(this.codec);
    this.#returns = new Returns((change) => this.view.nodeChanged(clock.wall(), change));
    this.own = new OwnDictionary({
      ...limits,
      codec: this.codec,
      persist: (changes) => persist(store, config.name, changes),
      onChanged: () => this.#publish(),
    });
    const nodeId = this.#nodeId();
    this.transport = transport({
      name: around.name,
      config,
      secrets,
      nodeId,
      epoch: () => store.epoch(config.name, Math.floor(clock.wall() / 1_000)),
      clock,
      scheduler,
      feed: this.#feed,
      touched: () => scheduler.touch(),
      problems,
      notice: (line) => log.notice(line),
      randomBytes,
    });
    this.#leafy = new LeafyServer({
      view: this.view,
      own: this.own,
      self: () => this.machine.nodeId,
      partial: () => this.partial(),
    });
    this.machine = new Dncp({
      profile: this.profile,
      nodeId,
      seqno: store.sequenceFloor(config.name) ?? 0,
      random: seeded(randomBytes),
      transport: this.transport,
      now: clock.now(),
      events: this.#events(),
    });
  }

  /** Keys in use, the first seals. */
  get keys(): readonly NetworkKey[] {
    return this.#keys;
  }

  /** What of it the gateway copies into this agent's other networks. */
  get share(): readonly string[] {
    return this.#config.share;
  }

  /** TTL of entries that are set with a TTL and no figure, in ms. */
  get publishTtl(): number {
    return this.#config.publishTtl;
  }

  /** Names of the interfaces in use. */
  get interfaces(): string[] {
    if (!this.transport.usesLinks) return [];
    return [...this.#links.values()].map((link) => link.info.name);
  }

  /** Where others dial; `undefined` where nobody can. */
  get listen(): string | undefined {
    return this.transport.listen;
  }

  /**
   * Join the network. `before`: what the process before this one left, if that ended for a restart.
   * @throws {AgentError} with exit code 4 where the port cannot be had.
   */
  start(interfaces: readonly InterfaceInfo[], before?: Legacy): void {
    const { scheduler, clock, name, version, store, log } = this.#around;
    this.transport.start({
      machine: this.machine,
      leafy: this.#leafy,
      own: this.own,
      changed: () => this.#publish(),
    });
    for (const entry of this.own.restore(storedEntries(store, this.config.name))) {
      log.warning(`the stored entry "${entry.key}" no longer fits and is left out`);
    }
    // All of it at once: others must not see this node without its name, or without its entries.
    this.own.inherit(clock.now(), before?.held ?? [], PAUSE_LIMIT);
    this.#guests.inherit(before?.guests ?? []);
    this.own.setAgent(clock.wall(), [["agent/name", name], ["agent/version", version]]);
    this.machine.resume(clock.now(), before?.peers ?? [], PAUSE_LIMIT);
    this.#complete = true;
    this.#publish();
    scheduler.add(this.machine);
    scheduler.add(this.own);
    scheduler.add(this.#grace);
    scheduler.add(this.#returns);
    this.followInterfaces(interfaces);
  }

  /** Leave the network: others see at once that this node is gone. */
  async stop(): Promise<void> {
    this.#around.scheduler.remove(this.machine);
    this.#around.scheduler.remove(this.own);
    this.#around.scheduler.remove(this.#grace);
    this.#around.scheduler.remove(this.#returns);
    if (!this.#paused) this.#feed((now) => this.machine.leave(now));
    await this.transport.stop();
  }

  /**
   * Before {@linkcode Network.stop}, where the agent is started again at once: the others keep our
   * place. Answers what the next start needs for that.
   */
  pause(): Legacy {
    this.#around.scheduler.remove(this.machine);
    this.#around.scheduler.remove(this.own);
    this.#paused = true;
    const now = this.#around.clock.now();
    return {
      peers: this.machine.pause(now, PAUSE_LIMIT),
      held: this.own.handOver(now),
      guests: this.#guests.handOver(),
    };
  }

  get #guests(): GuestBook {
    return this.transport.guests ?? this.#leafy;
  }

  /**
   * What can change while running: keys, interfaces, and the addresses to connect to. False where the
   * key is another one and cannot be taken over (profile `hncp`).
   */
  reload(config: NetworkConfig, secrets: NetworkSecrets): boolean {
    this.#config = config;
    this.#keys = secrets.keys;
    this.transport.reload(config, secrets);
    return sameBytes(this.#shspKey, secrets.shspKey);
  }

  /** Make the endpoints fit the interfaces that are there now. */
  followInterfaces(all: readonly InterfaceInfo[]): void {
    this.#interfaces = all;
    const now = this.#around.clock.now();
    const chosen = interfacesOf(this.#config.interfaces, all);
    const wanted = new Map(chosen.map((info) => [`${info.name}/${info.index}`, info]));
    for (const [key, link] of this.#links) {
      const info = wanted.get(key);
      if (info && this.transport.canUse(info)) continue;
      link.downSince ??= now;
      if (!info || now >= graceEnd(link)) this.#removeLink(key, link);
    }
    for (const [key, info] of wanted) {
      if (!this.transport.canUse(info)) continue;
      const link = this.#links.get(key);
      if (!link) {
        this.#addLink(key, info);
        continue;
      }
      link.downSince = undefined;
      if (needsReopening(link.info, info)) this.transport.reopenLink(link.endpoint, info);
      else this.transport.updateLink(link.endpoint, info);
      link.info = info;
    }
    this.#around.scheduler.touch();
  }

  /** Why the picture may be partial now; empty where it is whole. */
  partial(): string[] {
    const reasons: string[] = [];
    const age = this.#around.clock.now() - this.#startedAt;
    if (age < SETTLING) reasons.push("this node has started just now");
    const apart = this.machine.peers().filter((peer) => peer.catchingUp);
    if (apart.length > 0) {
      const names = apart.slice(0, 3).map((peer) => this.view.names.of(peer.node)).join(", ");
      reasons.push(`still catching up with ${names}`);
    }
    const { size } = this.#returns;
    if (size > 0) reasons.push(`${size} node${size === 1 ? " has" : "s have"} come back just now`);
    return reasons;
  }

  #addLink(key: string, info: InterfaceInfo): void {
    const endpoint = linkEndpoint(info);
    this.#links.set(key, { endpoint, info, downSince: undefined });
    this.#around.log.info(`network ${this.config.name}: using ${info.name}`);
    this.transport.openLink(endpoint, info);
  }

  #removeLink(key: string, link: Link): void {
    this.#links.delete(key);
    this.#around.log.info(`network ${this.config.name}: ${link.info.name} is gone`);
    this.transport.closeLink(link.endpoint);
  }

  #nodeId(): NodeId {
    const { store, randomBytes } = this.#around;
    const known = store.nodeId(this.config.name);
    const hex = new RegExp(`^[0-9a-f]{${2 * this.profile.nodeIdBytes}}$`);
    if (known !== undefined && hex.test(known)) return known;
    const fresh = toHex(randomBytes(this.profile.nodeIdBytes));
    store.setNodeId(this.config.name, fresh);
    return fresh;
  }

  #publish(): void {
    if (!this.#complete || this.#paused) return;
    const tlvs = [...this.#announced, ...this.transport.guestTlvs, ...this.own.encoded()];
    const { seqno } = this.machine;
    this.#feed((now) => this.machine.publish(now, tlvs));
    if (this.machine.seqno === seqno) this.#showOwn(concat(tlvs));
  }

  /** What was written here shows here at once, also where its publication has to wait a moment. */
  #showOwn(data: Uint8Array): void {
    const self = this.machine.node(this.machine.nodeId);
    if (!self) return;
    const { id, seqno, hash, origination } = self;
    const after = { id, self: true, seqno, hash, origination, data };
    this.view.nodeChanged(this.#around.clock.wall(), { after });
  }

  /**
   * A write that comes from within the machine and can fail, because the disk is full or gone. The
   * network goes on without: at worst, a restart has to find its sequence number anew (RFC 7787 §4.4).
   */
  #keep(write: () => void): void {
    const key = `${this.config.name}:store`;
    try {
      write();
      this.#around.problems.clear(key);
    } catch (error) {
      this.#around.problems.note(key, messageOf(error));
    }
  }

  #events() {
    const { store, log, clock } = this.#around;
    const network = this.config.name;
    return {
      nodeChanged: (change: NodeChange) => this.#returns.nodeChanged(clock.now(), change),
      publishing: (seqno: number) => this.#keep(() => void store.coverSequence(network, seqno)),
      nodeIdChanged: (id: NodeId) => {
        this.#keep(() => store.setNodeId(network, id));
        this.transport.renamed(id);
        log.notice(
          `network ${network}: another node has our id, so this one is ${id} from now on; ` +
            "a copied SD card is the usual cause",
        );
      },
      noRoom: (id: NodeId) => {
        this.#around.problems.note(
          `${network}:room`,
          `network ${network}: no room for what ${
            this.view.names.of(id)
          } publishes, as all nodes ` +
            `together may take ${this.profile.maxAllData / 1_048_576} MiB here; see who ` +
            "takes it: agent nodes",
        );
      },
      peerChanged: (
        peer: { node: NodeId; endpointName: string; address: string },
        kind: "added" | "dropped",
        why: string,
      ) => {
        const name = this.view.names.of(peer.node);
        const change = kind === "added" ? "peer" : "lost peer";
        log.info(
          `network ${network}: ${change} ${name} at ${peer.address} (${peer.endpointName}): ${why}`,
        );
      },
    };
  }
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && equalBytes(a, b));
}

function persist(store: Store, network: string, changes: readonly PersistentChange[]): void {
  const kept = changes.flatMap(({ entry }) =>
    entry ? [{ key: entry.key, value: encodeCbor(entry.value), at: entry.at }] : []
  );
  const gone = changes.flatMap(({ key, entry }) => entry ? [] : [key]);
  store.putEntries(network, kept);
  store.deleteEntries(network, gone);
}

function storedEntries(store: Store, network: string): Entry[] {
  return store.entries(network).flatMap(({ key, value, at }) => {
    try {
      return entryOf(key, at, decodeCbor(value)) ?? [];
    } catch (error) {
      if (error instanceof WireError) return [];
      throw error;
    }
  });
}
