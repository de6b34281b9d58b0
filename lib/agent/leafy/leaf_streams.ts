/**
 * Leafy clients on the network: each stream of purpose "leaf" gets a session with the leafy server.
 * What comes with the handshake may be a recording, so only questions are answered there.
 *
 * @module
 */
import { decodeLeaf, LeafSession, type LeafyServer } from "../../leafy/mod.ts";
import type { SecureStream } from "../../net/mod.ts";
import { WireError } from "../../wire/bytes.ts";

/** Room for the answer in the handshake's message, in bytes. */
const FIRST_ANSWER = 60_000;
/** Answered handshakes whose stream has not opened yet. */
const MOST_PENDING = 64;
const NOTHING = new Uint8Array(0);

interface Pending {
  readonly session: LeafSession;
  readonly pieces: Iterator<Uint8Array>;
  /** Taken from the pieces and not yet written. */
  readonly left: Uint8Array | undefined;
}

/** Serves leafy streams. */
export class LeafStreams {
  readonly #server: LeafyServer;
  readonly #clock: { now(): number; wall(): number };
  /** Called behind each input: it may have changed what the node publishes. */
  readonly #touched: () => void;
  readonly #pending = new Map<string, Pending>();

  constructor(
    server: LeafyServer,
    clock: { now(): number; wall(): number },
    touched: () => void,
  ) {
    this.#server = server;
    this.#clock = clock;
    this.#touched = touched;
  }

  /** The answer to what came with a handshake. `remote` names the connection. */
  first(payload: Uint8Array, remote: string): Uint8Array {
    if (payload.length === 0 || !asksOnly(payload)) return NOTHING;
    const session = new LeafSession(this.#server);
    const { now, wall } = this.#time();
    const pieces = session.feed(now, wall, payload).pieces[Symbol.iterator]();
    const piece = pieces.next();
    const answer = piece.done ? NOTHING : piece.value;
    const fits = answer.length <= FIRST_ANSWER;
    if (this.#pending.size >= MOST_PENDING) {
      this.#pending.delete(this.#pending.keys().next().value as string);
    }
    this.#pending.set(remote, { session, pieces, left: fits ? undefined : answer });
    return fits ? answer : NOTHING;
  }

  /** Serve an open stream until it closes. */
  serve(stream: SecureStream): void {
    const pending = this.#pending.get(stream.remote);
    this.#pending.delete(stream.remote);
    const session = pending?.session ?? new LeafSession(this.#server);
    const out = new PieceWriter(stream);
    const feed = (bytes: Uint8Array) => {
      const { now, wall } = this.#time();
      const { pieces, close } = session.feed(now, wall, bytes);
      out.add(pieces[Symbol.iterator](), close);
      this.#touched();
    };
    // Not answered with the handshake. It may be a recording until the client says more.
    let first = pending ? undefined : stream.firstPayload;
    stream.onWritable(() => out.pump());
    stream.onData((bytes) => {
      if (first && first.length > 0) feed(first);
      first = undefined;
      feed(bytes);
    });
    if (pending?.left) stream.write(pending.left);
    if (pending) out.add(pending.pieces);
    else if (first && first.length > 0 && asksOnly(first)) {
      feed(first);
      first = undefined;
    }
  }

  #time(): { now: number; wall: number } {
    return { now: this.#clock.now(), wall: this.#clock.wall() };
  }
}

/** Writes pieces as fast as the stream takes them. */
class PieceWriter {
  readonly #stream: SecureStream;
  readonly #queue: { pieces: Iterator<Uint8Array>; close: string | undefined }[] = [];

  constructor(stream: SecureStream) {
    this.#stream = stream;
  }

  add(pieces: Iterator<Uint8Array>, close?: string): void {
    this.#queue.push({ pieces, close });
    this.pump();
  }

  pump(): void {
    for (let head = this.#queue[0]; head; head = this.#queue[0]) {
      for (let next = head.pieces.next(); !next.done; next = head.pieces.next()) {
        if (!this.#stream.write(next.value)) return;
      }
      this.#queue.shift();
      const reason = head.close;
      if (reason !== undefined) {
        void this.#stream.flushed().then(() => this.#stream.close(reason));
        return;
      }
    }
  }
}

function asksOnly(payload: Uint8Array): boolean {
  try {
    return decodeLeaf(payload).every((message) => message.type === "read");
  } catch (error) {
    if (error instanceof WireError) return false;
    throw error;
  }
}
