/**
 * The two sockets of one address family on one interface: `group` is bound to the multicast group
 * and receives it; `own` is bound to the interface's own address, receives what is sent to that,
 * and does all sending. (One socket bound to everything could not tell where a datagram came in,
 * and the kernel would pick its source address.)
 *
 * @module
 */
import { messageOf } from "../core/errors.ts";
import { addressOf, inSubnet4, isLinkLocal6, plainAddress } from "./address.ts";
import { cidr4, linkLocal6 } from "./select.ts";
import type { InterfaceInfo } from "./interfaces.ts";

/** How a datagram came. */
export interface Arrival {
  /** The sender's UDP port. */
  readonly port: number;
  /** Sent to the group, and not to this node alone. */
  readonly multicast: boolean;
}

/** What is needed to open a pair. */
export interface PairOptions {
  readonly info: InterfaceInfo;
  readonly group: string;
  /** UDP port of the group. */
  readonly port: number;
  /** UDP port of our own address. */
  readonly ownPort: number;
  /** Longest datagram taken, in bytes. */
  readonly maxDatagram: number;
  readonly counters: MulticastCounters;
  readonly onDatagram: (bytes: Uint8Array, from: string, arrival: Arrival) => void;
  /** The pair does not receive any more. */
  readonly onBroken: (message: string) => void;
  readonly onSendFailed: (message: string) => void;
}

/** Counts since start, for `/metrics`. */
export interface MulticastCounters {
  datagramsSent: number;
  datagramsReceived: number;
  bytesSent: number;
  bytesReceived: number;
  /** Not sent: the kernel refused, or no socket was open. */
  sendFailures: number;
  /** Not sent: the kernel took no more. */
  sendOverflows: number;
  /** Longer than `maxDatagram`, so cut off, so dropped. */
  oversized: number;
  /** Came in on another interface (IPv4 only), so dropped. */
  foreign: number;
}

/** All at 0. */
export function newMulticastCounters(): MulticastCounters {
  return {
    datagramsSent: 0,
    datagramsReceived: 0,
    bytesSent: 0,
    bytesReceived: 0,
    sendFailures: 0,
    sendOverflows: 0,
    oversized: 0,
    foreign: 0,
  };
}

/** Datagrams that may wait for the kernel. More, and the link is jammed: dropping is kinder. */
const MAX_SENDING = 64;

/** An open pair of sockets. */
export class UdpPair {
  readonly family: 4 | 6;
  /** The interface as it is now. */
  info: InterfaceInfo;
  readonly #options: PairOptions;
  readonly #group: Deno.DatagramConn;
  readonly #own: Deno.DatagramConn;
  readonly #loops: Promise<void>[] = [];
  #sending = 0;
  #whenSent: (() => void)[] = [];
  #closed = false;

  /** Opens at once. Throws what the runtime throws, with no socket left open. */
  constructor(family: 4 | 6, options: PairOptions) {
    this.family = family;
    this.info = options.info;
    this.#options = options;
    const { info, group, port, ownPort } = options;
    // `ADDRESS%INTERFACE` ties the socket to the interface, for the group as for our own address.
    const scope = family === 6 ? `%${info.name}` : "";
    const own = ownAddress(family, info);
    this.#own = bind(`${own}${scope}`, ownPort);
    try {
      this.#group = bind(`${group}${scope}`, port);
    } catch (error) {
      this.#own.close();
      throw error;
    }
    const joined = family === 6
      ? this.#group.joinMulticastV6(group, info.index)
      : this.#group.joinMulticastV4(group, own);
    joined.catch((error) => this.#break(`cannot join ${group}: ${messageOf(error)}`));
    this.#loops.push(this.#receive(this.#own, false), this.#receive(this.#group, true));
  }

  /** The UDP port that our datagrams come from. */
  get ownPort(): number {
    return (this.#own.addr as Deno.NetAddr).port;
  }

  /** Sends, now or never. What is sent in one turn may overtake each other. */
  send(payload: Uint8Array, to: string, port: number): void {
    const { counters, onSendFailed } = this.#options;
    if (this.#closed || this.#sending >= MAX_SENDING) {
      if (this.#closed) counters.sendFailures++;
      else counters.sendOverflows++;
      return;
    }
    this.#sending++;
    // With a scope the runtime would resolve the address for every datagram; the socket has one.
    const address: Deno.NetAddr = { transport: "udp", hostname: withoutScope(to), port };
    this.#own.send(payload, address).then(
      () => {
        this.#sent();
        counters.datagramsSent++;
        counters.bytesSent += payload.length;
      },
      (error) => {
        this.#sent();
        counters.sendFailures++;
        if (!this.#closed) onSendFailed(messageOf(error));
      },
    );
  }

  /** Closes both sockets at once; resolves when nothing is pending any more. */
  async close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#own.close();
      this.#group.close();
    }
    await Promise.all(this.#loops);
    // A datagram on its way into the kernel keeps the socket, and with it the port.
    if (this.#sending > 0) await new Promise<void>((resolve) => this.#whenSent.push(resolve));
  }

  #sent(): void {
    if (--this.#sending > 0) return;
    for (const resolve of this.#whenSent.splice(0)) resolve();
  }

  async #receive(socket: Deno.DatagramConn, multicast: boolean): Promise<void> {
    const { counters, maxDatagram } = this.#options;
    // One byte more than allowed, to tell a datagram that was cut off.
    const buffer = new Uint8Array(maxDatagram + 1);
    while (!this.#closed) {
      let bytes: Uint8Array;
      let from: Deno.NetAddr;
      try {
        const [view, address] = await socket.receive(buffer);
        bytes = view;
        from = address as Deno.NetAddr;
      } catch (error) {
        this.#break(messageOf(error));
        return;
      }
      if (this.#closed) return;
      if (bytes.length > maxDatagram) counters.oversized++;
      else if (!this.#isOurs(from.hostname)) counters.foreign++;
      else {
        counters.datagramsReceived++;
        counters.bytesReceived += bytes.length;
        this.#options.onDatagram(bytes.slice(), this.#dialable(from.hostname), {
          port: from.port,
          multicast,
        });
      }
    }
  }

  /**
   * IPv4 sockets hear the group on every interface that any socket of this computer joined, so the
   * sender's subnet has to tell. Two interfaces in one subnet both take such a datagram.
   */
  #isOurs(sender: string): boolean {
    if (this.family === 6) return true;
    return this.info.addresses.some((cidr) => inSubnet4(sender, cidr));
  }

  /** The runtime drops the scope of a sender's address; without it nobody could answer. */
  #dialable(sender: string): string {
    const plain = plainAddress(sender);
    return isLinkLocal6(plain) ? `${plain}%${this.info.name}` : plain;
  }

  #break(message: string): void {
    if (this.#closed) return;
    this.close();
    this.#options.onBroken(message);
  }
}

/** The address of this family that we send from. */
function ownAddress(family: 4 | 6, info: InterfaceInfo): string {
  const address = family === 6 ? linkLocal6(info) : cidr4(info);
  if (address === undefined) throw new Error(`${info.name} has no IPv${family} address`);
  return addressOf(address);
}

function bind(hostname: string, port: number): Deno.DatagramConn {
  // Other agents on this computer listen to the same group, and hear us through the loopback.
  return Deno.listenDatagram({
    transport: "udp",
    hostname,
    port,
    reuseAddress: true,
    loopback: true,
  });
}

function withoutScope(address: string): string {
  const at = address.indexOf("%");
  return at < 0 ? address : address.slice(0, at);
}
