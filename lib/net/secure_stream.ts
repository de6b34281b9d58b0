/**
 * A stream between two holders of the network key: TCP, encrypted by Noise. Made by
 * {@linkcode dialSecure} and {@linkcode SecureListener}.
 *
 * The end of a stream is not authenticated: whoever controls the network can cut it at any byte.
 * What travels on it must therefore tell by itself where it is whole, as TLVs do.
 *
 * @module
 */
import { messageOf } from "../core/errors.ts";
import { concat, WireError } from "../wire/bytes.ts";
import { LARGE_NOISE_MESSAGE, type NoiseSession } from "../wire/noise.ts";
import { encryptFrames, encryptFramesAside, FrameDecoder, type Purpose } from "../wire/preface.ts";
import { formatHostPort, plainAddress } from "./address.ts";
import type { StreamCounters } from "./stream_counters.ts";

/** From this many waiting bytes on, `write` asks to hold back. */
export const HIGH_WATER = 256 * 1024;
/** Once no more than this many wait, `onWritable` says to go on. */
const LOW_WATER = 64 * 1024;
/** A stream on which this many bytes wait takes no more and is closed at the next write. */
export const HARD_CAP = 1024 * 1024;
/** Plaintext that is encrypted in one go: a few milliseconds of a small computer. */
const BATCH = 128 * 1024;
/** How long bytes may wait with nothing of them taken, in milliseconds; `Infinity`: for ever. */
export const STALL_MS = 30_000;
/** The read buffer of an idle stream, and of a busy one. */
const SMALL_READ = 2 * 1024;
const LARGE_READ = 256 * 1024;

/** What a handshake leads to. */
export interface StreamParts {
  readonly conn: Deno.TcpConn;
  readonly session: NoiseSession;
  /** Bytes that came behind the handshake. */
  readonly rest: Uint8Array;
  readonly purpose: Purpose;
  readonly dialled: boolean;
  /** `HOST:PORT`. */
  readonly remote: string;
  readonly keyIndex: number;
  readonly keyId: string;
  readonly invitation?: string;
  readonly firstPayload: Uint8Array;
  readonly counters: StreamCounters;
  readonly stallMs: number;
  /** Called once when the other side has said something that only it can say. */
  readonly onProven?: () => void;
  /** Called once when the stream has closed, before `onClosed`. */
  readonly onGone?: () => void;
}

/** An encrypted stream of bytes, both ways. */
export class SecureStream {
  /** `HOST:PORT`: as dialled, or where the other side came from. */
  readonly remote: string;
  /** `HOST:PORT` of our side. */
  readonly localAddress: string;
  readonly purpose: Purpose;
  /** We dialled, and did not answer. */
  readonly dialled: boolean;
  /** Which of our keys the other side shares. */
  readonly keyIndex: number;
  /** Its id, 8 hexadecimal digits. */
  readonly keyId: string;
  /** A stream of purpose "join" that was taken: the id of the invitation that the other side holds. */
  readonly invitation: string | undefined;
  /** What came with the other side's handshake message. */
  readonly firstPayload: Uint8Array;
  /** Those that were given to the dial or the listener. */
  readonly counters: StreamCounters;

  readonly #parts: StreamParts;
  readonly #frames = new FrameDecoder();
  #queue: Uint8Array[] = [];
  /** Bytes in the queue, and those on their way into the kernel. */
  #queued = 0;
  #inFlight = 0;
  #pumping = false;
  /** `write` said to hold back. */
  #held = false;
  #reading = false;
  #proven = false;
  #closedWith: string | undefined;
  #onData: (bytes: Uint8Array) => void = () => {};
  #onWritable: () => void = () => {};
  #onClosed: ((reason: string) => void) | undefined;
  #whenIdle: (() => void)[] = [];

  constructor(parts: StreamParts) {
    this.#parts = parts;
    this.remote = parts.remote;
    const { hostname, port } = parts.conn.localAddr as Deno.NetAddr;
    this.localAddress = formatHostPort(plainAddress(hostname), port);
    this.purpose = parts.purpose;
    this.dialled = parts.dialled;
    this.keyIndex = parts.keyIndex;
    this.keyId = parts.keyId;
    this.invitation = parts.invitation;
    this.firstPayload = parts.firstPayload;
    this.counters = parts.counters;
  }

  /** Why it closed; `undefined` while it is open. */
  get closedWith(): string | undefined {
    return this.#closedWith;
  }

  /** Bytes written that the kernel has not taken yet. */
  get buffered(): number {
    return this.#queued + this.#inFlight;
  }

