/**
 * One connection of a socket: greeting, READY, then frames put together to messages
 * (`spec/networkzero.md §7`).
 *
 * @module
 */
import { WireError } from "../../wire/bytes.ts";
import type { LinkId } from "./api.ts";
import {
  arePartners,
  decodeCommand,
  decodeError,
  decodeProperties,
  encodePong,
  encodeReady,
  type SocketType,
} from "./command.ts";
import { Fifo } from "./fifo.ts";
import { COMMAND, FrameReader, MORE } from "./frame.ts";
import { GREETING, GREETING_BYTES, readGreeting, type Version } from "./greeting.ts";
import { OutBuffer } from "./out_buffer.ts";
import { PrefixSet } from "./prefixes.ts";

/** Frames of one message at the most. */
const MAX_PARTS = 1_024;
/** Largest command, in octets; before READY nothing else comes. */
const MAX_COMMAND = 65_536;
/** Where so much waits to be written, a PING gets no answer. */
const PONG_ROOM = 1024 * 1024;

/** What a link tells its socket. */
export interface LinkUser {
  readonly type: SocketType;
  /** Longest message, in octets. */
  readonly maxBody: number;
  ready(link: Link): void;
  /** A whole message; views of what came. */
  message(link: Link, parts: Uint8Array[]): void;
  /** A command that the connection itself does not know. */
  command(link: Link, name: string, data: Uint8Array): void;
  /** Whether it can take no more messages now. */
  full(link: Link): boolean;
}

export class Link {
  readonly id: LinkId;
  /** We dialled: index into the endpoints of the socket. */
  readonly endpoint: number | undefined;
  readonly out = new OutBuffer();
  /** Set once READY came. */
  open = false;
  version: Version = { major: 3, minor: 0 };
  /** When the handshake must be over, in ms. */
  readonly deadline: number;
  /** Received, for the application. */
  readonly inbox = new Fifo<Uint8Array[]>();
  /** Octets of these. */
  inboxBytes = 0;
  /** REP: a request of this link is being answered. */
  busy = false;
  /** PUB: what it subscribed to. */
  readonly subscriptions = new PrefixSet();
  readonly #user: LinkUser;
  /** What came of the greeting, until it is whole. */
  #greeting: Uint8Array | undefined = new Uint8Array(0);
  readonly #reader = new FrameReader(MAX_COMMAND);
  #parts: Uint8Array[] = [];
  #partBytes = 0;
  /** Our READY has left, so that the peer may speak. */
  #readySent = false;

  constructor(id: LinkId, user: LinkUser, deadline: number, endpoint?: number) {
    this.id = id;
    this.endpoint = endpoint;
    this.deadline = deadline;
    this.#user = user;
    this.out.put(GREETING);
    // A bound socket waits for the greeting, so that it knows who speaks before being spoken to.
    if (endpoint !== undefined) this.out.put(encodeReady(user.type));
  }

  /** Octets that came and are not handled, because the socket can take no more. */
  get buffered(): number {
    return this.#reader.buffered;
  }

  /**
   * Octets came.
   * @throws {WireError} where the peer does not speak as it should: close the connection.
   */
  receive(bytes: Uint8Array): void {
    if (this.#greeting === undefined) {
      this.#reader.push(bytes);
    } else {
      const rest = this.#greet(this.#greeting, bytes);
      if (!rest) return;
      if (rest.length > 0) this.#reader.push(rest);
    }
    this.advance();
  }

  /** Handles what came, as far as the socket takes it. @throws {WireError} as {@linkcode receive}. */
  advance(): void {
    const reader = this.#reader;
    const user = this.#user;
    while (!user.full(this) && reader.next()) {
      if (reader.flags === COMMAND) this.#command(reader.body);
      else this.#frame(reader.flags, reader.body);
    }
  }

  /** What is to be written; see {@linkcode OutBuffer.take}. */
  takeOutput(): Uint8Array | undefined {
    if (this.#greeting === undefined || this.endpoint !== undefined) this.#readySent = true;
    return this.out.take();
  }

  /** The octets after the greeting, where it is whole. */
  #greet(before: Uint8Array, bytes: Uint8Array): Uint8Array | undefined {
    const whole = new Uint8Array(Math.min(before.length + bytes.length, GREETING_BYTES));
    whole.set(before);
    const taken = whole.length - before.length;
    whole.set(bytes.subarray(0, taken), before.length);
    const version = readGreeting(whole);
    this.#greeting = version ? undefined : whole;
    if (!version) return undefined;
    this.version = version;
    if (this.endpoint === undefined) this.out.put(encodeReady(this.#user.type));
    return bytes.subarray(taken);
  }

  #frame(flags: number, body: Uint8Array): void {
    if (!this.open) throw new WireError("a message before READY", 0);
    this.#heard();
    this.#partBytes += body.length;
    if (this.#parts.length >= MAX_PARTS) throw new WireError("a message of too many frames", 0);
    if (this.#partBytes > this.#user.maxBody) {
      throw new WireError(`a message of more than ${this.#user.maxBody} octets`, 0);
    }
    this.#parts.push(body);
    if ((flags & MORE) !== 0) return;
    const parts = this.#parts;
    this.#parts = [];
    this.#partBytes = 0;
    this.#user.message(this, parts);
  }

  #command(body: Uint8Array): void {
    const { name, data } = decodeCommand(body);
    if (name === "ERROR") throw new WireError(`the peer says: ${decodeError(data)}`, 0);
    if (!this.open) {
      if (name !== "READY") throw new WireError(`${name} before READY`, 0);
      const theirs = decodeProperties(data).get("socket-type");
      if (!arePartners(this.#user.type, theirs)) {
        throw new WireError(`a ${theirs} socket cannot talk with ${this.#user.type}`, 0);
      }
      this.open = true;
      this.#reader.limit = this.#user.maxBody;
      this.#user.ready(this);
      return;
    }
    this.#heard();
    if (name === "PING") {
      if (this.out.length < PONG_ROOM) this.out.put(encodePong(data));
    } else if (name !== "PONG" && name !== "READY") {
      this.#user.command(this, name, data);
    }
  }

  /** §7.3: nothing but READY may come before ours has been sent. */
  #heard(): void {
    if (!this.#readySent) throw new WireError("more than READY before ours could be read", 0);
  }
}
