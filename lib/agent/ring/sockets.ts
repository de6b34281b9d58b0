/**
 * The ring's TCP connections: what a machine of `lib/ring` asks for, done with sockets. Thin: it knows
 * bytes and no line.
 *
 * @module
 */
import { AgentError, ExitCode, messageOf } from "../../core/mod.ts";
import { formatHostPort, plainAddress } from "../../net/address.ts";
import type { ConnectionId, Remote } from "../../ring/mod.ts";
import { concat } from "../../wire/bytes.ts";

/** What is read at a time. */
const READ_BYTES = 16_384;
/** What waits to be written to a connection; more, and it is given up: nobody reads there. */
const MOST_UNWRITTEN = 32 * 1_048_576;
/** Nothing is read from a connection that does not read us while more than this waits. */
const HIGH_WATER = 262_144;
/** A connection that is to be closed may take so long to read what was written, in ms. */
const LINGER = 2_000;

/** Who is told of connections. Calls may come at any time between two turns. */
export interface SocketsHost {
  accepted(remote: Remote): ConnectionId;
  connected(id: ConnectionId): void;
  received(id: ConnectionId, piece: Uint8Array): void;
  ended(id: ConnectionId, reason: string): void;
  /** A listener no longer accepts. */
  failed(reason: string): void;
}

/** A connection at work. */
interface Open {
  readonly conn: Deno.TcpConn;
  queue: Uint8Array[];
  unwritten: number;
  writing: boolean;
  /** Closed by us: what is queued still goes out, and what comes is thrown away. */
  closing: boolean;
  paused: boolean;
  /** Lets a reader go on that waits. */
  resume: (() => void) | undefined;
  /** Ends a connection that takes too long to be closed. */
  late: ReturnType<typeof setTimeout> | undefined;
}

/** All sockets of one server. */
export class RingSockets {
  readonly #host: SocketsHost;
  readonly #lingerMs: number;
  readonly #listeners: Deno.TcpListener[] = [];
  readonly #open = new Map<ConnectionId, Open>();
  /** Being dialled; aborted where they are no longer wanted. */
  readonly #dialling = new Map<ConnectionId, AbortController>();
  /** Everything that is not over, also connections that linger. */
  readonly #work = new Set<Promise<void>>();
  /** Closed while the machine was told of it. */
  readonly #refused = new Set<ConnectionId>();
  #accepting = false;
  #closed = false;

  constructor(host: SocketsHost, lingerMs = LINGER) {
    this.#host = host;
    this.#lingerMs = lingerMs;
  }

  /**
   * Listens. Answers the address that was got.
   * @throws {AgentError} exit code 4 where it cannot be had.
   */
  listen(host: string, port: number): string {
    const listener = listenFor(host, port);
    this.#listeners.push(listener);
    this.#do(this.#accept(listener));
    const { hostname, port: got } = listener.addr;
    return formatHostPort(hostname, got);
  }

  /** Tries the addresses one after the other, each for its part of the time that there is. */
  dial(
    id: ConnectionId,
    addresses: readonly { host: string; port: number }[],
    limitMs: number,
  ): void {
    const abort = new AbortController();
    this.#dialling.set(id, abort);
    const each = Math.ceil(limitMs / (addresses.length + 1));
    this.#do(this.#dial(id, addresses, each, abort.signal));
  }

