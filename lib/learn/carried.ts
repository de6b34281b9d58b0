/**
 * A ZMTP socket on real connections.
 *
 * @module
 */
import type { Scheduler } from "../core/scheduler.ts";
import type { Random } from "../core/random.ts";
import { TcpLinks } from "../net/tcp_links.ts";
import type { ZmtpOutput } from "../nearby/zmtp/api.ts";
import type { SocketOptions, ZmtpSocket } from "../nearby/zmtp/socket.ts";

/** What sockets share. */
export interface Ground {
  readonly scheduler: Scheduler;
  readonly random: Random;
  /** One line for people who look for a fault. */
  readonly onProblem?: (message: string) => void;
}

/** Time that what waits to be written gets at the end, in ms. */
export const LINGER = 1_000;

/** The longest that a program which publishes without a pause waits for the network, in ms. */
const MOMENT = 10;

export class Carried<S extends ZmtpSocket> {
  readonly socket: S;
  readonly #ground: Ground;
  readonly #links: TcpLinks;
  readonly #listeners = new Set<() => void>();

  constructor(ground: Ground, make: (options: SocketOptions) => S) {
    this.#ground = ground;
    const { scheduler, random, onProblem } = ground;
    const output: ZmtpOutput = {
      dial: (link, host, port) => this.#links.dial(link, host, port),
      flush: (link) => this.#links.flush(link),
      resume: (link) => this.#links.resume(link),
      close: (link) => this.#links.close(link),
      readable: () => {
        // Later: this is a call out of the machine.
        if (this.#listeners.size > 0) queueMicrotask(() => this.#tell());
      },
    };
    this.socket = make({ output, random, ...(onProblem && { onProblem }) });
    this.#links = new TcpLinks(this.socket, {
      now: () => scheduler.now(),
      touch: () => scheduler.touch(),
      background: true,
      ...(onProblem && { onProblem }),
    });
    scheduler.add(this.socket);
  }

  get now(): number {
    return this.#ground.scheduler.now();
  }

  /** Returns the port. Throws what the runtime throws. */
  listen(host: string, port: number): number {
    return this.#links.listen(host, port);
  }

  connect(host: string, port: number): void {
    this.socket.connect(this.now, host, port);
    this.#ground.scheduler.touch();
  }

  /** `listener` is called when there may be something to take. Returns how to stop that. */
  onReadable(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Leaves the network the time to send: until one connection has taken all, or for a moment. */
  async outputTurn(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const moment = new Promise<void>((done) => timer = setTimeout(done, MOMENT));
    await Promise.race([this.#links.written(), moment]);
    clearTimeout(timer);
  }

  /** What waits is written first, for at most {@linkcode LINGER}. */
  async close(): Promise<void> {
    this.#ground.scheduler.remove(this.socket);
    this.#listeners.clear();
    await this.#links.stop(LINGER);
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
