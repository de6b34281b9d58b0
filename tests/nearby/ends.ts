/**
 * ZMTP sockets without a network: what one writes is handed to the other, in pieces of any size,
 * under virtual time.
 *
 * @module
 */
import { Random } from "../../lib/core/mod.ts";
import type { ZmtpOutput, ZmtpSocket } from "../../lib/nearby/machines.ts";
import type { SocketOptions } from "../../lib/nearby/machines.ts";
import { concat } from "../../lib/wire/bytes.ts";

/** A socket whose output is written down. */
export class End<S extends ZmtpSocket = ZmtpSocket> {
  readonly socket: S;
  /** Connections that it asked for. */
  readonly dials: { link: number; host: string; port: number }[] = [];
  /** Connections that it closed. */
  readonly closed: number[] = [];
  readonly resumed: number[] = [];
  readonly problems: string[] = [];
  readable = 0;
  now = 0;

  constructor(make: (options: SocketOptions) => S, options: Partial<SocketOptions> = {}) {
    const output: ZmtpOutput = {
      dial: (link, host, port) => this.dials.push({ link, host, port }),
      flush: () => {},
      resume: (link) => this.resumed.push(link),
      close: (link) => this.closed.push(link),
      readable: () => this.readable++,
    };
    this.socket = make({
      output,
      random: new Random(7),
      onProblem: (message) => this.problems.push(message),
      ...options,
    });
  }

  /** Somebody connects: the number of the connection. */
  accept(): number {
    const link = this.socket.accepted(this.now);
    if (link === undefined) throw new Error("not accepted");
    return link;
  }

  /** Connects: the number of the connection. */
  connect(): number {
    this.socket.connect(this.now, "192.0.2.1", 5000);
    return this.establish();
  }

  /** The last connection that was asked for comes to be. */
  establish(): number {
    const link = this.dials.at(-1)!.link;
    this.socket.connected(this.now, link);
    return link;
  }

  give(link: number, bytes: Uint8Array): void {
    if (bytes.length > 0) this.socket.receive(this.now, link, bytes);
  }

  take(link: number): Uint8Array {
    const parts: Uint8Array[] = [];
    for (;;) {
      const bytes = this.socket.takeOutput(link);
      if (!bytes) return concat(parts);
      parts.push(bytes.slice());
    }
  }
}

/** A connection between two ends; `piece` is the longest piece that arrives at once. */
export class Cable {
  /** Everything that went each way. */
  readonly aToB: Uint8Array[] = [];
  readonly bToA: Uint8Array[] = [];

  constructor(
    readonly a: End,
    readonly linkA: number,
    readonly b: End,
    readonly linkB: number,
    readonly piece: () => number = () => Infinity,
  ) {}

  /** Carries until neither has anything to say. */
  run(): this {
    for (let quiet = false; !quiet;) {
      quiet = true;
      for (const forth of [true, false]) {
        const [from, link, to, toLink] = forth
          ? [this.a, this.linkA, this.b, this.linkB] as const
          : [this.b, this.linkB, this.a, this.linkA] as const;
        const bytes = from.take(link);
        if (bytes.length === 0) continue;
        quiet = false;
        (forth ? this.aToB : this.bToA).push(bytes);
        for (let at = 0; at < bytes.length;) {
          const end = Math.min(bytes.length, at + this.piece());
          to.give(toLink, bytes.slice(at, end));
          at = end;
        }
      }
    }
    return this;
  }
}

/** Connects two ends. */
export function join(a: End, b: End, piece?: () => number): Cable {
  return new Cable(a, a.connect(), b, b.accept(), piece).run();
}

export const text = (value: string): Uint8Array => new TextEncoder().encode(value);
export const untext = (bytes: Uint8Array | undefined): string | undefined =>
  bytes && new TextDecoder().decode(bytes);
