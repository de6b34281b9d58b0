/**
 * A stream of bytes over TCP: what waits to be sent, whom that holds back, and how the stream ends. What
 * goes over the wire for it is the business of {@linkcode PlainStream} and {@linkcode SecureStream}.
 *
 * @module
 */
import { messageOf } from "../core/errors.ts";
import { concat } from "../wire/bytes.ts";
import type { StreamCounters } from "./stream_counters.ts";

/** From this many waiting bytes on, `write` asks to hold back. */
export const HIGH_WATER = 256 * 1024;
/** Once no more than this many wait, `onWritable` says to go on. */
const LOW_WATER = 64 * 1024;
/** What is made ready for the wire in one go: a few milliseconds of a small computer, if encrypted. */
const BATCH = 128 * 1024;
/** How long bytes may wait with nothing of them taken, in milliseconds; `Infinity`: for ever. */
export const STALL_MS = 30_000;
/** The read buffer of an idle stream, and of a busy one. */
const SMALL_READ = 2 * 1024;
const LARGE_READ = 256 * 1024;

/** A stream of bytes, both ways. */
export interface ByteStream {
  /** `HOST:PORT`: as dialled, or where the other side came from. */
  readonly remote: string;
  /** Bytes written that the kernel has not taken yet. */
  readonly buffered: number;
  /**
   * Sends, in order, together with all else that is written in the same turn. The bytes belong to
   * the stream from now on. False: taken, but hold back until `onWritable`. On a closed stream it
   * does nothing. Calls back nobody.
   */
  write(bytes: Uint8Array): boolean;
  /**
   * Who gets what comes; the bytes are good until the callback returns. Reading starts with this call;
   * until then a close is not noticed.
   */
  onData(callback: (bytes: Uint8Array) => void): void;
  /** Who is told to go on after a `write` that said false. */
  onWritable(callback: () => void): void;
  /** Who is told, once and not from within `close`, that the stream closed, and why, for people. */
  onClosed(callback: (reason: string) => void): void;
  /** Resolves once all that was written is with the kernel, or the stream has closed. */
  flushed(): Promise<void>;
  /** Closes at once; what waits is dropped (see `flushed`). */
  close(reason: string): void;
}

/** What a stream is made of. */
export interface TcpStreamOptions {
  readonly conn: Deno.TcpConn;
  /** `HOST:PORT`. */
  readonly remote: string;
  readonly counters: StreamCounters;
  readonly stallMs: number;
  /** A stream on which this many bytes wait takes no more and is closed at the next write. */
  readonly hardCap: number;
  /** Called once when the stream has closed, before `onClosed`. */
  readonly onGone?: (() => void) | undefined;
}

/** All of it but the form in which bytes travel. */
export abstract class TcpStream implements ByteStream {
  readonly remote: string;
  /** Those that were given to the dial or the listener. */
  readonly counters: StreamCounters;
  readonly #options: TcpStreamOptions;
  #queue: Uint8Array[] = [];
  /** Bytes in the queue, and those on their way into the kernel. */
  #queued = 0;
  #inFlight = 0;
  #pumping = false;
  /** `write` said to hold back. */
  #held = false;
  #reading = false;
  #closedWith: string | undefined;
  #onData: (bytes: Uint8Array) => void = () => {};
  #onWritable: () => void = () => {};
  #onClosed: ((reason: string) => void) | undefined;
  #whenIdle: (() => void)[] = [];

  constructor(options: TcpStreamOptions) {
    this.#options = options;
    this.remote = options.remote;
    this.counters = options.counters;
  }

  /** What the wire is to carry for these bytes. */
  protected abstract outgoing(bytes: Uint8Array): Uint8Array | Promise<Uint8Array>;

  /** Gives {@linkcode TcpStream.hand} what these bytes of the wire make whole. */
  protected abstract incoming(bytes: Uint8Array): void | Promise<void>;

  /** Why it closed; `undefined` while it is open. */
  get closedWith(): string | undefined {
    return this.#closedWith;
  }

  get buffered(): number {
    return this.#queued + this.#inFlight;
  }

