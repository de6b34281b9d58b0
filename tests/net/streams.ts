/** What the tests of streams share: keys, a listener that keeps what happens, raw connections. */
import { newStreamCounters } from "../../lib/net/mod.ts";
import {
  dialSecure,
  type ListenerProblem,
  type ListenOptions,
  SecureListener,
  type SecureStream,
} from "../../lib/net/mod.ts";
import { NetworkKey } from "../../lib/wire/mod.ts";

export const key = (n: number) => NetworkKey.fromBytes(new Uint8Array(32).fill(n));
export const bytes = (text: string) => new TextEncoder().encode(text);
export const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** A promise that is settled from outside. */
export class Later<T> {
  resolve!: (value: T) => void;
  readonly promise = new Promise<T>((resolve) => this.resolve = resolve);
}

/** A listener on loopback, and all that it says. */
export class Host {
  readonly problems: { kind: ListenerProblem; remote: string; message: string }[] = [];
  readonly streams: SecureStream[] = [];
  readonly listener: SecureListener;
  readonly counters = newStreamCounters();
  #waiting: { done: () => boolean; resolve: () => void }[] = [];

  constructor(options: Partial<ListenOptions> = {}) {
    this.listener = SecureListener.listen({
      host: "127.0.0.1",
      port: 0,
      keys: [key(1)],
      maxStreams: 100,
      counters: this.counters,
      ...options,
      onStream: (stream) => {
        this.streams.push(stream);
        options.onStream?.(stream);
        this.#look();
      },
      onProblem: (kind, remote, message) => {
        this.problems.push({ kind, remote, message });
        this.#look();
      },
    });
  }

  get port(): number {
    return this.listener.port;
  }

  /** Until a condition on streams and problems holds. */
  async until(done: () => boolean): Promise<void> {
    if (done()) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ done, resolve });
    await promise;
  }

  /** Until there is stream number `n`. */
  async stream(n = 0): Promise<SecureStream> {
    await this.until(() => this.streams.length > n);
    return this.streams[n] as SecureStream;
  }

  /** Closes the listener and all streams. */
  async close(): Promise<void> {
    for (const stream of this.streams) stream.close("the test is over");
    await this.listener.close();
    for (const stream of this.streams) await gone(stream);
  }

  #look(): void {
    this.#waiting = this.#waiting.filter(({ done, resolve }) => {
      if (!done()) return true;
      resolve();
      return false;
    });
  }
}

/** Why a stream closed, once it has. */
export function gone(stream: SecureStream): Promise<string> {
  return new Promise((resolve) => stream.onClosed(resolve));
}

/** Dials a host with the key that its listener has. */
export function dial(host: Host, more: Partial<Parameters<typeof dialSecure>[0]> = {}) {
  return dialSecure({
    host: "127.0.0.1",
    port: host.port,
    keys: [key(1)],
    purpose: "node",
    ...more,
  });
}

/** Collects what a stream receives. */
export class Inbox {
  readonly chunks: Uint8Array[] = [];
  length = 0;
  #waiting: { length: number; resolve: () => void } | undefined;

  constructor(stream: SecureStream) {
    stream.onData((bytes) => {
      this.chunks.push(bytes);
      this.length += bytes.length;
      if (this.#waiting && this.length >= this.#waiting.length) this.#waiting.resolve();
    });
  }

  /** What came, once it has that length. */
  async until(length: number): Promise<Uint8Array> {
    if (this.length < length) {
      await new Promise<void>((resolve) => this.#waiting = { length, resolve });
    }
    const all = new Uint8Array(this.length);
    let at = 0;
    for (const chunk of this.chunks) {
      all.set(chunk, at);
      at += chunk.length;
    }
    return all;
  }
}

/** A bare TCP connection to a host. */
export async function connect(host: Host, ...parts: Uint8Array[]): Promise<Deno.TcpConn> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: host.port });
  for (const part of parts) await conn.write(part);
  return conn;
}

/** All that a connection says until it ends, by a close or by a reset. */
export async function readAll(conn: Deno.Conn): Promise<Uint8Array> {
  const chunks: number[] = [];
  const buffer = new Uint8Array(4_096);
  try {
    for (let n = await conn.read(buffer); n !== null; n = await conn.read(buffer)) {
      chunks.push(...buffer.subarray(0, n));
    }
  } catch {
    // A reset ends it as well.
  }
  return Uint8Array.from(chunks);
}
