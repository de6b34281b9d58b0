/**
 * The beacon of a computer: tells all around which services are here, and remembers what others tell
 * (`spec/networkzero.md §3`).
 *
 * @module
 */
import { parseIp } from "../wire/ip.ts";
import { WireError } from "../wire/bytes.ts";
import { DEFAULT_PREFER, isIpPattern, parseIpPort, preference, splitAddress } from "./address.ts";
import { type Advert, decodeAdvert, encodeAdvert } from "./adverts.ts";
import { NetworkZeroError } from "./errors.ts";
import type { Service } from "./group.ts";
import { KnownNames, MAX_NAMES } from "./known.ts";

/** Time between two adverts of a service, in ms. */
export const BEAT = 2_000;
/** Default time to live, in seconds. */
export const ADVERT_TTL = 20;
/** Of many services that are due, so many go out at once, and the others a slice later. */
const BURST = 25;
const SLICE = 50;
/** Own services at the most: with more, one beat would not suffice for all. */
export const MAX_OWN = 900;
/** Waiting discovers at the most. */
const MAX_WAITING = 1_024;

/** An IPv4 interface that adverts go out through. */
export interface BeaconInterface {
  /** Ours, without prefix: `192.168.1.5`. */
  readonly address: string;
  readonly prefixLength: number;
}

/** A service of this computer. */
export interface OwnService extends Advert {
  /**
   * It can be reached at all our addresses: each interface tells its own one, and `address` gives
   * the port.
   */
  readonly everyInterface: boolean;
}

export type BeaconEvent =
  /** A service was heard of first, or at an address not known before. */
  | { readonly kind: "heard"; readonly name: string; readonly address: string }
  | { readonly kind: "gone"; readonly name: string }
  /** What we advertise ourselves is no longer the same. */
  | { readonly kind: "own" };

/** Where the output goes. Calls must not call back into the machine. */
export interface BeaconOutput {
  /** One datagram to everybody on that interface. What cannot be sent is dropped. */
  broadcast(from: BeaconInterface, advert: Uint8Array): void;
  event?(event: BeaconEvent): void;
}

/** Since the start. */
export interface BeaconCounters {
  advertsSent: number;
  /** Taken, our own ones included. */
  advertsReceived: number;
  /** Longer than 256 octets. */
  oversized: number;
  /** Not an advert. */
  malformed: number;
  /** An advert whose address is none. */
  badAddress: number;
  /** A name too many. */
  refused: number;
}

export interface BeaconOptions {
  readonly output: BeaconOutput;
  /** Which addresses of a service are taken first, among those in reach. Default: 192.168.*. */
  readonly prefer?: readonly string[];
  readonly maxNames?: number;
}

interface Own {
  readonly service: OwnService;
  due: number;
}

interface Waiting {
  readonly name: string;
  readonly until: number;
  readonly done: (addresses: readonly string[]) => void;
}

export class Beacon {
  readonly counters: BeaconCounters = {
    advertsSent: 0,
    advertsReceived: 0,
    oversized: 0,
    malformed: 0,
    badAddress: 0,
    refused: 0,
  };
  readonly #output: BeaconOutput;
  readonly #prefer: readonly string[];
  readonly #known: KnownNames;
  /** In the order in which they are due. */
  #own: Own[] = [];
  #interfaces: readonly BeaconInterface[] = [];
  readonly #waiting = new Set<Waiting>();
  #paused = false;
  /** Not before this, because a burst has just gone out. */
  #breath = -Infinity;

