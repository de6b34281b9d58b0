/**
 * psprog, the client of the ring (`spec/pzog.md` §6): hands texts to servers, one at a time.
 *
 * @module
 */
import { messageOf, Random } from "../../core/mod.ts";
import { formatHostPort } from "../../net/address.ts";
import { randomText } from "../../ring/mod.ts";
import type { Endpoint } from "../config/config.ts";
import { sleep } from "../patience.ts";
import { LogFile, SHARES } from "./log.ts";

/** Wait for a connection, and for an answer, in ms. */
const PATIENCE = 10_000;

/** A server that texts can go to. */
export interface Target {
  readonly name: string;
  readonly addresses: readonly Endpoint[];
}

/** What to send where. */
export interface SendOptions {
  /** One at least; one alone gets everything. */
  readonly targets: readonly Target[];
  /** One after the other from the first, instead of at random. */
  readonly roundRobin: boolean;
  readonly intervalMs: number;
  /** How many texts; negative: without end. */
  readonly count: number;
  /** Instead of random texts. */
  readonly message: string | undefined;
  /** Characters of random texts. */
  readonly length: readonly [shortest: number, longest: number];
  /** 32 bits. */
  readonly seed: number;
  readonly logDir: string;
  /** For all logs of the folder; 0: no limit. */
  readonly logBytes: number;
  readonly stop: AbortSignal;
  /** Each text: whether it was taken. */
  readonly told: (target: string, text: string, trouble: string | undefined) => void;
  /** sprog.log cannot be written. */
  readonly logTrouble: (reason: string) => void;
}

/** How many texts were taken, and how many not. */
export interface SendResult {
  readonly sent: number;
  readonly failed: number;
}

/** Sends until the count is reached or `stop` is aborted. */
export async function sendTexts(options: SendOptions): Promise<SendResult> {
  const { targets, roundRobin, count, message, length, stop, told } = options;
  const random = new Random(options.seed);
  const encoder = new TextEncoder();
  const log = new LogFile({
    path: `${options.logDir}/sprog.log`,
    limit: Math.floor(options.logBytes * SHARES.sprog),
    wall: () => Date.now(),
    trouble: (reason) => reason !== undefined && options.logTrouble(reason),
  });
  const write = (line: string) => log.write([encoder.encode(line)]);
  const connections = new Map<Target, Connection>();
  let sent = 0;
  let failed = 0;
  write("start sprog run");
  for (let i = 0; count < 0 || i < count; i++) {
    if (i > 0) await sleep(options.intervalMs, stop);
    if (stop.aborted) break;
    const target =
      targets[roundRobin ? i % targets.length : random.below(targets.length)] as Target;
    const text = message ?? randomText(random, ...length);
    try {
      let connection = connections.get(target);
      if (connection === undefined || connection.ended) {
        connection?.close();
        connections.delete(target);
        connection = await Connection.open(target, stop);
        connections.set(target, connection);
      }
      await connection.ask(`MSG ${text}`);
      sent++;
      write(text);
      told(target.name, text, undefined);
    } catch (error) {
      if (stop.aborted) break;
      failed++;
      connections.get(target)?.close();
      connections.delete(target);
      write(`FAILED ${target.name} ${text}`);
      told(target.name, text, messageOf(error));
    }
  }
  await Promise.all([...connections.values()].map((connection) => connection.quit()));
  write("end sprog run");
  log.close();
  return { sent, failed };
}

/** A connection to a server. It is read all the time, so that its end is noticed between texts. */
class Connection {
  readonly #conn: Deno.TcpConn;
  readonly #where: string;
  #text = "";
  #waiting: ((line: string | undefined) => void) | undefined;
  ended = false;

  private constructor(conn: Deno.TcpConn, where: string) {
    this.#conn = conn;
    this.#where = where;
    void this.#read();
  }

  /** The first address that answers. */
  static async open({ name, addresses }: Target, stop: AbortSignal): Promise<Connection> {
    let trouble: unknown = new Error(`the address of ${name} is not known`);
    for (const { host, port } of addresses) {
      const where = formatHostPort(host, port);
      const timeout = AbortSignal.timeout(PATIENCE);
      try {
        const signal = AbortSignal.any([timeout, stop]);
        const conn = await Deno.connect({ hostname: host, port, signal });
        conn.setNoDelay(true);
        return new Connection(conn, where);
      } catch (error) {
        trouble = new Error(
          timeout.aborted
            ? `${where} does not answer`
            : error instanceof Deno.errors.ConnectionRefused
            ? `nothing listens at ${where}`
            : `${where} cannot be reached (${messageOf(error)})`,
        );
      }
    }
    throw trouble;
  }

  /** Sends a line and waits for its `OK`. */
  async ask(line: string): Promise<void> {
    const bytes = new TextEncoder().encode(`${line}\n`);
    const answer = new Promise<string | undefined>((resolve) => this.#waiting = resolve);
    for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
    const timer = setTimeout(() => {
      this.ended = true;
      this.#answer("(nothing)");
    }, PATIENCE);
    const got = await answer;
    clearTimeout(timer);
    if (got === "OK") return;
    this.ended = true;
    throw new Error(
      got === undefined ? `${this.#where} closed the connection` : `${this.#where} answered ${got}`,
    );
  }

  async quit(): Promise<void> {
    try {
      if (!this.ended) await this.ask("QUIT");
    } catch {
      // It is gone, which is what was wanted.
    }
    this.close();
  }

  close(): void {
    this.ended = true;
    try {
      this.#conn.close();
    } catch {
      // Closed already.
    }
  }

  async #read(): Promise<void> {
    const buffer = new Uint8Array(1_024);
    const decoder = new TextDecoder();
    try {
      for (let n = await this.#conn.read(buffer); n !== null; n = await this.#conn.read(buffer)) {
        this.#text += decoder.decode(buffer.subarray(0, n), { stream: true });
        const end = this.#text.indexOf("\n");
        if (end >= 0) {
          const line = this.#text.slice(0, end).replace(/\r$/, "");
          this.#text = this.#text.slice(end + 1);
          this.#answer(line);
        } else if (this.#text.length > 1_024) break;
      }
    } catch {
      // Broken, or closed by us: the same as its end.
    }
    this.ended = true;
    this.#answer(undefined);
  }

  #answer(line: string | undefined): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.(line);
  }
}
