/**
 * What all sockets have in common: their connections, dialled and accepted, and the messages that
 * wait in them (`spec/networkzero.md §7.7`).
 *
 * @module
 */
import type { Random } from "../../core/random.ts";
import { WireError } from "../../wire/bytes.ts";
import {
  HIGH_WATER,
  type LinkId,
  newZmtpCounters,
  type ZmtpCounters,
  type ZmtpOutput,
} from "./api.ts";
import type { SocketType } from "./command.ts";
import { MAX_BODY } from "./frame.ts";
import { Link, type LinkUser } from "./link.ts";

/** A handshake that takes longer is none, in ms. */
export const HANDSHAKE_LIMIT = 30_000;
/** Wait before dialling again: this and up to as much more by chance, in ms. */
const REDIAL = 100;
/** After so many failures in a row the wait is {@linkcode REDIAL_SLOW}. */
const PATIENCE = 10;
const REDIAL_SLOW = 2_000;
/** Connections that a bound socket takes. */
export const MAX_LINKS = 1_000;
/** Octets of messages that wait for the application, of all connections; above, none is read. */
const MAX_WAITING = MAX_BODY;

/** What a socket stands on. */
export interface SocketOptions {
  readonly output: ZmtpOutput;
  readonly random: Random;
  /** Longest message, in octets. Default: 64 MiB. */
  readonly maxBody?: number;
  /** One line for people who look for a fault. */
  readonly onProblem?: (message: string) => void;
}

interface Endpoint {
  readonly host: string;
  readonly port: number;
  failures: number;
  /** Being dialled or open. */
  link: LinkId | undefined;
  redialAt: number;
}

export abstract class ZmtpSocket implements LinkUser {
  abstract readonly type: SocketType;
  readonly maxBody: number;
  readonly counters: ZmtpCounters = newZmtpCounters();
  protected readonly output: ZmtpOutput;
  /** By id; those that are being dialled are not among them. */
  protected readonly links = new Map<LinkId, Link>();
  readonly #random: Random;
  readonly #onProblem: (message: string) => void;
  readonly #endpoints: Endpoint[] = [];
  /** Connections with messages, in the order in which they are served. */
  #serving: Link[] = [];
  /** Their handshake is under way. */
  readonly #beginners = new Set<Link>();
  #waitingBytes = 0;
  #nextId = 1;
  /** Set while a link hands over what came, so that a burst wakes the application once. */
  #arrived = false;

  constructor({ output, random, maxBody = MAX_BODY, onProblem = () => {} }: SocketOptions) {
    this.output = output;
    this.maxBody = maxBody;
    this.#random = random;
    this.#onProblem = onProblem;
  }

  /** Connections whose handshake is over. */
  get partners(): number {
    let count = 0;
    for (const link of this.links.values()) if (link.open) count++;
    return count;
  }

  /** Connects to a bound socket, now and whenever the connection breaks. */
  connect(now: number, host: string, port: number): void {
    this.#endpoints.push({ host, port, failures: 0, link: undefined, redialAt: now });
    this.wake(now);
  }

  /** Somebody connected to us. `undefined`: there are too many, close it. */
  accepted(now: number): LinkId | undefined {
    if (this.links.size >= MAX_LINKS) {
      this.counters.tooMany++;
      return undefined;
    }
    const id = this.#nextId++;
    this.#begin(now, id, undefined);
    return id;
  }

  /** The connection that was to be dialled is there. */
  connected(now: number, id: LinkId): void {
    const endpoint = this.#endpoints.findIndex(({ link }) => link === id);
    if (endpoint < 0) return this.output.close(id);
    this.#begin(now, id, endpoint);
  }

  /** It could not be dialled. */
  failed(now: number, id: LinkId): void {
    const endpoint = this.#endpoints.find(({ link }) => link === id);
    if (endpoint) this.#redial(now, endpoint);
  }

  /** Octets came. They are the socket's from now on. */
  receive(now: number, id: LinkId, bytes: Uint8Array): void {
    const link = this.links.get(id);
    if (link) this.#guard(now, link, () => link.receive(bytes));
  }

  /** The connection is gone. */
  closed(now: number, id: LinkId): void {
    const link = this.links.get(id);
    if (link) this.#end(now, link);
  }

  /** What is to be written, if anything; its memory is used again after the next call. */
  takeOutput(id: LinkId): Uint8Array | undefined {
    return this.links.get(id)?.takeOutput();
  }

  /** Whether to read from a connection. */
  wantsInput(id: LinkId): boolean {
    const link = this.links.get(id);
    return link === undefined || !this.full(link);
  }

