/**
 * networkzero at work inside `agent run`: the beacon of this computer, or that of another program;
 * services of this node in the shared state, and those of other nodes in the beacon, where programs
 * of this computer find them.
 *
 * @module
 */
import { AgentError, type Clock, ExitCode, type Scheduler } from "../../core/mod.ts";
import type {
  AdvertiseRequest,
  FoundService,
  JsonValue,
  NearbyApi,
  ServiceRow,
} from "../../http/api.ts";
import type { Ground } from "../../learn/carried.ts";
import {
  AddressBook,
  type Advert,
  Beacon,
  type BeaconEvent,
  NetworkZeroError,
  parseIpPort,
} from "../../nearby/machines.ts";
import type { InterfaceInfo } from "../../net/mod.ts";
import { resolveHost4 } from "../../net/resolve.ts";
import type { Config } from "../config/config.ts";
import { type Feed, feedInto } from "../network/feed.ts";
import type { Log } from "../log.ts";
import type { Network } from "../network/network.ts";
import type { Problems } from "../problems.ts";
import type { SharedService } from "./entry.ts";
import type { NearbyFigures } from "./figures.ts";
import { NewsDesk } from "./news.ts";
import { Post } from "./post.ts";
import { globsOf, opensPorts, ownAddresses, type PlacesConfig } from "./places.ts";
import type { PublishedInto } from "../own_entries.ts";
import { seeded } from "../seeded.ts";
import { ServicePublisher } from "./publisher.ts";
import { RemoteServices } from "./remote.ts";

/** How long a service of another node is known to the beacon after the last look, in s and ms. */
const SHARED_TTL = 6;
const LOOK_AGAIN = 2_000;
/** Requests that wait for a service at the most. */
const MAX_WAITING = 256;

/** A network that services are told in. */
export type NearbyNetwork = PublishedInto & Pick<Network, "view"> & {
  readonly machine: Pick<Network["machine"], "nodeId">;
};

/** What the rest of the agent gives. */
export interface NearbySurroundings {
  readonly name: string;
  readonly networks: readonly NearbyNetwork[];
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly log: Log;
  readonly problems: Problems;
  readonly randomBytes: (length: number) => Uint8Array;
  readonly onFault: (error: unknown) => void;
  readonly interfaces: () => InterfaceInfo[];
}

type Table = Config["nearby"];

/** networkzero of one agent. */
export class NearbyService implements NearbyApi {
  readonly #around: NearbySurroundings;
  readonly #feed: Feed;
  readonly #ground: Ground;
  readonly #publisher: ServicePublisher;
  readonly #remote: RemoteServices;
  readonly #waiting = new Map<() => void, string>();
  #table: Table | undefined;
  #places: PlacesConfig = { interfaces: [], networks: [] };
  #book: AddressBook;
  /** Where there is none on sockets of ours. */
  #quiet: Beacon | undefined;
  #post: Post | undefined;
  #news: NewsDesk;
  #lookAt = Infinity;
  #stopped = false;
  #work: Promise<void> = Promise.resolve();

  constructor(around: NearbySurroundings) {
    this.#around = around;
    const { scheduler, clock, networks, problems, log, onFault, randomBytes } = around;
    this.#feed = feedInto(scheduler, onFault);
    const random = seeded(randomBytes);
    this.#ground = { scheduler, random, onProblem: (message) => log.debug(`nearby: ${message}`) };
    this.#publisher = new ServicePublisher(networks, clock, problems);
    this.#remote = new RemoteServices(networks, () => this.#sharedChanged());
    this.#book = this.#newBook([]);
    this.#news = new NewsDesk(this.#ground);
  }