  /**
   * Sends, in order, together with all else that is written in the same turn. The bytes belong to
   * the stream from now on. False: taken, but hold back until `onWritable`. On a closed stream it
   * does nothing. Calls back nobody.
   */
  write(plaintext: Uint8Array): boolean {
    if (this.#closedWith !== undefined || plaintext.length === 0) return !this.#held;
    if (this.buffered >= HARD_CAP) {
      this.counters.overflowed++;
      this.close(`the other side does not read: ${this.buffered} bytes waited for it`);
      return false;
    }
    this.#queue.push(plaintext);
    this.#queued += plaintext.length;
    if (this.buffered >= HIGH_WATER) this.#held = true;
    if (!this.#pumping) {
      this.#pumping = true;
      queueMicrotask(() => this.#pump());
    }
    return !this.#held;
  }

  /** Who gets what comes. Reading starts with this call; until then a close is not noticed. */
  onData(callback: (bytes: Uint8Array) => void): void {
    this.#onData = callback;
    if (this.#reading) return;
    this.#reading = true;
    queueMicrotask(() => this.#read());
  }

  /** Who is told to go on after a `write` that said false. */
  onWritable(callback: () => void): void {
    this.#onWritable = callback;
  }

  /** Who is told, once and not from within `close`, that the stream closed, and why, for people. */
  onClosed(callback: (reason: string) => void): void {
    this.#onClosed = callback;
    const reason = this.#closedWith;
    if (reason !== undefined) queueMicrotask(() => this.#tellClosed(reason));
  }

  /** Resolves once all that was written is with the kernel, or the stream has closed. */
  flushed(): Promise<void> {
    if (this.#closedWith !== undefined || this.buffered === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  /** Closes at once; what waits is dropped (see {@linkcode flushed}). */
  close(reason: string): void {
    if (this.#closedWith !== undefined) return;
    this.#closedWith = reason;
    this.#queue = [];
    this.#queued = 0;
    try {
      this.#parts.conn.close();
    } catch {
      // The runtime has closed it already, after an error.
    }
    this.#resolveIdle();
    this.#parts.onGone?.();
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

  /** Encrypts and writes until nothing waits. */
  async #pump(): Promise<void> {
    try {
      while (this.#queued > 0) {
        const batch = this.#takeBatch();
        const { send } = this.#parts.session;
        this.#inFlight = batch.length;
        const frames = batch.length < LARGE_NOISE_MESSAGE
          ? encryptFrames(send, batch)
          : await encryptFramesAside(send, batch);
        if (this.#closedWith !== undefined) return;
        this.#inFlight = frames.length;
        await this.#writeOut(frames);
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
    const { conn, counters, stallMs } = this.#parts;
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
    const { conn, counters, rest } = this.#parts;
    try {
      if (!await this.#deliver(rest)) return;
      let buffer = new Uint8Array(SMALL_READ);
      while (this.#closedWith === undefined) {
        const count = await conn.read(buffer);
        if (count === null) {
          this.close("the other side closed the stream");
          return;
        }
        counters.bytesReceived += count;
        if (!await this.#deliver(buffer.subarray(0, count))) return;
        if (count === buffer.length && count < LARGE_READ) {
          buffer = new Uint8Array(Math.min(count * 4, LARGE_READ));
        } else if (count < SMALL_READ && buffer.length > SMALL_READ) {
          buffer = new Uint8Array(SMALL_READ);
        }
      }
    } catch (error) {
      this.close(messageOf(error));
    }
  }

  /** Hands on what these bytes make whole. False once the stream is closed. */
  async #deliver(bytes: Uint8Array): Promise<boolean> {
    const { receive } = this.#parts.session;
    try {
      const messages = this.#frames.feed(bytes);
      if (messages.some(({ length }) => length >= LARGE_NOISE_MESSAGE)) {
        // Handed on together, so that who reads can deal with all of it at once.
        for (const plaintext of await receive.decryptAside(messages)) this.#hand(plaintext);
      } else for (const message of messages) this.#hand(receive.decrypt(message));
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.counters.garbage++;
      this.close(`the other side sent garbage: ${error.message}`);
    }
    return this.#closedWith === undefined;
  }

  #hand(plaintext: Uint8Array): void {
    if (this.#closedWith !== undefined) return;
    if (!this.#proven) {
      this.#proven = true;
      this.#parts.onProven?.();
    }
    if (plaintext.length > 0) this.#onData(plaintext);
  }
}
