/**
 * A stream over TCP as it is, for protocols that have their own idea of who is at the other end. It
 * looks like a {@linkcode SecureStream}, so that who carries bytes need not care.
 *
 * @module
 */
import { AgentError, ExitCode, messageOf } from "../core/errors.ts";
import { concat } from "../wire/bytes.ts";
import { formatHostPort, type HostPort, plainAddress } from "./address.ts";
import { setNoDelay } from "./conn_reader.ts";
import { listenTcp } from "./listen_tcp.ts";

/** From this many waiting bytes on, `write` asks to hold back. */
const HIGH_WATER = 256 * 1024;
/** Once no more than this many wait, `onWritable` says to go on. */
const LOW_WATER = 64 * 1024;
/** How long bytes may wait with nothing of them taken, in ms. */
const STALL_MS = 30_000;
const READ_BUFFER = 64 * 1024;
/** Wait before the next accept after one that failed, in ms. */
const ACCEPT_PAUSE = 200;

/** A stream of bytes, both ways; what {@linkcode PlainStream} and `SecureStream` have in common. */
export interface ByteStream {
  /** `HOST:PORT`: as dialled, or where the other side came from. */
  readonly remote: string;
  /** Bytes written that the kernel has not taken yet. */
  readonly buffered: number;
  /** Sends, in order. False: taken, but hold back until `onWritable`. */
  write(bytes: Uint8Array): boolean;
  /** Who gets what comes; the bytes are good until the callback returns. Reading starts here. */
  onData(callback: (bytes: Uint8Array) => void): void;
  onWritable(callback: () => void): void;
  /** Told once, and not from within `close`. */
  onClosed(callback: (reason: string) => void): void;
  /** Resolves once all that was written is with the kernel, or the stream has closed. */
  flushed(): Promise<void>;
  /** At once; what waits is dropped. */
  close(reason: string): void;
}

/** TCP without anything around it. */
export class PlainStream implements ByteStream {
  readonly remote: string;
  readonly #conn: Deno.TcpConn;
  #queue: Uint8Array[] = [];
  #buffered = 0;
  #pumping = false;
  #held = false;
  #closedWith: string | undefined;
  #onData: (bytes: Uint8Array) => void = () => {};
  #onWritable: () => void = () => {};
  #onClosed: ((reason: string) => void) | undefined;
  #whenIdle: (() => void)[] = [];

  constructor(conn: Deno.TcpConn, remote: string) {
    this.#conn = conn;
    this.remote = remote;
    setNoDelay(conn);
  }

  get buffered(): number {
    return this.#buffered;
  }