  nextWake(): number {
    let next = Infinity;
    for (const endpoint of this.#endpoints) {
      if (endpoint.link === undefined) next = Math.min(next, endpoint.redialAt);
    }
    for (const { deadline } of this.#beginners) next = Math.min(next, deadline);
    return next;
  }

  wake(now: number): void {
    for (const endpoint of this.#endpoints) {
      if (endpoint.link !== undefined || endpoint.redialAt > now) continue;
      endpoint.link = this.#nextId++;
      this.output.dial(endpoint.link, endpoint.host, endpoint.port);
    }
    for (const link of this.#beginners) {
      if (link.deadline > now) continue;
      this.counters.handshakeTimeouts++;
      this.#drop(now, link, "said nothing for too long");
    }
  }

  // What a link tells.

  ready(link: Link): void {
    this.counters.handshakes++;
    this.#beginners.delete(link);
    const endpoint = link.endpoint === undefined ? undefined : this.#endpoints[link.endpoint];
    if (endpoint) endpoint.failures = 0;
    this.opened(link);
  }

  abstract message(link: Link, parts: Uint8Array[]): void;

  command(_link: Link, _name: string, _data: Uint8Array): void {
    // Commands that nobody knows are ignored (§7.2).
  }

  full(link: Link): boolean {
    return link.inbox.size >= HIGH_WATER || this.#waitingBytes >= MAX_WAITING;
  }

  // What the kinds of sockets do with it.

  /** The handshake is over. */
  protected opened(_link: Link): void {}

  /** A connection is gone. */
  protected ended(_link: Link): void {}

  /** Whether a link with messages may be served now. */
  protected servable(_link: Link): boolean {
    return true;
  }

  /** A message waits for the application. */
  protected enqueue(link: Link, parts: Uint8Array[]): void {
    this.counters.messagesReceived++;
    const bytes = sizeOf(parts);
    if (link.inbox.size === 0) this.#serving.push(link);
    link.inbox.push(parts);
    link.inboxBytes += bytes;
    this.#waitingBytes += bytes;
    this.#arrived = true;
  }

  /** The next message; connections are served in turn. */
  protected dequeue(now: number): { link: Link; parts: Uint8Array[] } | undefined {
    const at = this.#serving.findIndex((link) => this.servable(link));
    const link = this.#serving[at];
    if (!link) return undefined;
    const wasFull = this.full(link);
    const flooded = this.#waitingBytes >= MAX_WAITING;
    const parts = link.inbox.shift() as Uint8Array[];
    const bytes = sizeOf(parts);
    link.inboxBytes -= bytes;
    this.#waitingBytes -= bytes;
    if (this.#serving.length > 1 || link.inbox.size === 0) {
      this.#serving.splice(at, 1);
      if (link.inbox.size > 0) this.#serving.push(link);
    }
    if (flooded && this.#waitingBytes < MAX_WAITING) {
      for (const each of [...this.links.values()]) this.#continue(now, each);
    } else if (wasFull) {
      this.#continue(now, link);
    }
    return { link, parts };
  }

  /** Says that there is something to write. */
  protected flush(link: Link): void {
    if (link.out.length > 0) this.output.flush(link.id);
  }

  /** Closes a connection whose peer does not speak as it should. */
  protected refuse(now: number, link: Link, why: string): void {
    this.counters.refused++;
    this.#drop(now, link, why);
  }

  /** What was held back because there was no room. */
  #continue(now: number, link: Link): void {
    if (this.full(link)) return;
    if (link.buffered > 0) this.#guard(now, link, () => link.advance());
    if (!this.full(link)) this.output.resume(link.id);
  }

  #begin(now: number, id: LinkId, endpoint: number | undefined): void {
    this.counters.connections++;
    const link = new Link(id, this, now + HANDSHAKE_LIMIT, endpoint);
    this.links.set(id, link);
    this.#beginners.add(link);
    this.flush(link);
  }

  /** Runs what handles octets of a peer: what it says wrong ends its connection, and only that. */
  #guard(now: number, link: Link, handle: () => void): void {
    this.#arrived = false;
    try {
      handle();
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.refuse(now, link, error.message);
    }
    if (this.links.has(link.id)) this.flush(link);
    if (this.#arrived) this.output.readable();
  }

  #drop(now: number, link: Link, why: string): void {
    this.#onProblem(`${this.type} connection closed: ${why}`);
    this.output.close(link.id);
    this.#end(now, link);
  }

  #end(now: number, link: Link): void {
    this.links.delete(link.id);
    this.#beginners.delete(link);
    // What came whole is still handed out, except by those that must answer on the connection.
    this.ended(link);
    const endpoint = link.endpoint === undefined ? undefined : this.#endpoints[link.endpoint];
    if (endpoint?.link === link.id) this.#redial(now, endpoint);
  }

  /** Forgets what waits in a link. */
  protected forget(link: Link): void {
    this.#waitingBytes -= link.inboxBytes;
    link.inboxBytes = 0;
    this.#serving = this.#serving.filter((each) => each !== link);
  }

  #redial(now: number, endpoint: Endpoint): void {
    endpoint.link = undefined;
    const slow = ++endpoint.failures > PATIENCE;
    const wait = slow ? REDIAL_SLOW : REDIAL;
    endpoint.redialAt = now + wait + this.#random.unit() * REDIAL;
  }
}

function sizeOf(parts: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const part of parts) bytes += part.length;
  return bytes;
}
