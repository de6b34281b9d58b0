/**
 * The ports of the beacon: ours, or, where another program of this computer has them (a second agent,
 * a Python program), that program's by RPC, until it has gone and ours take their place.
 *
 * @module
 */
import { messageOf } from "../../core/mod.ts";
import { BeaconClient } from "../../learn/beacon_client.ts";
import { BeaconService } from "../../learn/beacon_service.ts";
import type { Ground } from "../../learn/carried.ts";
import { Waits } from "../../learn/waiting.ts";
import {
  type AddressBook,
  type Beacon,
  type BeaconEvent,
  type Json,
  NetworkZeroError,
  type OwnService,
} from "../../nearby/machines.ts";
import type { InterfaceInfo } from "../../net/mod.ts";
import { resolveHost4 } from "../../net/resolve.ts";
import type { Config } from "../config/config.ts";
import type { Log } from "../log.ts";
import { atMost } from "../patience.ts";
import type { Problems } from "../problems.ts";
import { broadcastPlaces } from "./places.ts";

const PROBLEM = "nearby";
/** Between two looks at another program's beacon, in ms, and after how many its ports are tried. */
const LOOK_AGAIN = 2_000;
/** How long what it knows is known here after the last look, in s. */
const KNOWN_TTL = 6;
/** How long it gets at the end to take our services back, in ms. */
const GOODBYE = 500;

/** What it stands on. */
export interface PostOptions {
  readonly ground: Ground;
  readonly book: AddressBook;
  readonly table: Config["nearby"];
  readonly globs: readonly string[];
  readonly interfaces: () => readonly InterfaceInfo[];
  readonly log: Log;
  readonly problems: Problems;
  readonly onEvent: (event: BeaconEvent) => void;
  /** The beacon that stands in for ours, as long as another program has the ports. */
  readonly quiet: Beacon;
}

export class Post {
  readonly #options: PostOptions;
  readonly #waits: Waits;
  readonly #client: BeaconClient;
  #service: BeaconService | undefined;
  /** Services of ours that another program's beacon was told. */
  readonly #told = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** What is under way with another program's beacon. */
  #looking: Promise<void> = Promise.resolve();
  #said = false;
  #closed = false;

