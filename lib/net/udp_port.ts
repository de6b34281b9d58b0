/**
 * One UDP socket on one address, for datagrams from one computer to one other.
 *
 * @module
 */
import { messageOf } from "../core/errors.ts";
import { plainAddress } from "./address.ts";
import { type MulticastCounters, newMulticastCounters } from "./udp_pair.ts";

/** What {@linkcode openUdp} wants to know. */
export interface UdpPortOptions {
  /** Our address: `::1`, `::`, `fe80::1%eth0`. */
  readonly host: string;
  /** Our port; 0 for any free one. */
  readonly port: number;
  /** Longest datagram taken, in bytes; longer ones are counted and dropped. */
  readonly maxDatagram: number;
  /** Default: counters of its own. */
  readonly counters?: MulticastCounters;
  /** A datagram came. `bytes` are the receiver's to keep; `host` is without scope. */
  readonly onDatagram: (bytes: Uint8Array, host: string, port: number) => void;
  /** One line for people: it cannot send, or receives no more. */
  readonly onProblem: (message: string) => void;
}

/** An open UDP socket. */
export interface UdpPort {
  readonly port: number;
  /** Sends, now or never. Never throws. */
  send(payload: Uint8Array, host: string, port: number): void;
  /** No callback comes any more; resolves when the socket is gone, and what was sent is on its way. */
  close(): Promise<void>;
}

/**
 * Opens at once. The address is ours alone: nobody else may bind it meanwhile.
 * Throws what the runtime throws.
 */
export function openUdp(options: UdpPortOptions): UdpPort {
  return new Port(options);
}

class Port implements UdpPort {
  readonly #options: UdpPortOptions;
  readonly #socket: Deno.DatagramConn;
  readonly #counters: MulticastCounters;
  readonly #loop: Promise<void>;
  readonly #sending = new Set<Promise<void>>();
  #closed = false;

  constructor(options: UdpPortOptions) {
    this.#options = options;
    this.#counters = options.counters ?? newMulticastCounters();
    const { host: hostname, port } = options;
    this.#socket = Deno.listenDatagram({ transport: "udp", hostname, port });
    this.#loop = this.#receive();
  }

  get port(): number {
    return (this.#socket.addr as Deno.NetAddr).port;
  }

  send(payload: Uint8Array, hostname: string, port: number): void {
    if (this.#closed) {
      this.#counters.sendFailures++;
      return;
    }
    const sending = this.#socket.send(payload, { transport: "udp", hostname, port }).then(
      () => {
        this.#counters.datagramsSent++;
        this.#counters.bytesSent += payload.length;
      },
      (error) => {
        this.#counters.sendFailures++;
        if (!this.#closed) {
          this.#options.onProblem(`cannot send to ${hostname}: ${messageOf(error)}`);
        }
      },
    ).finally(() => this.#sending.delete(sending));
    this.#sending.add(sending);
  }

  async close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      await Promise.all(this.#sending);
      this.#socket.close();
    }
    await this.#loop;
  }

  async #receive(): Promise<void> {
    const { maxDatagram, onDatagram, onProblem } = this.#options;
    // One byte more than allowed, to tell a datagram that was cut off.
    const buffer = new Uint8Array(maxDatagram + 1);
    while (true) {
      try {
        const [view, address] = await this.#socket.receive(buffer);
        if (this.#closed) return;
        if (view.length > maxDatagram) {
          this.#counters.oversized++;
          continue;
        }
        const { hostname, port } = address as Deno.NetAddr;
        this.#counters.datagramsReceived++;
        this.#counters.bytesReceived += view.length;
        onDatagram(view.slice(), plainAddress(hostname), port);
      } catch (error) {
        if (!this.#closed) onProblem(`receives no more: ${messageOf(error)}`);
        return;
      }
    }
  }
}
