/**
 * TCP connections of one machine, dialled and accepted: reads when the machine wants to, and
 * writes what it has, all at once, whenever the last write is done.
 *
 * @module
 */
import { messageOf } from "../core/errors.ts";
import { setNoDelay, writeAll } from "./conn_write.ts";

/** A machine that talks over connections, each named by a number. */
export interface LinkMachine {
  /** Somebody connected; `undefined`: close it. */
  accepted(now: number): number | undefined;
  connected(now: number, link: number): void;
  failed(now: number, link: number): void;
  /** The bytes are the machine's to keep. */
  receive(now: number, link: number, bytes: Uint8Array): void;
  closed(now: number, link: number): void;
  /** What is to be written; called when what it returned last has been written. */
  takeOutput(link: number): Uint8Array | undefined;
  wantsInput(link: number): boolean;
}

export interface TcpLinksOptions {
  /** Monotonic, in ms. */
  readonly now: () => number;
  /** Something happened that may have moved the machine's next wake. */
  readonly touch: () => void;
  /** Connections and listeners alone do not keep the program running. Default: false. */
  readonly background?: boolean;
  /** One line for people. */
  readonly onProblem?: (message: string) => void;
}

/** Buffers to read into grow from the first to the second, in bytes. */
const SMALL = 4_096;
const LARGE = 65_536;
/** A buffer with less room than this is not read into any more. */
const LEAST = 1_024;
/** A connection that took nothing for this long is waited for no more, in ms. */
const STUCK = 1_000;
/** Where no connection can be accepted (too many open files), the next try, in ms. */
const ACCEPT_AGAIN = 100;

interface Carrier {
  readonly conn: Deno.TcpConn;
  writing: boolean;
  /** When the last write began. */
  writingSince: number;
  written: Promise<void>;
  /** Ends a pause of reading. */
  resume: (() => void) | undefined;
  closed: boolean;
}

export class TcpLinks {
  readonly #machine: LinkMachine;
  readonly #options: TcpLinksOptions;
  readonly #carriers = new Map<number, Carrier>();
  readonly #dialling = new Map<number, AbortController>();
  readonly #listeners = new Set<Deno.TcpListener>();
  #stopped = false;

  constructor(machine: LinkMachine, options: TcpLinksOptions) {
    this.#machine = machine;
    this.#options = options;
  }

