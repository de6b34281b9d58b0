/**
 * networkzero as one object: names, questions, answers and news (`spec/networkzero.md §6`). With a
 * beacon on this computer (an agent's, or that of any other program) it asks that one, and without
 * it becomes the beacon itself.
 *
 * @module
 */
import { type Clock, monotonicClock } from "../core/clock.ts";
import { messageOf } from "../core/errors.ts";
import { Random } from "../core/random.ts";
import { Scheduler, type Timer } from "../core/scheduler.ts";
import { AddressBook, splitAddress } from "../nearby/address.ts";
import { encodeAdvert } from "../nearby/adverts.ts";
import { ADVERT_TTL } from "../nearby/beacon.ts";
import {
  AddressError,
  InvalidAddressError,
  NetworkZeroError,
  SocketTimedOutError,
} from "../nearby/errors.ts";
import { selectGroup, type Service } from "../nearby/group.ts";
import type { Json } from "../nearby/json.ts";
import { actionAndParams, joinWords } from "../nearby/words.ts";
import { resolveHost4 } from "../net/resolve.ts";
import { type BroadcastInterface, broadcastInterfaces, localIp4 } from "../net/udp_broadcast.ts";
import { BEACON_PORT, BeaconService, RPC_PORT } from "./beacon_service.ts";
import type { Ground } from "./carried.ts";
import { Messenger, type News } from "./messenger.ts";
import { BeaconClient } from "./beacon_client.ts";
import { checkWait, FOREVER, Waits } from "./waiting.ts";

/** What can be set; by default everything is as Python's networkzero has it. */
export interface NearbyOptions {
  readonly beaconHost?: string;
  readonly beaconPort?: number;
  readonly rpcHost?: string;
  readonly rpcPort?: number;
  /** IPv4 interfaces that adverts go out through. */
  readonly interfaces?: () => readonly BroadcastInterface[];
  /** IPv4 addresses of this computer. */
  readonly local?: () => readonly string[];
  /** Which addresses are taken first: patterns like `192.168.*`. */
  readonly prefer?: readonly string[];
  /** IP addresses of a host. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
  readonly clock?: Clock;
  readonly timer?: Timer;
  readonly seed?: number;
  /** One line for people who look for a fault. */
  readonly onProblem?: (message: string) => void;
}

/** How long one discover is waited for, in s, where nothing is said. */
const DISCOVER_WAIT = 60;
/** A slice of such a wait, in s: an older beacon serves nobody else meanwhile. */
const SLICE = 0.5;
/** At its end a program waits no longer than this for a beacon, in s: others forget by themselves. */
const GOODBYE_WAIT = 1;
/** Addresses that are remembered to be whole. */
const MAX_WHOLE = 1_000;

export class Nearby {
  readonly #options: NearbyOptions;
  readonly #ground: Ground;
  readonly #book: AddressBook;
  readonly #waits: Waits;
  readonly #messenger: Messenger;
  readonly #client: BeaconClient;
  /** Our own beacon; `undefined` in it: another program has it. */
  #service: Promise<BeaconService | undefined> | undefined;
  /** Told to a beacon that may outlive us. */
  readonly #told = new Set<string>();
  /** Addresses that stand for all of this computer. */
  readonly #everywhere = new Set<string>();
  readonly #onHeard = new Set<() => void>();
  /** Texts that are whole addresses already. */
  readonly #whole = new Set<string>();