  constructor(options: PostOptions) {
    this.#options = options;
    const { ground, table } = options;
    this.#waits = new Waits(() => ground.scheduler.now(), (callback, delay) => {
      const timer = setTimeout(callback, delay);
      return () => clearTimeout(timer);
    });
    this.#client = new BeaconClient(ground, this.#waits, "127.0.0.1", table.rpc_port);
  }

  /** On ports of ours; undefined where another program has them. */
  get beacon(): Beacon | undefined {
    return this.#service?.beacon;
  }

  get counters(): Record<string, number> {
    const { requests = 0, refused = 0 } = this.#service?.rpc.counters ?? {};
    return { rpcRequests: requests, rpcRefused: refused };
  }

  /** Opens the ports, or finds out who has them. */
  async start(): Promise<void> {
    if (!await this.#open()) {
      // In the background: a program that does not answer does not keep an agent from starting.
      this.#again(0);
    }
  }

  lookAtInterfaces(): void {
    this.#service?.lookAtInterfaces();
  }

  /** A service of ours is new. */
  told({ name, address, ttl }: OwnService): void {
    if (this.#service) return;
    this.#then(async () => {
      await this.#client.call("advertise", name, address, false, ttl);
      this.#told.add(name);
    });
  }

  /** A service of ours is no more. */
  takenBack(name: string): void {
    if (this.#service || !this.#told.delete(name)) return;
    this.#then(async () => void await this.#client.call("unadvertise", name));
  }

  /** Somebody waits for a service. */
  askAtOnce(name: string): void {
    if (this.#service) return;
    this.#then(async () => {
      const address = await this.#client.call("discover", name, 0.1);
      if (typeof address === "string") this.#hear([[name, address]]);
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    if (this.#told.size > 0 && !this.#service) {
      await atMost(GOODBYE, this.#goodbye().catch(() => {}));
    }
    this.#waits.stop();
    await this.#looking;
    await this.#service?.close();
    this.#options.problems.clear(PROBLEM);
  }

  /** False where another program has the ports. */
  async #open(): Promise<boolean> {
    const { ground, book, table, interfaces, globs, problems, log, quiet, onEvent } = this.#options;
    const { scheduler } = ground;
    let service: BeaconService | undefined;
    try {
      service = await BeaconService.start({
        ...ground,
        book,
        interfaces: () => broadcastPlaces(globs, interfaces()),
        resolve: resolveHost4,
        pause: (ms) => this.#waits.pause(ms / 1_000),
        beaconPort: table.beacon_port,
        rpcPort: table.rpc_port,
        prefer: table.prefer,
        onEvent,
        onStop: () =>
          log.info("nearby: a program asked the beacon to stop; it is the agent's, and stays"),
      });
    } catch (error) {
      if (this.#closed) return false;
      problems.note(PROBLEM, `networkzero's beacon does not run: ${messageOf(error)}`, {
        lasts: true,
      });
      return false;
    }
    if (service === undefined) return false;
    if (this.#closed) {
      await service.close();
      return false;
    }
    const now = scheduler.now();
    for (const own of quiet.own().toReversed()) {
      service.beacon.advertise(now, own);
      quiet.unadvertise(own.name);
    }
    for (const [name, address] of quiet.all(now)) {
      if (!service.beacon.advertises(name)) {
        service.beacon.tell(now, { name, address, ttl: KNOWN_TTL }, true);
      }
    }
    this.#service = service;
    this.#told.clear();
    problems.clear(PROBLEM);
    if (this.#said) log.info("nearby: the beacon of this computer is this agent's now");
    scheduler.touch();
    return true;
  }

  #again(delay: number): void {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#then(() => this.#look());
      void this.#looking.then(() => this.#service || this.#again(LOOK_AGAIN));
    }, delay);
  }

  /** Takes the ports where they are free; else hears what the other beacon knows. */
  async #look(): Promise<void> {
    if (this.#said && await this.#open()) return;
    const { quiet, log, problems, table } = this.#options;
    const { rpc_port, beacon_port } = table;
    let all: Json;
    try {
      for (const { name, address, ttl } of quiet.own()) {
        if (this.#told.has(name)) continue;
        await this.#client.call("advertise", name, address, false, ttl);
        this.#told.add(name);
      }
      all = await this.#client.call("discover_all", 0.5);
    } catch (error) {
      if (this.#closed || !(error instanceof NetworkZeroError)) throw error;
      this.#said = true;
      // It may have gone meanwhile, and another one may be there that was told nothing.
      this.#told.clear();
      problems.note(
        PROBLEM,
        `UDP port ${beacon_port} is taken by a program that does not answer on 127.0.0.1:${rpc_port}` +
          " as a networkzero beacon does; end it, or set beacon_port in [nearby]",
        { lasts: true },
      );
      return;
    }
    problems.clear(PROBLEM);
    if (!this.#said) {
      log.info(
        `nearby: another program of this computer is its beacon (UDP port ${beacon_port}), and is used`,
      );
    }
    this.#said = true;
    this.#hear(Array.isArray(all) ? all : []);
  }

  #hear(all: readonly Json[]): void {
    const { quiet, ground } = this.#options;
    for (const each of all) {
      const [name, address] = Array.isArray(each) ? each : [];
      if (typeof name !== "string" || typeof address !== "string") continue;
      if (quiet.advertises(name)) continue;
      quiet.tell(ground.scheduler.now(), { name, address, ttl: KNOWN_TTL }, true);
    }
    ground.scheduler.touch();
  }

  async #goodbye(): Promise<void> {
    for (const name of this.#told) await this.#client.call("unadvertise", name);
  }

  /** One thing at a time; what another program does not answer shows at the next look. */
  #then(work: () => Promise<void>): void {
    this.#looking = this.#looking.then(async () => {
      if (!this.#closed) await work();
    }).catch((error) => {
      if (!this.#closed) this.#options.ground.onProblem?.(messageOf(error));
    });
  }
}
