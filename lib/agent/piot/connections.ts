/**
 * What carries the bytes of PIoT sessions: sealed streams of our networks, and plain TCP. It decides
 * nothing that the machine can decide; it bounds what waits for a slow reader.
 *
 * @module
 */
import { messageOf } from "../../core/mod.ts";
import {
  type ByteStream,
  dialPlain,
  type HostPort,
  parseHostPort,
  PlainListener,
  type SecureStream,
} from "../../net/mod.ts";
import type { ConnectionId, Piot } from "../../piot/mod.ts";
import { atMost } from "../patience.ts";
import type { Problems } from "../problems.ts";

/** Port of plain links (spec/piot.md §2). */
export const PIOT_PORT = 55_580;
const DIAL_TIMEOUT = 4_000;
/** Plain connections that others may hold at a time. */
const MOST_TAKEN = 256;
/** Besides what the window allows, confirmations may wait for a peer that reads slowly. In bytes. */
const SPARE = 1_048_576;
/** What waits when a connection ends may take this long to go out, in ms. */
const LAST_WORDS = 2_000;

/** Where a node can be dialled by its place in a network. */
export type SealedDial = (
  address: string,
  signal: AbortSignal,
) => Promise<SecureStream> | undefined;

export interface ConnectionsOptions {
  readonly problems: Problems;
  /** Hands input to the machine, and has it flushed behind the batch that it belongs to. */
  readonly input: (step: (machine: Piot, now: number) => void) => void;
  /** Opens a stream to an address of the directory; `undefined` where it is none of those. */
  readonly dialSealed: SealedDial;
  /** Bytes of messages on their way to one peer, at the most. */
  readonly window: () => number;
}

/** All connections of one node. */
export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #pipes = new Map<ConnectionId, Pipe>();
  readonly #dialling = new Map<ConnectionId, AbortController>();
  #listener: PlainListener | undefined;
  #stopped = false;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  /** Connections that are open. */
  get open(): number {
    return this.#pipes.size;
  }

  /** Where a connection goes to or comes from: `HOST:PORT`. */
  remoteOf(connection: ConnectionId): string | undefined {
    return this.#pipes.get(connection)?.remote;
  }

  /** The port of plain links; `undefined` where none is open. */
  get port(): number | undefined {
    return this.#listener?.port;
  }

  /** @throws {AgentError} with exit code 4 where the port cannot be had. */
  listen(address: HostPort): void {
    const { problems } = this.#options;
    const listener = new PlainListener(
      address,
      MOST_TAKEN,
      (stream) => this.#take(stream, false, () => listener.gone(stream)),
      (message) => problems.note("piot:listen", `messages: ${message}`),
    );
    this.#listener = listener;
  }

  /** Somebody opened a sealed stream for messages. */
  taken(stream: SecureStream): void {
    if (this.#stopped) stream.close("messages are switched off here");
    else this.#take(stream, true, () => {});
  }

  dial(connection: ConnectionId, address: string): void {
    const abort = new AbortController();
    this.#dialling.set(connection, abort);
    const { dialSealed } = this.#options;
    const sealed = dialSealed(address, abort.signal);
    const dialling: Promise<ByteStream> = sealed ?? this.#dialPlain(address, abort.signal);
    dialling.then((stream) => {
      if (!this.#dialling.delete(connection)) return stream.close("not wanted any more");
      this.#options.problems.clear(problemOf(address));
      this.#add(connection, stream, () => {});
      this.#options.input((machine, now) => machine.connected(now, connection, Boolean(sealed)));
    }, (error) => {
      if (!this.#dialling.delete(connection)) return;
      // Nodes of a network come and go; an address that a person wrote down is worth a word.
      if (!sealed) this.#options.problems.note(problemOf(address), messageOf(error));
      this.#options.input((machine, now) => machine.closed(now, connection));
    });
  }

  write(connection: ConnectionId, bytes: Uint8Array): void {
    this.#pipes.get(connection)?.write(bytes);
  }

  /** Ends a connection, after what was written. */
  close(connection: ConnectionId): void {
    this.#dialling.get(connection)?.abort();
    this.#dialling.delete(connection);
    const pipe = this.#pipes.get(connection);
    this.#pipes.delete(connection);
    pipe?.end();
  }

  /** Ends all, after what was written, or a short time. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const abort of this.#dialling.values()) abort.abort();
    this.#dialling.clear();
    const pipes = [...this.#pipes.values()];
    this.#pipes.clear();
    await Promise.all([this.#listener?.close(), ...pipes.map((pipe) => pipe.end())]);
  }

  async #dialPlain(address: string, signal: AbortSignal): Promise<ByteStream> {
    return await dialPlain(parseHostPort(address, PIOT_PORT), DIAL_TIMEOUT, signal);
  }

  #take(stream: ByteStream, sealed: boolean, gone: () => void): void {
    this.#options.input((machine, now) => {
      const connection = machine.accepted(now, stream.remote, sealed);
      this.#add(connection, stream, gone);
    });
  }

  #add(connection: ConnectionId, stream: ByteStream, gone: () => void): void {
    const { input, window } = this.#options;
    const pipe = new Pipe(stream, window() + SPARE);
    this.#pipes.set(connection, pipe);
    stream.onClosed(() => {
      gone();
      if (!this.#pipes.delete(connection)) return;
      input((machine, now) => machine.closed(now, connection));
    });
    stream.onData((bytes) => input((machine, now) => machine.received(now, connection, bytes)));
  }
}

function problemOf(address: string): string {
  return `piot:dial:${address}`;
}

/** Writes as fast as the stream takes it. */
class Pipe {
  readonly #stream: ByteStream;
  readonly #limit: number;
  #queue: Uint8Array[] = [];
  #queued = 0;
  #held = false;
  #whenEmpty: (() => void) | undefined;

  constructor(stream: ByteStream, limit: number) {
    this.#stream = stream;
    this.#limit = limit;
    stream.onWritable(() => this.#drain());
  }

  get remote(): string {
    return this.#stream.remote;
  }

  write(bytes: Uint8Array): void {
    if (!this.#held) {
      this.#held = !this.#stream.write(bytes);
      return;
    }
    this.#queue.push(bytes);
    this.#queued += bytes.length;
    if (this.#queued > this.#limit) {
      this.#stream.close(`the other side does not read: ${this.#queued} bytes waited for it`);
    }
  }

  /** Closes the stream behind what was written. */
  async end(): Promise<void> {
    await atMost(LAST_WORDS, this.#empty().then(() => this.#stream.flushed()));
    this.#stream.close("done");
    this.#whenEmpty?.();
  }

  #empty(): Promise<void> {
    if (this.#queue.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenEmpty = resolve);
  }

  #drain(): void {
    this.#held = false;
    let sent = 0;
    for (; sent < this.#queue.length && !this.#held; sent++) {
      const bytes = this.#queue[sent] as Uint8Array;
      this.#queued -= bytes.length;
      this.#held = !this.#stream.write(bytes);
    }
    this.#queue = this.#queue.slice(sent);
    if (this.#queue.length === 0) this.#whenEmpty?.();
  }
}