  constructor(options: NearbyOptions = {}) {
    this.#options = options;
    const { clock = monotonicClock, timer = backgroundTimer, onProblem } = options;
    const random = new Random(options.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]!);
    const scheduler = new Scheduler(
      clock,
      (error) => onProblem?.(messageOf(error)),
      timer,
    );
    this.#ground = { scheduler, random, ...(onProblem && { onProblem }) };
    this.#book = new AddressBook({
      local: options.local ?? localIp4,
      random,
      ...(options.prefer && { prefer: options.prefer }),
    });
    this.#waits = new Waits(() => clock.now(), timer);
    this.#messenger = new Messenger(
      this.#ground,
      this.#waits,
      (address) => this.#everywhere.has(address) ? "0.0.0.0" : splitAddress(address)[0],
    );
    this.#client = new BeaconClient(
      this.#ground,
      this.#waits,
      options.rpcHost ?? "127.0.0.1",
      options.rpcPort ?? RPC_PORT,
    );
  }

  /** Tells everybody around that a service is here. Null where it was there already. */
  async advertise(
    name: string,
    address: unknown = null,
    failIfExists = false,
    ttlS: number | null = ADVERT_TTL,
  ): Promise<string | null> {
    checkName(name);
    if (ttlS !== null && (typeof ttlS !== "number" || Number.isNaN(ttlS))) {
      throw new NetworkZeroError(`a time to live is a number of seconds, and ${ttlS} is none`);
    }
    const ttl = ttlS === Infinity ? null : ttlS;
    const given = address ?? null;
    const host = splitAddress(String(given ?? "").trim())[0];
    // Whoever asks a beacon hears only "no"; what is wrong can be told here.
    const checked = host === "" || given === 0 ? null : await this.address(given);
    encodeAdvert({ name, address: checked ?? "255.255.255.255:65535", ttl });
    return await this.#ask(async (service) => {
      const { beacon } = service;
      if (failIfExists && beacon.advertises(name)) return null;
      const parsed = this.#book.parse(checked ?? given);
      if (!("address" in parsed)) throw new TypeError("an address that was resolved is resolved");
      const everyInterface = parsed.automatic;
      if (everyInterface) this.#everywhere.add(parsed.address);
      beacon.advertise(this.#now, { name, address: parsed.address, ttl, everyInterface });
      this.#ground.scheduler.touch();
      return await Promise.resolve(parsed.address);
    }, async () => {
      const wire = checked ??
        (typeof given === "number" ? given : given === null ? null : `${given}`);
      const result = await this.#client.call("advertise", name, wire, failIfExists, ttl);
      if (typeof result !== "string") return null;
      this.#told.add(name);
      return result;
    });
  }

  /** Takes a service back. Others forget it when its time to live is over. */
  async unadvertise(name: string): Promise<void> {
    checkName(name);
    await this.#ask(({ beacon }) => void beacon.unadvertise(name), async () => {
      await this.#client.call("unadvertise", name);
      this.#told.delete(name);
    });
  }

  /** Where a service is; null when the time is over. */
  async discover(name: string, waitForS: number | null = DISCOVER_WAIT): Promise<string | null> {
    checkName(name);
    const wait = checkWait(waitForS);
    return await this.#ask(async ({ beacon }) => {
      const found = await this.#waits.until(
        wait,
        () => beacon.find(this.#now, name)[0],
        (again) =>
          beacon.discover(this.#now, name, FOREVER, (found) => {
            if (found.length > 0) again();
          }),
      );
      return found ?? null;
    }, () =>
      this.#again(wait, async (slice) => {
        const found = await this.#client.call("discover", name, slice);
        return typeof found === "string" ? found : null;
      }));
  }

  /** All services that are known; waits until there is one; null when the time is over. */
  async discoverAll(waitForS: number | null = DISCOVER_WAIT): Promise<Service[] | null> {
    const wait = checkWait(waitForS);
    return await this.#ask(async ({ beacon }) => {
      const found = await this.#waits.until(wait, () => {
        const all = beacon.all(this.#now);
        return all.length > 0 ? all : undefined;
      }, (again) => {
        this.#onHeard.add(again);
        return () => void this.#onHeard.delete(again);
      });
      return found ?? null;
    }, () =>
      this.#again(wait, async (slice) => {
        const all = await this.#all();
        if (all.length > 0) return all;
        if (wait > 0) await this.#waits.pause(slice);
        return null;
      }));
  }

  /** The services of a group that are known now: their names begin with `group` and `separator`. */
  async discoverGroup(
    group: string,
    separator = "/",
    exclude: string | readonly string[] = [],
  ): Promise<Service[]> {
    checkName(group);
    const all = await this.#ask(({ beacon }) => beacon.all(this.#now), () => this.#all());
    return selectGroup(all, group, separator, exclude);
  }

  /** Asks and waits for the reply. @throws {SocketTimedOutError} when the time is over. */
  async sendMessageTo(
    address: string,
    message: unknown = null,
    waitForReplyS: number | null = FOREVER,
  ): Promise<Json> {
    return await this.#messenger.ask(
      this.#whole.has(address) ? address : await this.#one(address),
      message,
      checkWait(waitForReplyS),
    );
  }

  /** The next message that is sent to us at this address; null when the time is over. */
  async waitForMessageFrom(
    address: string,
    waitForS: number | null = FOREVER,
    autoreply = false,
  ): Promise<Json> {
    return await this.#messenger.next(
      this.#whole.has(address) ? address : await this.#one(address),
      checkWait(waitForS),
      autoreply,
    );
  }

  /** Replies to the message that came last. */
  async sendReplyTo(address: string, reply: unknown = null): Promise<null> {
    this.#messenger.reply(this.#whole.has(address) ? address : await this.#one(address), reply);
    return null;
  }

  /** Sends a command, as text or as a list of words, and waits until it was taken. */
  async sendCommand(
    address: string,
    command: string | readonly string[],
    waitForReplyS: number | null = FOREVER,
  ): Promise<Json> {
    const text = typeof command === "string" ? command : joinWords(command);
    actionAndParams(text);
    return await this.sendMessageTo(address, text, waitForReplyS);
  }

  /** The next command: its first word and the others; null when the time is over. */
  async waitForCommand(
    address: string,
    waitForS: number | null = FOREVER,
  ): Promise<[action: string, params: string[]] | null> {
    const message = await this.waitForMessageFrom(address, waitForS, true);
    if (message === null) return null;
    if (typeof message !== "string") {
      throw new NetworkZeroError("a message came that is no command; commands are text");
    }
    return actionAndParams(message);
  }

  /** Tells news to all who want to hear. */
  async sendNewsTo(address: string, topic: string, data: unknown = null): Promise<null> {
    if (typeof topic !== "string") throw new NetworkZeroError("the topic of news is text");
    await this.#messenger.publish(
      this.#whole.has(address) ? address : await this.#one(address),
      topic,
      data,
    );
    return null;
  }

  /** The next news whose topic begins with a prefix; `[null, null]` when the time is over. */
  async waitForNewsFrom(
    address: string | readonly string[],
    prefix: string | readonly string[] = "",
    waitForS: number | null = FOREVER,
    isRaw = false,
  ): Promise<News> {
    const addresses = typeof address === "string" ? [address] : address;
    const prefixes = typeof prefix === "string" ? [prefix] : prefix;
    const all: string[] = [];
    for (const each of addresses) all.push(this.#whole.has(each) ? each : await this.#one(each));
    return await this.#messenger.news(all, prefixes, checkWait(waitForS), isRaw);
  }

  /** `ip:port` of what is written. */
  async address(x: unknown = null): Promise<string> {
    const parsed = this.#book.parse(x);
    if ("address" in parsed) return parsed.address;
    const { resolve = resolveHost4 } = this.#options;
    const ips = await resolve(parsed.resolve).catch(() => []);
    return this.#book.resolved(parsed.resolve, parsed.port, ips);
  }

  /** The beacon forgets everything. */
  async resetBeacon(): Promise<null> {
    await this.#ask(({ beacon }) => beacon.reset(), async () => {
      await this.#client.call("reset");
    });
    this.#told.clear();
    return null;
  }

  /** Whether a beacon that may outlive us still tells services of ours. */
  get owesGoodbye(): boolean {
    return this.#told.size > 0;
  }

  /** Takes back what was told to another program's beacon; gives up where that is silent. */
  async goodbye(): Promise<void> {
    const names = [...this.#told];
    this.#told.clear();
    try {
      for (const name of names) {
        await this.#client.callWithin(GOODBYE_WAIT, "unadvertise", name);
      }
    } catch (error) {
      if (!(error instanceof NetworkZeroError)) throw error;
      this.#options.onProblem?.(`the beacon does not answer: ${error.message}`);
    }
  }

  /** Ends everything: waits are interrupted, connections closed, our beacon stops. */
  async close(): Promise<void> {
    await this.goodbye();
    this.#waits.stop();
    const service = await this.#service?.catch(() => undefined);
    await Promise.all([this.#messenger.close(), service?.close()]);
    this.#ground.scheduler.stop();
  }

  get #now(): number {
    return this.#ground.scheduler.now();
  }

  /** Our own beacon, or that of another program; where that has died, our own takes its place. */
  async #ask<T>(
    own: (service: BeaconService) => T | Promise<T>,
    other: () => Promise<T>,
  ): Promise<T> {
    const service = await this.#place();
    if (service) return await own(service);
    try {
      return await other();
    } catch (error) {
      if (!(error instanceof SocketTimedOutError)) throw error;
      this.#service = undefined;
      const service = await this.#place();
      if (service) return await own(service);
      throw error;
    }
  }

  async #place(): Promise<BeaconService | undefined> {
    const known = await this.#service;
    if (known?.closed) this.#service = undefined;
    this.#service ??= this.#start();
    try {
      return await this.#service;
    } catch (error) {
      this.#service = undefined;
      throw error;
    }
  }

  #start(): Promise<BeaconService | undefined> {
    const { beaconHost, beaconPort, rpcHost, rpcPort, prefer } = this.#options;
    const { interfaces = broadcastInterfaces, resolve = resolveHost4 } = this.#options;
    return BeaconService.start({
      ...this.#ground,
      book: this.#book,
      pause: (ms) => this.#waits.pause(ms / 1000),
      interfaces,
      resolve,
      beaconPort: beaconPort ?? BEACON_PORT,
      rpcPort: rpcPort ?? RPC_PORT,
      ...(beaconHost !== undefined && { beaconHost }),
      ...(rpcHost !== undefined && { rpcHost }),
      ...(prefer && { prefer }),
      onEvent: ({ kind }) => {
        if (kind === "heard") { for (const again of [...this.#onHeard]) queueMicrotask(again); }
      },
    });
  }

  /** Asks again, slice by slice, until there is an answer or the time is over. */
  async #again<T>(wait: number, look: (slice: number) => Promise<T | null>): Promise<T | null> {
    const end = this.#now + wait * 1000;
    for (;;) {
      const left = (end - this.#now) / 1000;
      const found = await look(Math.max(0, Math.min(SLICE, left)));
      if (found !== null || this.#now >= end) return found;
    }
  }

  /** What another program's beacon knows. */
  async #all(): Promise<Service[]> {
    const all = await this.#client.call("discover_all", SLICE);
    if (!Array.isArray(all)) return [];
    return all.flatMap((each) => {
      const [name, address] = Array.isArray(each) ? each : [];
      return typeof name === "string" && typeof address === "string" ? [[name, address]] : [];
    });
  }

  /** One address, as `ip:port`. */
  async #one(address: string): Promise<string> {
    if (typeof address !== "string") {
      throw new InvalidAddressError(
        String(address),
        Array.isArray(address)
          ? "this takes one address, not a list of them"
          : `${address} is no address; an address looks like 192.168.1.5:5000, ` +
            "and discover finds those of others",
      );
    }
    const [, port] = splitAddress(address.trim());
    if (port === "" && !/^\d+$/.test(address.trim())) {
      throw new AddressError(
        `"${address}" has no port; an address looks like 192.168.1.5:5000, ` +
          "and discover finds it by a name",
      );
    }
    const whole = await this.address(address);
    if (whole === address && this.#whole.size < MAX_WHOLE) this.#whole.add(whole);
    return whole;
  }
}

function checkName(name: string): void {
  if (typeof name !== "string") throw new NetworkZeroError("a name is text, in quotation marks");
}

/** A timer that does not keep the program running. */
const backgroundTimer: Timer = (callback, delay) => {
  const timer = setTimeout(callback, delay);
  timer.unref();
  return () => clearTimeout(timer);
};