  write(id: ConnectionId, bytes: Uint8Array): void {
    const one = this.#open.get(id);
    if (one === undefined || one.closing) return;
    one.queue.push(bytes);
    one.unwritten += bytes.length;
    if (one.unwritten > MOST_UNWRITTEN) {
      this.#break(id, one);
      // Not now: the machine must not be called back.
      queueMicrotask(() => this.#host.ended(id, "it does not read what we send"));
    } else if (!one.writing) this.#do(this.#drain(id, one));
  }

  pause(id: ConnectionId, paused: boolean): void {
    const one = this.#open.get(id);
    if (one === undefined) return;
    one.paused = paused;
    if (!paused) this.#wake(one);
  }

  /** Close it once all is written. */
  close(id: ConnectionId): void {
    this.#dialling.get(id)?.abort();
    this.#dialling.delete(id);
    const one = this.#open.get(id);
    if (one === undefined && this.#accepting) this.#refused.add(id);
    if (one === undefined || one.closing) return;
    one.closing = true;
    one.late = setTimeout(() => shut(one.conn), this.#lingerMs);
    this.#open.delete(id);
    this.#wake(one);
    if (!one.writing) this.#do(this.#linger(one));
  }

  /** Take no more connections. */
  stopListening(): void {
    for (const listener of this.#listeners.splice(0)) listener.close();
  }

  /** Close everything, and wait for the end of it. */
  async stop(): Promise<void> {
    this.#closed = true;
    this.stopListening();
    for (const id of [...this.#dialling.keys(), ...this.#open.keys()]) this.close(id);
    while (this.#work.size > 0) await Promise.all(this.#work);
  }

  #do(work: Promise<void>): void {
    this.#work.add(work);
    void work.finally(() => this.#work.delete(work));
  }

  async #accept(listener: Deno.TcpListener): Promise<void> {
    for (;;) {
      try {
        const conn = await listener.accept();
        if (this.#closed) return shut(conn);
        const { hostname, port } = conn.remoteAddr;
        this.#accepting = true;
        const id = this.#host.accepted({ address: plainAddress(hostname), port });
        this.#accepting = false;
        if (this.#refused.delete(id)) shut(conn);
        else this.#begin(id, conn);
      } catch (error) {
        if (!this.#listeners.includes(listener)) return;
        // No descriptors left, or a connection that went away while it was taken.
        this.#host.failed(`no connection can be taken: ${messageOf(error)}`);
        await new Promise((resolve) => setTimeout(resolve, 1_000));
      }
    }
  }

  async #dial(
    id: ConnectionId,
    addresses: readonly { host: string; port: number }[],
    each: number,
    signal: AbortSignal,
  ): Promise<void> {
    let reason = "its address is not known";
    for (const { host, port } of addresses) {
      const late = AbortSignal.timeout(each);
      try {
        const both = AbortSignal.any([signal, late]);
        const conn = await Deno.connect({ hostname: host, port, signal: both });
        if (signal.aborted) return shut(conn);
        this.#dialling.delete(id);
        this.#begin(id, conn);
        return this.#host.connected(id);
      } catch (error) {
        if (signal.aborted) return;
        const where = formatHostPort(host, port);
        reason = late.aborted ? `${where} does not answer` : whyNot(error, where);
      }
    }
    // A name that is not known is told in a later turn, as everything else.
    await Promise.resolve();
    if (signal.aborted) return;
    this.#dialling.delete(id);
    this.#host.ended(id, reason);
  }

  #begin(id: ConnectionId, conn: Deno.TcpConn): void {
    try {
      conn.setNoDelay(true);
    } catch {
      // It was reset already; reading tells.
    }
    const one: Open = {
      conn,
      queue: [],
      unwritten: 0,
      writing: false,
      closing: false,
      paused: false,
      resume: undefined,
      late: undefined,
    };
    this.#open.set(id, one);
    this.#do(this.#read(id, one));
  }

  async #read(id: ConnectionId, one: Open): Promise<void> {
    const buffer = new Uint8Array(READ_BYTES);
    let reason = "it closed the connection";
    try {
      for (;;) {
        while (!one.closing && (one.paused || one.unwritten > HIGH_WATER)) {
          await new Promise<void>((resolve) => one.resume = resolve);
        }
        if (one.closing) return;
        const count = await one.conn.read(buffer);
        if (one.closing) return;
        if (count === null) break;
        this.#host.received(id, buffer.subarray(0, count));
      }
    } catch (error) {
      if (one.closing) return;
      reason = `the connection broke (${messageOf(error)})`;
    }
    this.#host.ended(id, reason);
    this.close(id);
  }

  /** Writes what is queued; much of it at once. */
  async #drain(id: ConnectionId, one: Open): Promise<void> {
    one.writing = true;
    try {
      while (one.queue.length > 0) {
        const all = one.queue;
        one.queue = [];
        const bytes = all.length === 1 ? all[0] as Uint8Array : concat(all);
        for (let at = 0; at < bytes.length;) {
          const count = await one.conn.write(bytes.subarray(at));
          at += count;
          one.unwritten -= count;
          this.#wake(one);
        }
      }
    } catch (error) {
      one.queue = [];
      if (!one.closing) {
        this.#break(id, one);
        this.#host.ended(id, `the connection broke (${messageOf(error)})`);
        return;
      }
    }
    one.writing = false;
    if (one.closing) await this.#linger(one);
  }

  /** Closed at once, what is queued is lost. */
  #break(id: ConnectionId, one: Open): void {
    one.closing = true;
    one.queue = [];
    this.#open.delete(id);
    shut(one.conn);
    this.#wake(one);
  }

  /** What the other end still sends is read: else our last words would be lost with it. */
  async #linger({ conn, late }: Open): Promise<void> {
    try {
      await conn.closeWrite();
      const buffer = new Uint8Array(4_096);
      while (await conn.read(buffer) !== null);
    } catch {
      // It is gone, which is what was wanted.
    }
    clearTimeout(late);
    shut(conn);
  }

  #wake(one: Open): void {
    const { resume } = one;
    one.resume = undefined;
    resume?.();
  }
}

function shut(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // Closed already.
  }
}

function whyNot(error: unknown, address: string): string {
  if (error instanceof Deno.errors.ConnectionRefused) return `nothing listens at ${address}`;
  if (messageOf(error).includes("failed to lookup address")) return `${address} is not known`;
  return `${address} cannot be reached (${messageOf(error).replace(/ \(os error \d+\)$/, "")})`;
}

function listenFor(host: string, port: number): Deno.TcpListener {
  try {
    return Deno.listen({ hostname: host, port });
  } catch (cause) {
    // A kernel without IPv6: all means all of IPv4.
    if (host === "::" && messageOf(cause).includes("(os error 97)")) {
      return listenFor("0.0.0.0", port);
    }
    const where = formatHostPort(host, port);
    const message = cause instanceof Deno.errors.AddrInUse
      ? `TCP port ${port} is taken by another program, perhaps another ring server; stop that one,` +
        " or listen elsewhere: listen in [ring], or --listen"
      : cause instanceof Deno.errors.PermissionDenied
      ? `no permission to listen on ${where}; ports below 1024 need root`
      : cause instanceof Deno.errors.AddrNotAvailable
      ? `cannot listen on ${where}: this computer has no such address; set listen in [ring]`
      : `cannot listen on ${where}: ${messageOf(cause)}`;
    throw new AgentError(message, ExitCode.Refused, { cause });
  }
}