  /** Accepts connections from now on. Returns the port. Throws what the runtime throws. */
  listen(hostname: string, port: number): number {
    const listener = Deno.listen({ hostname, port });
    if (this.#options.background) listener.unref();
    this.#listeners.add(listener);
    void this.#accept(listener);
    return listener.addr.port;
  }

  dial(link: number, hostname: string, port: number): void {
    const abort = new AbortController();
    this.#dialling.set(link, abort);
    Deno.connect({ hostname, port, signal: abort.signal }).then((conn) => {
      this.#dialling.delete(link);
      if (this.#stopped || abort.signal.aborted) return close(conn);
      this.#carry(link, conn);
      this.#machine.connected(this.#options.now(), link);
      this.#options.touch();
    }, () => {
      this.#dialling.delete(link);
      if (this.#stopped || abort.signal.aborted) return;
      this.#machine.failed(this.#options.now(), link);
      this.#options.touch();
    });
  }

  /** The machine has something to write. What comes in the same turn leaves together. */
  flush(link: number): void {
    const carrier = this.#carriers.get(link);
    if (!carrier || carrier.writing) return;
    carrier.writing = true;
    carrier.writingSince = this.#options.now();
    carrier.written = Promise.resolve().then(() => this.#write(link, carrier));
  }

  /**
   * Resolves when one of the connections that are being written to has taken all; at once where
   * there is none but such as have taken nothing for long.
   */
  written(): Promise<void> {
    const writing: Promise<void>[] = [];
    const stuck = this.#options.now() - STUCK;
    for (const carrier of this.#carriers.values()) {
      if (carrier.writing && carrier.writingSince > stuck) writing.push(carrier.written);
    }
    return writing.length > 0 ? Promise.race(writing) : Promise.resolve();
  }

  /** The machine wants input again. */
  resume(link: number): void {
    const carrier = this.#carriers.get(link);
    carrier?.resume?.();
  }

  /** Closes at once; the machine is told nothing. */
  close(link: number): void {
    this.#dialling.get(link)?.abort();
    const carrier = this.#carriers.get(link);
    if (carrier) this.#end(link, carrier);
    this.#options.touch();
  }

  /** Closes everything, after what waits was written, or after `linger` ms. */
  async stop(linger: number): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    for (const listener of this.#listeners) close(listener);
    for (const abort of this.#dialling.values()) abort.abort();
    const writing = [...this.#carriers.values()].filter((carrier) => carrier.writing);
    if (writing.length > 0 && linger > 0) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<void>((done) => timer = setTimeout(done, linger));
      await Promise.race([Promise.all(writing.map(({ written }) => written)), late]);
      clearTimeout(timer);
    }
    for (const [link, carrier] of this.#carriers) this.#end(link, carrier);
  }

  async #accept(listener: Deno.TcpListener): Promise<void> {
    while (!this.#stopped) {
      let conn: Deno.TcpConn;
      try {
        conn = await listener.accept();
      } catch (error) {
        if (this.#stopped) return;
        this.#options.onProblem?.(`cannot take a connection: ${messageOf(error)}`);
        await new Promise((done) => setTimeout(done, ACCEPT_AGAIN));
        continue;
      }
      const link = this.#stopped ? undefined : this.#machine.accepted(this.#options.now());
      if (link === undefined) {
        close(conn);
        continue;
      }
      this.#carry(link, conn);
      this.flush(link);
      this.#options.touch();
    }
  }

  #carry(link: number, conn: Deno.TcpConn): void {
    setNoDelay(conn);
    if (this.#options.background) conn.unref();
    const carrier: Carrier = {
      conn,
      writing: false,
      writingSince: 0,
      written: Promise.resolve(),
      resume: undefined,
      closed: false,
    };
    this.#carriers.set(link, carrier);
    void this.#read(link, carrier);
  }

  async #read(link: number, carrier: Carrier): Promise<void> {
    const machine = this.#machine;
    let buffer = new Uint8Array(SMALL);
    let used = 0;
    let size = SMALL;
    try {
      while (!carrier.closed) {
        while (!machine.wantsInput(link)) {
          await new Promise<void>((resume) => carrier.resume = resume);
          carrier.resume = undefined;
          if (carrier.closed) return;
        }
        if (buffer.length - used < LEAST) {
          buffer = new Uint8Array(size);
          used = 0;
        }
        const count = await carrier.conn.read(buffer.subarray(used));
        if (carrier.closed) return;
        if (count === null) break;
        // Full: there is more to come, so that larger pieces are worth their memory.
        if (used + count === buffer.length) size = Math.min(LARGE, 4 * size);
        machine.receive(this.#options.now(), link, buffer.subarray(used, used + count));
        used += count;
      }
    } catch (error) {
      if (!isNetworkError(error)) throw error;
    }
    this.#lost(link, carrier);
  }

  async #write(link: number, carrier: Carrier): Promise<void> {
    try {
      for (;;) {
        const bytes = carrier.closed ? undefined : this.#machine.takeOutput(link);
        if (!bytes) break;
        carrier.writingSince = this.#options.now();
        await writeAll(carrier.conn, bytes);
      }
      carrier.writing = false;
    } catch (error) {
      if (!isNetworkError(error)) throw error;
      this.#lost(link, carrier);
    }
  }

  /** The other side, or the network, ended it. */
  #lost(link: number, carrier: Carrier): void {
    if (carrier.closed) return;
    this.#end(link, carrier);
    this.#machine.closed(this.#options.now(), link);
    this.#options.touch();
  }

  #end(link: number, carrier: Carrier): void {
    carrier.closed = true;
    this.#carriers.delete(link);
    close(carrier.conn);
    carrier.resume?.();
  }
}

/** What a connection fails with, other than by a fault of ours. */
function isNetworkError(error: unknown): boolean {
  if (error instanceof Error && /\(os error \d+\)/.test(error.message)) return true;
  return [
    Deno.errors.BadResource,
    Deno.errors.Interrupted,
    Deno.errors.ConnectionReset,
    Deno.errors.ConnectionAborted,
    Deno.errors.BrokenPipe,
    Deno.errors.NotConnected,
    Deno.errors.TimedOut,
    Deno.errors.UnexpectedEof,
    Deno.errors.WriteZero,
  ].some((kind) => error instanceof kind);
}

function close(resource: { close(): void }): void {
  try {
    resource.close();
  } catch {
    // Closed already.
  }
}
