/**
 * Multicast on one interface, over IPv6 and IPv4 as the interface has them.
 *
 * @module
 */
import { messageOf } from "../core/errors.ts";
import { Complaints } from "./complaints.ts";
import type { InterfaceInfo } from "./interfaces.ts";
import { cidr4, linkLocal6 } from "./select.ts";
import { type Arrival, type MulticastCounters, newMulticastCounters, UdpPair } from "./udp_pair.ts";

/** The native profile's groups and port. */
export const NATIVE_GROUP6 = "ff12::8331";
export const NATIVE_GROUP4 = "239.255.83.31";
export const NATIVE_PORT = 8331;

/** What {@linkcode openMulticastLink} wants to know. */
export interface MulticastLinkOptions {
  /** The interface, as it is now: when {@linkcode needsReopening} says so, close and open anew. */
  readonly info: InterfaceInfo;
  /** Link-local IPv6 group. Default: that of the native profile. */
  readonly group6?: string;
  /** IPv4 group, or `null` for IPv6 only. Default: that of the native profile. */
  readonly group4?: string | null;
  /** UDP port of the groups. Default: that of the native profile. */
  readonly port?: number;
  /**
   * UDP port of our own addresses, which our datagrams come from. Default: `port`. On one computer,
   * what is sent to one address and port reaches only one program; 0 picks a free one.
   */
  readonly ownPort?: number;
  /** Longest datagram taken, in bytes; longer ones are counted and dropped. Default: 2048. */
  readonly maxDatagram?: number;
  /** Default: counters of its own. */
  readonly counters?: MulticastCounters;
  /**
   * A datagram came. `bytes` are the receiver's to keep; `from` can be dialled: `fe80::1%eth0` or
   * `192.0.2.7`. Datagrams of this computer, our own among them, come in too.
   */
  readonly onDatagram: (bytes: Uint8Array, from: string, arrival: Arrival) => void;
  /** One line for people; not more than one a minute of each kind. */
  readonly onProblem: (message: string) => void;
}

/** Multicast on one interface. */
export interface MulticastLink {
  /** The interface's name. */
  readonly interface: string;
  readonly counters: MulticastCounters;
  /** The IP versions that are open now. None: the next attempt is due within seconds. */
  readonly families: readonly (4 | 6)[];
  /** The UDP port that our datagrams come from; 0 while none is open. */
  readonly ownPort: number;
  /** Sends to the group, by IPv6 if the interface has it, else by IPv4. Never throws. */
  send(payload: Uint8Array): void;
  /** Sends to one address, as `onDatagram` gives them. `port` default: that of the group. */
  sendTo(address: string, payload: Uint8Array, port?: number): void;
  /** The interface changed in ways that {@linkcode needsReopening} does not mind. */
  update(info: InterfaceInfo): void;
  /** No callback comes any more; resolves when the sockets are gone. */
  close(): Promise<void>;
}

/** After an address that cannot be bound yet: duplicate address detection takes about 2 s. */
const RETRY_SOON_MS = 1_000;
/** After anything else, for instance a port that another program has for itself. */
const RETRY_LATER_MS = 5_000;

/**
 * Opens what can be opened at once, and keeps trying for the rest until it is closed. Loopback has
 * IPv4 only: the kernel does not carry IPv6 multicast there.
 */
export function openMulticastLink(options: MulticastLinkOptions): MulticastLink {
  return new Link(options);
}

class Link implements MulticastLink {
  readonly interface: string;
  readonly counters: MulticastCounters;
  readonly #options: MulticastLinkOptions;
  readonly #port: number;
  readonly #complaints: Complaints<"open" | "send">;
  readonly #pairs = new Map<4 | 6, UdpPair>();
  readonly #retries = new Map<4 | 6, ReturnType<typeof setTimeout>>();
  /** Pairs that were closed, until their sockets are gone. */
  readonly #closing = new Set<Promise<void>>();
  #info: InterfaceInfo;
  #closed = false;