  constructor({ output, prefer = DEFAULT_PREFER, maxNames = MAX_NAMES }: BeaconOptions) {
    this.#output = output;
    this.#prefer = prefer;
    this.#known = new KnownNames(maxNames);
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** The interfaces now. On one that is new everything is told at once. */
  setInterfaces(now: number, interfaces: readonly BeaconInterface[]): void {
    const before = new Set(this.#interfaces.map(({ address }) => address));
    this.#interfaces = interfaces;
    if (interfaces.some(({ address }) => !before.has(address))) {
      for (const own of this.#own) own.due = now;
    }
  }

  /** A datagram came, from that IPv4 address. Whatever it is, the beacon lives on. */
  receive(now: number, datagram: Uint8Array, source: string): void {
    let advert: Advert;
    try {
      advert = decodeAdvert(datagram);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      if (error.offset > 0) this.counters.oversized++;
      else this.counters.malformed++;
      return;
    }
    if (!isAddress(advert.address)) {
      this.counters.badAddress++;
      return;
    }
    this.counters.advertsReceived++;
    this.tell(now, advert, this.#isOwn(source));
  }

  /** A service is known from elsewhere. `here`: it runs on this computer. */
  tell(now: number, advert: Advert, here = false): void {
    this.#expire(now);
    this.#hear(now, advert, here, false);
  }

  /**
   * Advertises a service from now on, instead of one of that name.
   * @param address `ip:port`.
   * @throws {NetworkZeroError} where the name is too long, or there are too many.
   */
  advertise(now: number, service: OwnService): void {
    encodeAdvert(service);
    const others = this.#own.filter((own) => own.service.name !== service.name);
    if (others.length >= MAX_OWN) {
      throw new NetworkZeroError(
        `${MAX_OWN} services are advertised here already; take one back with unadvertise`,
      );
    }
    const own: Own = { service, due: now };
    this.#own = [own, ...others];
    this.#hear(now, service, true, true);
    if (!this.#paused) this.#sendFirst(now);
    this.#output.event?.({ kind: "own" });
  }

  /** Whether a service of that name is advertised by us. */
  advertises(name: string): boolean {
    return this.#own.some((own) => own.service.name === name);
  }

  /** Stops telling; what is known of it stays so until its time to live is over. */
  unadvertise(name: string): boolean {
    const left = this.#own.filter((own) => own.service.name !== name);
    const found = left.length < this.#own.length;
    this.#own = left;
    if (found) this.#output.event?.({ kind: "own" });
    return found;
  }

  /** What we advertise. */
  own(): OwnService[] {
    return this.#own.map(({ service }) => service);
  }

  /** Where a service is, best address first; empty where nobody told. */
  find(now: number, name: string): string[] {
    return this.#known.addresses(now, name);
  }

  /** All names with their best address, in the order in which they were first heard. */
  all(now: number): Service[] {
    return this.#known.all(now);
  }

  /** The time to live that was told for a name, in seconds; `undefined`: not known. */
  ttl(now: number, name: string): number | null | undefined {
    return this.#known.ttl(now, name);
  }

  /**
   * Finds a service, or waits until somebody advertises it.
   * @param done is called once: with the addresses, best first, or with none after `wait` ms; at
   * once where it is known, where there is nothing to wait for, or where too many wait.
   * @returns how to stop waiting.
   */
  discover(
    now: number,
    name: string,
    wait: number,
    done: (addresses: readonly string[]) => void,
  ): () => void {
    const known = this.find(now, name);
    if (known.length > 0 || !(wait > 0) || this.#waiting.size >= MAX_WAITING) {
      done(known);
      return () => {};
    }
    const waiting = { name, until: now + wait, done };
    this.#waiting.add(waiting);
    return () => void this.#waiting.delete(waiting);
  }

  /** Says nothing more; listening goes on. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
  }

  /** Forgets everything, own services included, and ends a pause. */
  reset(): void {
    const names = this.#known.all(-Infinity).map(([name]) => name);
    this.#known.clear();
    this.#own = [];
    this.#paused = false;
    for (const name of names) this.#output.event?.({ kind: "gone", name });
    this.#output.event?.({ kind: "own" });
  }

  nextWake(): number {
    let next = this.#known.nextExpiry();
    const first = this.#own[0];
    if (first && !this.#paused) next = Math.min(next, Math.max(first.due, this.#breath));
    for (const { until } of this.#waiting) next = Math.min(next, until);
    return next;
  }

  wake(now: number): void {
    this.#expire(now);
    for (const waiting of this.#waiting) {
      if (waiting.until > now) continue;
      this.#waiting.delete(waiting);
      waiting.done([]);
    }
    if (this.#paused || now < this.#breath) return;
    for (let i = 0; i < BURST && (this.#own[0]?.due ?? Infinity) <= now; i++) this.#sendFirst(now);
    if ((this.#own[0]?.due ?? Infinity) <= now) this.#breath = now + SLICE;
  }

  /** Sends the first of the queue and moves it to the end. */
  #sendFirst(now: number): void {
    const own = this.#own.shift();
    if (!own) return;
    own.due = now + BEAT;
    this.#own.push(own);
    const { service } = own;
    const whole = encodeAdvert(service);
    for (const each of this.#interfaces) {
      const bytes = service.everyInterface ? encodeFor(service, each) : whole;
      this.#output.broadcast(each, bytes);
      this.counters.advertsSent++;
    }
    // Adverts come back to whoever sent them, but not on a computer without a network.
    this.#hear(now, service, true, false);
  }

  #hear(now: number, advert: Advert, here: boolean, alone: boolean): void {
    const { name, address } = advert;
    const heard = this.#known.hear(now, advert, this.#rank(address, here), alone);
    if (heard === "full") this.counters.refused++;
    if (heard === "expired") this.#output.event?.({ kind: "gone", name });
    if (heard === "full" || heard === "expired") return;
    if (heard !== "refreshed") this.#output.event?.({ kind: "heard", name, address });
    for (const waiting of this.#waiting) {
      if (waiting.name !== name) continue;
      this.#waiting.delete(waiting);
      waiting.done(this.find(now, name));
    }
  }

  #expire(now: number): void {
    for (const name of this.#known.expire(now)) this.#output.event?.({ kind: "gone", name });
  }

  /**
   * How good an address is for us: first those in a network that we are in, last a loopback address
   * that another computer told, which leads to ourselves; among equals what is preferred.
   */
  #rank(address: string, here: boolean): number {
    const { host } = parseIpPort(address) ?? { host: "" };
    const loopback = host.startsWith("127.");
    const near = (loopback && here) || this.#interfaces.some((each) => inNetwork(host, each));
    const reach = near ? 0 : loopback ? 2 : 1;
    return reach * (this.#prefer.length + 1) + preference(host, this.#prefer);
  }

  #isOwn(source: string): boolean {
    return source.startsWith("127.") || this.#interfaces.some(({ address }) => address === source);
  }
}

/** The advert of one interface: its own address in place of the host. */
function encodeFor(service: OwnService, { address }: BeaconInterface): Uint8Array {
  const [, port] = splitAddress(service.address);
  try {
    return encodeAdvert({ ...service, address: `${address}:${port}` });
  } catch {
    // A few characters too long with this address: the one that was checked.
    return encodeAdvert(service);
  }
}

/** Whether a text is an IPv4 address, as inet_aton has it, and a port. */
function isAddress(text: string): boolean {
  const [host, port] = splitAddress(text);
  return !host.includes("*") && isIpPattern(host) && /^\d{1,5}$/.test(port) &&
    Number(port) <= 65_535;
}

function inNetwork(host: string, { address, prefixLength }: BeaconInterface): boolean {
  const a = parseIp(host);
  const b = parseIp(address);
  if (a?.length !== 4 || b?.length !== 4) return false;
  for (let bit = 0; bit < prefixLength; bit += 8) {
    const mask = 0xff << Math.max(0, 8 - (prefixLength - bit));
    if ((((a[bit >> 3] as number) ^ (b[bit >> 3] as number)) & mask & 0xff) !== 0) return false;
  }
  return true;
}