  write(bytes: Uint8Array): boolean {
    if (this.#closedWith !== undefined || bytes.length === 0) return !this.#held;
    this.#queue.push(bytes);
    this.#buffered += bytes.length;
    if (this.#buffered >= HIGH_WATER) this.#held = true;
    if (!this.#pumping) {
      this.#pumping = true;
      queueMicrotask(() => this.#pump());
    }
    return !this.#held;
  }

  onData(callback: (bytes: Uint8Array) => void): void {
    this.#onData = callback;
    queueMicrotask(() => this.#read());
  }

  onWritable(callback: () => void): void {
    this.#onWritable = callback;
  }

  onClosed(callback: (reason: string) => void): void {
    this.#onClosed = callback;
    const reason = this.#closedWith;
    if (reason !== undefined) queueMicrotask(() => this.#tellClosed(reason));
  }

  flushed(): Promise<void> {
    if (this.#closedWith !== undefined || this.#buffered === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  close(reason: string): void {
    if (this.#closedWith !== undefined) return;
    this.#closedWith = reason;
    this.#queue = [];
    this.#buffered = 0;
    try {
      this.#conn.close();
    } catch {
      // The runtime has closed it already, after an error.
    }
    this.#resolveIdle();
    queueMicrotask(() => this.#tellClosed(reason));
  }

  #tellClosed(reason: string): void {
    const callback = this.#onClosed;
    this.#onClosed = undefined;
    callback?.(reason);
  }

  #resolveIdle(): void {
    for (const resolve of this.#whenIdle.splice(0)) resolve();
  }

  async #pump(): Promise<void> {
    try {
      while (this.#queue.length > 0) {
        const [first, ...others] = this.#queue.splice(0) as [Uint8Array, ...Uint8Array[]];
        await this.#writeOut(others.length === 0 ? first : concat([first, ...others]));
        if (this.#closedWith !== undefined) return;
        if (this.#held && this.#buffered <= LOW_WATER) {
          this.#held = false;
          this.#onWritable();
        }
      }
      this.#resolveIdle();
    } catch (error) {
      this.close(messageOf(error));
    } finally {
      this.#pumping = false;
    }
  }

  async #writeOut(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length && this.#closedWith === undefined;) {
      const timer = setTimeout(() => this.close("the other side stopped reading"), STALL_MS);
      try {
        const count = await this.#conn.write(bytes.subarray(at));
        at += count;
        this.#buffered -= count;
      } finally {
        clearTimeout(timer);
      }
    }
  }

  async #read(): Promise<void> {
    const buffer = new Uint8Array(READ_BUFFER);
    try {
      while (this.#closedWith === undefined) {
        const count = await this.#conn.read(buffer);
        if (count === null) return this.close("the other side closed the stream");
        this.#onData(buffer.subarray(0, count));
      }
    } catch (error) {
      this.close(messageOf(error));
    }
  }
}

/**
 * Opens a stream.
 * @throws {AgentError} with exit code 3 where there is none in time.
 */
export async function dialPlain(
  { host, port }: HostPort,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<PlainStream> {
  const address = formatHostPort(host, port);
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  try {
    const conn = await Deno.connect({ hostname: host, port, signal: deadline });
    return new PlainStream(conn, address);
  } catch (cause) {
    const why = deadline.aborted ? `no answer within ${timeoutMs} ms` : messageOf(cause);
    throw new AgentError(
      `cannot reach ${address}: ${why}; check the address`,
      ExitCode.Unreachable,
      { cause },
    );
  }
}

/** Takes connections on a TCP port. */
export class PlainListener {
  readonly #listener: Deno.TcpListener;
  readonly #open = new Set<PlainStream>();
  readonly #accepting: Promise<void>;
  #closed = false;

  /**
   * `most`: connections at a time; further ones are closed at once.
   * @throws {AgentError} with exit code 4 where the port cannot be had.
   */
  constructor(
    { host, port }: HostPort,
    most: number,
    onStream: (stream: PlainStream) => void,
    onProblem: (message: string) => void,
  ) {
    this.#listener = listenTcp(host, port);
    this.#accepting = this.#accept(most, onStream, onProblem);
  }

  /** The port listened on. */
  get port(): number {
    return (this.#listener.addr as Deno.NetAddr).port;
  }

  /** Stops listening. Open streams stay with their owner, who is to call `gone`. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#listener.close();
    await this.#accepting;
  }

  /** A stream that was taken here has closed. */
  gone(stream: PlainStream): void {
    this.#open.delete(stream);
  }

  async #accept(
    most: number,
    onStream: (stream: PlainStream) => void,
    onProblem: (message: string) => void,
  ): Promise<void> {
    while (!this.#closed) {
      try {
        const conn = await this.#listener.accept();
        if (this.#open.size >= most) {
          conn.close();
          continue;
        }
        const { hostname, port } = conn.remoteAddr as Deno.NetAddr;
        const stream = new PlainStream(conn, formatHostPort(plainAddress(hostname), port));
        this.#open.add(stream);
        onStream(stream);
      } catch (error) {
        if (this.#closed) return;
        onProblem(`port ${this.port}: ${messageOf(error)}`);
        await new Promise((resolve) => setTimeout(resolve, ACCEPT_PAUSE));
      }
    }
  }
}