  write(bytes: Uint8Array): boolean {
    if (this.#closedWith !== undefined || bytes.length === 0) return !this.#held;
    if (this.buffered >= this.#options.hardCap) {
      this.counters.overflowed++;
      this.close(`the other side does not read: ${this.buffered} bytes waited for it`);
      return false;
    }
    this.#queue.push(bytes);
    this.#queued += bytes.length;
    if (this.buffered >= HIGH_WATER) this.#held = true;
    if (!this.#pumping) {
      this.#pumping = true;
      queueMicrotask(() => this.#pump());
    }
    return !this.#held;
  }

  onData(callback: (bytes: Uint8Array) => void): void {
    this.#onData = callback;
    if (this.#reading) return;
    this.#reading = true;
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
    if (this.#closedWith !== undefined || this.buffered === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  close(reason: string): void {
    if (this.#closedWith !== undefined) return;
    this.#closedWith = reason;
    this.#queue = [];
    this.#queued = 0;
    try {
      this.#options.conn.close();
    } catch {
      // The runtime has closed it already, after an error.
    }
    this.#resolveIdle();
    this.#options.onGone?.();
    queueMicrotask(() => this.#tellClosed(reason));
  }

  /** What has come, for whoever asked for it. */
  protected hand(bytes: Uint8Array): void {
    if (this.#closedWith === undefined && bytes.length > 0) this.#onData(bytes);
  }

  #tellClosed(reason: string): void {
    const callback = this.#onClosed;
    this.#onClosed = undefined;
    callback?.(reason);
  }

  #resolveIdle(): void {
    for (const resolve of this.#whenIdle.splice(0)) resolve();
  }

  /** Writes until nothing waits. */
  async #pump(): Promise<void> {
    try {
      while (this.#queued > 0) {
        const batch = this.#takeBatch();
        this.#inFlight = batch.length;
        const made = this.outgoing(batch);
        const bytes = made instanceof Uint8Array ? made : await made;
        if (this.#closedWith !== undefined) return;
        this.#inFlight = bytes.length;
        await this.#writeOut(bytes);
        if (this.#closedWith !== undefined) return;
        this.#inFlight = 0;
        if (this.#held && this.#queued <= LOW_WATER) {
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

  /** Chunks of the queue, at least one, at most about {@linkcode BATCH} bytes. */
  #takeBatch(): Uint8Array {
    let length = 0;
    let count = 0;
    for (const chunk of this.#queue) {
      if (count > 0 && length + chunk.length > BATCH) break;
      length += chunk.length;
      count++;
    }
    const taken = this.#queue.splice(0, count);
    this.#queued -= length;
    return taken.length === 1 ? taken[0] as Uint8Array : concat(taken);
  }

  /** One timer while the kernel takes nothing; each byte it takes starts the time anew. */
  async #writeOut(bytes: Uint8Array): Promise<void> {
    const { conn, counters, stallMs } = this.#options;
    for (let at = 0; at < bytes.length && this.#closedWith === undefined;) {
      const timer = stallMs === Infinity ? undefined : setTimeout(() => {
        counters.stalled++;
        this.close(`the other side stopped reading: ${this.buffered} bytes waited for it`);
      }, stallMs);
      try {
        const count = await conn.write(bytes.subarray(at));
        at += count;
        this.#inFlight -= count;
        counters.bytesSent += count;
        counters.writes++;
      } finally {
        clearTimeout(timer);
      }
    }
  }

  async #read(): Promise<void> {
    const { conn, counters } = this.#options;
    try {
      let buffer = new Uint8Array(SMALL_READ);
      // Nothing has been read yet, but there may be bytes that came before the stream was one.
      for (let count = 0; this.#closedWith === undefined;) {
        const done = this.incoming(buffer.subarray(0, count));
        if (done) await done;
        if (this.#closedWith !== undefined) return;
        if (count === buffer.length && count < LARGE_READ) {
          buffer = new Uint8Array(Math.min(count * 4, LARGE_READ));
        } else if (count > 0 && count < SMALL_READ && buffer.length > SMALL_READ) {
          buffer = new Uint8Array(SMALL_READ);
        }
        const read = await conn.read(buffer);
        if (read === null) return this.close("the other side closed the stream");
        counters.bytesReceived += read;
        count = read;
      }
    } catch (error) {
      this.close(messageOf(error));
    }
  }
}