  /** Begin with this config, or go on with it. What is in the way of the beacon is a problem and no error. */
  configure({ nearby, networks }: Pick<Config, "nearby" | "networks">): Promise<void> {
    const places = {
      interfaces: nearby.interfaces,
      networks: networks.map(({ interfaces }) => interfaces),
    };
    const same = JSON.stringify([nearby, places]) === JSON.stringify([this.#table, this.#places]);
    if (same) return this.#work;
    if (this.#table !== undefined) this.#around.log.notice("[nearby] has changed");
    this.#table = nearby;
    this.#places = places;
    return this.#then(async () => {
      const own = this.#beacon()?.own() ?? [];
      await this.#end();
      if (nearby.enabled) await this.#begin(nearby, own);
      else await this.#news.close();
    });
  }

  stop(): Promise<void> {
    this.#stopped = true;
    return this.#then(async () => {
      this.#remote.close();
      await this.#end();
      await this.#news.close();
    });
  }

  followInterfaces(): void {
    this.#post?.lookAtInterfaces();
    this.#publish();
  }

  services(): ServiceRow[] {
    const beacon = this.#running();
    const now = this.#around.clock.now();
    const own = new Set(beacon.own().map(({ name }) => name));
    return beacon.all(now).map(([name, address]) => {
      const shared = own.has(name) ? undefined : this.#remote.get(name);
      const ttl = shared === undefined ? beacon.ttl(now, name) ?? null : shared.ttl;
      const node = own.has(name) ? this.#around.name : shared?.node ?? null;
      return { name, address, node, ttlSeconds: ttl };
    });
  }

  async discover(name: string, waitMs: number): Promise<FoundService | undefined> {
    const look = (): FoundService | undefined => {
      const [address, ...others] = this.#running().find(this.#around.clock.now(), name);
      return address === undefined ? undefined : { name, address, addresses: [address, ...others] };
    };
    const found = look();
    if (found !== undefined || waitMs <= 0) return found;
    if (this.#waiting.size >= MAX_WAITING) {
      throw new AgentError(
        `${MAX_WAITING} requests wait for services already; ask again later`,
        ExitCode.Refused,
      );
    }
    this.#post?.askAtOnce(name);
    await new Promise<void>((resolve) => {
      const wake = () => {
        if (!this.#stopped && this.#beacon()?.find(this.#around.clock.now(), name).length === 0) {
          return;
        }
        done();
      };
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(done, waitMs);
      this.#waiting.set(wake, name);
    });
    return look();
  }

  async advertise(request: AdvertiseRequest): Promise<FoundService> {
    const { name, address = null, ttlSeconds = 20, failIfExists = false } = request;
    this.#running();
    return await refusing(async () => {
      let parsed = this.#book.parse(address);
      if ("resolve" in parsed) {
        const { resolve, port } = parsed;
        const ips = await resolveHost4(resolve);
        parsed = { address: this.#book.resolved(resolve, port, ips), automatic: false };
      }
      const beacon = this.#running();
      if (failIfExists && beacon.advertises(name)) {
        throw new AgentError(
          `${JSON.stringify(name)} is advertised already; take another name, or: agent unadvertise`,
          ExitCode.Refused,
        );
      }
      if (!parseIpPort(parsed.address)) {
        throw new NetworkZeroError(`"${address}" is no address; write it as 192.168.1.5:5000`);
      }
      const service = {
        name,
        address: parsed.address,
        ttl: ttlSeconds,
        everyInterface: parsed.automatic,
      };
      this.#around.scheduler.touch();
      beacon.advertise(this.#around.clock.now(), service);
      this.#post?.told(service);
      return this.#found(name, parsed.address);
    });
  }

  async unadvertise(name: string): Promise<boolean> {
    const beacon = this.#running();
    await this.#news.end(name);
    const known = beacon.unadvertise(name);
    // What is taken back here is gone here at once; others wait for its time to be over.
    if (known) {
      const now = this.#around.clock.now();
      const [address = "0.0.0.0:0"] = beacon.find(now, name);
      this.#feed(() => beacon.tell(now, { name, address, ttl: 0 }, true));
      this.#post?.takenBack(name);
    }
    return known;
  }

  async publish(name: string, topic: string, data: JsonValue): Promise<FoundService> {
    const beacon = this.#running();
    if (!this.#news.has(name)) {
      if (beacon.advertises(name)) {
        throw new AgentError(
          `${JSON.stringify(name)} is advertised here for something else; choose another name`,
          ExitCode.Refused,
        );
      }
      const port = this.#news.open(name);
      try {
        await this.advertise({ name, address: `${port}` });
      } catch (error) {
        await this.#news.end(name);
        throw error;
      }
    }
    await this.#news.publish(name, topic, data);
    const [address = ""] = beacon.find(this.#around.clock.now(), name);
    return this.#found(name, address);
  }

  figures(): NearbyFigures | undefined {
    const beacon = this.#beacon();
    if (beacon === undefined) return undefined;
    const now = this.#around.clock.now();
    return {
      counters: { ...beacon.counters, ...this.#post?.counters },
      own: beacon.own().length,
      known: beacon.all(now).length,
    };
  }

  nextWake(): number {
    return this.#lookAt;
  }

  /** Other nodes' services are known as long as they stand in the state. */
  wake(now: number): void {
    this.#lookAt = Infinity;
    if (this.#table?.enabled) this.#tellShared(now);
  }

  #then(work: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(work).catch((error) => this.#around.onFault(error));
    return this.#work;
  }

  #beacon(): Beacon | undefined {
    return this.#post?.beacon ?? this.#quiet;
  }

  #running(): Beacon {
    const beacon = this.#beacon();
    if (beacon !== undefined) return beacon;
    throw new AgentError(
      "networkzero is switched off on this node; write enabled = true below [nearby] in its config," +
        " and reload the agent",
      ExitCode.NotThere,
    );
  }

  async #begin(table: Table, own: ReturnType<Beacon["own"]>): Promise<void> {
    const { scheduler, clock, log, problems, interfaces } = this.#around;
    this.#book = this.#newBook(table.prefer);
    const onEvent = (event: BeaconEvent) => this.#event(event);
    this.#quiet = new Beacon({
      output: { broadcast: () => {}, event: onEvent },
      prefer: table.prefer,
    });
    scheduler.add(this.#quiet);
    for (const service of own) this.#quiet.advertise(clock.now(), service);
    if (opensPorts(this.#places)) {
      this.#post = new Post({
        ground: this.#ground,
        book: this.#book,
        table,
        globs: globsOf(this.#places),
        interfaces,
        log,
        problems,
        onEvent,
        quiet: this.#quiet,
      });
      await this.#post.start();
    }
    this.#publish();
    this.#tellShared(clock.now());
  }

  async #end(): Promise<void> {
    const { scheduler } = this.#around;
    this.#lookAt = Infinity;
    const post = this.#post;
    const quiet = this.#quiet;
    this.#post = undefined;
    this.#quiet = undefined;
    if (quiet) scheduler.remove(quiet);
    await post?.close();
    this.#publish();
    this.#wakeAll();
  }

  #newBook(prefer: readonly string[]): AddressBook {
    return new AddressBook({
      local: () => ownAddresses(globsOf(this.#places), this.#around.interfaces()),
      random: this.#ground.random,
      prefer,
    });
  }

  /** Called from within the machine, which must not be called back. */
  #event({ kind }: BeaconEvent): void {
    if (kind === "own") queueMicrotask(() => this.#publish());
    if (kind === "heard" && this.#waiting.size > 0) queueMicrotask(() => this.#wakeAll());
  }

  #wakeAll(): void {
    for (const wake of [...this.#waiting.keys()]) wake();
  }

  #publish(): void {
    const { scheduler, interfaces } = this.#around;
    const own = this.#stopped ? [] : this.#beacon()?.own() ?? [];
    // An order that does not change with each beat.
    const sorted = own.toSorted((a, b) => a.name < b.name ? -1 : 1);
    const local = ownAddresses(globsOf(this.#places), interfaces());
    const changed = this.#publisher.publish(sorted.map((service): SharedService => {
      const { name, address, ttl, everyInterface } = service;
      if (!everyInterface) return { name, addresses: [address], ttl };
      const port = address.slice(address.lastIndexOf(":") + 1);
      const others = local.filter((ip) => !ip.startsWith("127."));
      const addresses = (others.length > 0 ? others : local).map((ip) => `${ip}:${port}`);
      return { name, addresses, ttl };
    }));
    if (changed) scheduler.touch();
  }

  #sharedChanged(): void {
    if (this.#stopped || !this.#table?.enabled) return;
    this.#feed((now) => this.#tellShared(now));
  }

  /** The beacon knows what other nodes tell in the state. */
  #tellShared(now: number): void {
    const beacon = this.#beacon();
    if (beacon === undefined) return;
    const { all, gone } = this.#remote.read();
    const tell = (name: string, address: string, ttl: number) => {
      if (beacon.advertises(name)) return;
      const advert: Advert = { name, address, ttl };
      beacon.tell(now, advert);
    };
    for (const { name, addresses } of gone) tell(name, addresses[0] ?? "0.0.0.0:0", 0);
    for (const { name, addresses } of all) {
      // The best known comes last, as if it had been heard last.
      for (const address of addresses.toReversed()) tell(name, address, SHARED_TTL);
    }
    this.#lookAt = all.length > 0 ? now + LOOK_AGAIN : Infinity;
  }

  #found(name: string, address: string): FoundService {
    const addresses = this.#beacon()?.find(this.#around.clock.now(), name) ?? [];
    return { name, address, addresses: addresses.length > 0 ? addresses : [address] };
  }
}

/** What networkzero refuses is a mistake of whoever asked. */
async function refusing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof NetworkZeroError)) throw error;
    throw new AgentError(error.message, ExitCode.Usage, { cause: error });
  }
}
