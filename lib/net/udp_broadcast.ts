/**
 * Datagrams to everybody on a network, and from everybody: IPv4 broadcast.
 *
 * To the broadcast address of a network goes what the receiving socket sends, so that it has that
 * port as its source. To 255.255.255.255, which also reaches computers whose netmask differs, goes
 * what a socket on the interface's own address sends: from 0.0.0.0 the kernel would need a default
 * route, and take only that one.
 *
 * @module
 */
import { plainAddress } from "./address.ts";

/** An IPv4 interface to send through. */
export interface BroadcastInterface {
  /** Ours. */
  readonly address: string;
  readonly prefixLength: number;
  /** Where to send; by default its broadcast address and 255.255.255.255. */
  readonly destinations?: readonly string[];
}

export interface BroadcastOptions {
  /** Where to receive. Default: `0.0.0.0`. */
  readonly host?: string;
  readonly port: number;
  /** Longest datagram that is read, in bytes; longer ones come cut off. */
  readonly maxDatagram: number;
  /** `source`: the sender's address. `bytes` are used again after the call. */
  readonly onDatagram: (bytes: Uint8Array, source: string) => void;
  /** It receives no more. */
  readonly onProblem: (message: string) => void;
  /** It does not keep the program running. Default: false. */
  readonly background?: boolean;
}

export interface BroadcastCounters {
  sent: number;
  sendFailures: number;
}

/** Datagrams under way to the kernel at the most; more are dropped, as a full network does. */
const MAX_SENDING = 4_096;
const LIMITED = "255.255.255.255";

export class BroadcastPort {
  readonly counters: BroadcastCounters = { sent: 0, sendFailures: 0 };
  readonly #options: BroadcastOptions;
  readonly #socket: Deno.DatagramConn;
  /** By address of the interface. */
  readonly #senders = new Map<string, Deno.DatagramConn>();
  readonly #loop: Promise<void>;
  #sending = 0;
  #closed = false;

  /** Opens at once, without sharing the port. Throws what the runtime throws. */
  constructor(options: BroadcastOptions) {
    this.#options = options;
    const hostname = options.host ?? "0.0.0.0";
    this.#socket = Deno.listenDatagram({ transport: "udp", hostname, port: options.port });
    if (options.background) keepAlive(this.#socket, false);
    this.#loop = this.#receive();
  }

  get port(): number {
    return (this.#socket.addr as Deno.NetAddr).port;
  }

  /** The interfaces now: sockets of those that are gone are closed. */
  setInterfaces(interfaces: readonly BroadcastInterface[]): void {
    const left = new Set(interfaces.map(({ address }) => address));
    for (const [address, socket] of this.#senders) {
      if (left.has(address)) continue;
      this.#senders.delete(address);
      socket.close();
    }
  }

  /** Sends, now or never. `bytes` must not change afterwards. Never throws. */
  broadcast(from: BroadcastInterface, bytes: Uint8Array): void {
    for (const to of from.destinations ?? [broadcastAddress(from), LIMITED]) {
      const socket = to === LIMITED ? this.#sender(from.address) : this.#socket;
      if (this.#closed || !socket || this.#sending >= MAX_SENDING) {
        this.counters.sendFailures++;
        continue;
      }
      this.#sending++;
      socket.send(bytes, { transport: "udp", hostname: to, port: this.port }).then(
        () => this.counters.sent++,
        // An interface without a cable, an address that is gone: the next beat comes soon.
        () => this.counters.sendFailures++,
      ).finally(() => this.#sending--);
    }
  }

  async close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      // Whoever waits for this end is to see it, also where nothing else is left.
      keepAlive(this.#socket, true);
      this.#socket.close();
      for (const socket of this.#senders.values()) socket.close();
    }
    await this.#loop;
  }

  #sender(address: string): Deno.DatagramConn | undefined {
    let socket = this.#senders.get(address);
    if (socket || this.#closed) return socket;
    try {
      socket = Deno.listenDatagram({ transport: "udp", hostname: address, port: 0 });
    } catch {
      // The address is gone, or cannot be used yet.
      return undefined;
    }
    this.#senders.set(address, socket);
    return socket;
  }

  async #receive(): Promise<void> {
    const buffer = new Uint8Array(this.#options.maxDatagram);
    while (!this.#closed) {
      try {
        const [view, address] = await this.#socket.receive(buffer);
        if (this.#closed) return;
        this.#options.onDatagram(view, plainAddress((address as Deno.NetAddr).hostname));
      } catch (error) {
        if (this.#closed) return;
        this.#options.onProblem(
          `receives no more: ${error instanceof Error ? error.message : error}`,
        );
        return;
      }
    }
  }
}

/** `192.168.1.255` of 192.168.1.5 with a prefix of 24. */
export function broadcastAddress({ address, prefixLength }: BroadcastInterface): string {
  return address.split(".").map((octet, i) => {
    const bits = Math.min(8, Math.max(0, prefixLength - 8 * i));
    return Number(octet) | (0xff >> bits);
  }).join(".");
}

/** The IPv4 interfaces of this computer that can broadcast: not loopback, not point to point. */
export function broadcastInterfaces(): BroadcastInterface[] {
  return Deno.networkInterfaces().flatMap(({ family, address, cidr }) => {
    const prefixLength = Number(cidr.split("/")[1]);
    const can = family === "IPv4" && !address.startsWith("127.") && prefixLength < 31;
    return can ? [{ address, prefixLength }] : [];
  });
}

/** The IPv4 addresses of this computer, loopback included. */
export function localIp4(): string[] {
  return Deno.networkInterfaces().flatMap(({ family, address }) =>
    family === "IPv4" ? [address] : []
  );
}

/** Whether it keeps the program running. The types of the runtime do not know it yet. */
function keepAlive(socket: Deno.DatagramConn, yes: boolean): void {
  const { ref, unref } = socket as { ref?: () => void; unref?: () => void };
  (yes ? ref : unref)?.call(socket);
}
