/**
 * v0.1: one server that logs what it receives (`spec/pzog.md` §2).
 *
 * @module
 */
import type { ConnectionId, LoggerConfig, Remote, RingCounters, RingOutput } from "./api.ts";
import { Inbound } from "./inbound.ts";
import { Journal } from "./journal.ts";
import { equals, excerpt, isLoopback, isText } from "./text.ts";

/** The machine. It never wants to be woken. */
export class Logger {
  readonly counters: RingCounters = {
    fromClients: 0,
    fromServers: 0,
    logged: 0,
    rerouted: 0,
    refused: 0,
  };
  readonly #config: LoggerConfig;
  readonly #output: RingOutput;
  readonly #journal: Journal;
  readonly #connections = new Map<ConnectionId, Inbound>();
  #lastId = 0;

  constructor(options: { config: LoggerConfig; output: RingOutput }) {
    this.#config = options.config;
    this.#output = options.output;
    this.#journal = new Journal(options.output);
  }

  get clients(): number {
    return this.#connections.size;
  }

  nextWake(): number {
    return Infinity;
  }

  wake(): void {}

  accept(now: number, remote: Remote): ConnectionId {
    const one = new Inbound(now, ++this.#lastId, remote, "crlf", this.#config.maxMessage);
    this.#journal.add("access", `CONNECTION FROM ${one.where}`);
    if (this.#connections.size >= this.#config.maxClients) this.#makeRoom(now);
    if (this.#connections.size >= this.#config.maxClients) {
      this.counters.refused++;
      this.#journal.add("error", `${one.where}: ${this.#connections.size} connections are open`);
      this.#output.close(one.id);
    } else this.#connections.set(one.id, one);
    this.#journal.flush();
    return one.id;
  }

  receive(now: number, id: ConnectionId, piece: Uint8Array): void {
    const one = this.#connections.get(id);
    if (one === undefined) return;
    one.lastHeard = now;
    const long = one.reader.feed(piece, (line) => this.#message(one, line));
    if (long !== undefined) this.#refuse(one, long, "too long");
    // The line stands in the log when its sender reads "ok".
    this.#journal.flush();
    const answers = one.takeAnswers();
    if (answers !== undefined) this.#output.write(id, answers);
    if (one.closing) this.#close(one);
  }

  /** The other end has closed, or the connection broke. */
  ended(_now: number, id: ConnectionId): void {
    const one = this.#connections.get(id);
    if (one === undefined) return;
    if (one.reader.held.length > 0) this.#refuse(one, one.reader.held, "not finished");
    this.#journal.flush();
    this.#close(one);
  }

  /** Close all. */
  stop(): void {
    for (const one of [...this.#connections.values()]) this.#close(one);
  }

  /** Whether there is more to read. */
  #message(one: Inbound, line: Uint8Array): boolean {
    if (!isText(line)) {
      this.#refuse(one, line, "not text");
      return false;
    }
    const isShutdown = equals(line, "shutdown");
    if (isShutdown && !this.#config.allowShutdown && !isLoopback(one.remote.address)) {
      this.#refuse(one, line, "not from another computer");
      return false;
    }
    this.counters.fromClients++;
    this.counters.logged++;
    this.#journal.add("access", line);
    one.answer("ok\r\n");
    one.closing = isShutdown || equals(line, "quit");
    if (isShutdown) this.#output.shutdown();
    return !one.closing;
  }

  #refuse(one: Inbound, data: Uint8Array, wrong: string): void {
    this.counters.refused++;
    this.#journal.add("error", `${one.where}: ${excerpt(data, wrong)}`);
    one.closing = true;
  }

  #close(one: Inbound): void {
    if (this.#connections.delete(one.id)) this.#output.close(one.id);
  }

  /** The one that has been silent for the longest, where that is long. */
  #makeRoom(now: number): void {
    let oldest: Inbound | undefined;
    for (const one of this.#connections.values()) {
      if (oldest === undefined || one.lastHeard < oldest.lastHeard) oldest = one;
    }
    if (oldest !== undefined && now - oldest.lastHeard >= this.#config.idleTimeout) {
      this.#close(oldest);
    }
  }
}