  constructor(options: MulticastLinkOptions) {
    this.interface = options.info.name;
    this.#info = options.info;
    this.counters = options.counters ?? newMulticastCounters();
    this.#options = options;
    this.#port = options.port ?? NATIVE_PORT;
    this.#complaints = new Complaints((_kind, where, message) =>
      options.onProblem(`${where}: ${message}`)
    );
    const { info, group4 } = options;
    const has6 = linkLocal6(info) !== undefined;
    const has4 = cidr4(info) !== undefined && group4 !== null;
    if (has6) this.#open(6);
    if (has4) this.#open(4);
    if (!has6 && !has4) {
      this.#complaints.about("open", this.interface, "no address that multicast can use yet");
    }
  }

  get families(): readonly (4 | 6)[] {
    return [...this.#pairs.keys()].sort();
  }

  get ownPort(): number {
    return this.#pair()?.ownPort ?? 0;
  }

  send(payload: Uint8Array): void {
    const pair = this.#pair();
    if (!pair) this.counters.sendFailures++;
    else pair.send(payload, this.#group(pair.family), this.#port);
  }

  sendTo(address: string, payload: Uint8Array, port = this.#port): void {
    const pair = this.#pairs.get(address.includes(":") ? 6 : 4);
    if (!pair) this.counters.sendFailures++;
    else pair.send(payload, address, port);
  }

  update(info: InterfaceInfo): void {
    this.#info = info;
    for (const pair of this.#pairs.values()) pair.info = info;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#retries.values()) clearTimeout(timer);
    this.#retries.clear();
    for (const pair of this.#pairs.values()) this.#end(pair);
    this.#pairs.clear();
    await Promise.all(this.#closing);
  }

  #end(pair: UdpPair): void {
    const gone = pair.close().finally(() => this.#closing.delete(gone));
    this.#closing.add(gone);
  }

  /** What sends: IPv6 if it is open. */
  #pair(): UdpPair | undefined {
    return this.#pairs.get(6) ?? this.#pairs.get(4);
  }

  #group(family: 4 | 6): string {
    return family === 6
      ? this.#options.group6 ?? NATIVE_GROUP6
      : this.#options.group4 ?? NATIVE_GROUP4;
  }

  #open(family: 4 | 6): void {
    this.#retries.delete(family);
    const { ownPort, maxDatagram, onDatagram } = this.#options;
    try {
      const pair = new UdpPair(family, {
        info: this.#info,
        group: this.#group(family),
        port: this.#port,
        ownPort: ownPort ?? this.#port,
        maxDatagram: maxDatagram ?? 2_048,
        counters: this.counters,
        onDatagram: (bytes, from, arrival) => {
          if (!this.#closed) onDatagram(bytes, from, arrival);
        },
        onBroken: (message) => this.#lost(pair, message),
        onSendFailed: (message) =>
          this.#complaints.about("send", this.interface, `IPv${family} cannot send: ${message}`),
      });
      this.#pairs.set(family, pair);
    } catch (error) {
      this.#later(family, error);
    }
  }

  /** A pair that was open receives no more. */
  #lost(pair: UdpPair, message: string): void {
    this.#end(pair);
    if (this.#pairs.get(pair.family) === pair) this.#pairs.delete(pair.family);
    if (!this.#closed) this.#later(pair.family, new Error(message));
  }

  #later(family: 4 | 6, error: unknown): void {
    const soon = error instanceof Deno.errors.AddrNotAvailable;
    const what = error instanceof Deno.errors.AddrInUse
      ? `UDP port ${this.#port} is taken by another program; stop it, or set another port`
      : messageOf(error);
    this.#complaints.about("open", this.interface, `no IPv${family} multicast yet: ${what}`);
    const wait = soon ? RETRY_SOON_MS : RETRY_LATER_MS;
    this.#retries.set(family, setTimeout(() => this.#open(family), wait));
  }
}
