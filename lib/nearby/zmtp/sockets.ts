/**
 * The four kinds of sockets (`spec/networkzero.md §7.4`, `§7.5`).
 *
 * @module
 */
import { WireError } from "../../wire/bytes.ts";
import { NetworkZeroError } from "../errors.ts";
import { HIGH_WATER } from "./api.ts";
import { encodeSubscription } from "./command.ts";
import { encodeMessage, MAX_BODY, MORE } from "./frame.ts";
import type { Link } from "./link.ts";
import { latin1, PrefixSet } from "./prefixes.ts";
import { ZmtpSocket } from "./socket.ts";

const EMPTY = new Uint8Array(0);
/** Longest prefix: libzmq 4.3.4 writes an unreadable stream for longer ones. */
export const MAX_PREFIX = 245;
/** Prefixes of one connection; a peer with more is closed. */
const MAX_PREFIXES = 10_000;

/** Asks, one request at a time. */
export class ReqSocket extends ZmtpSocket {
  override readonly type = "REQ";
  /** Waits for a connection. */
  #request: Uint8Array | undefined;
  /** Was written to this one. */
  #asked: Link | undefined;
  #outstanding = false;
  #turn = 0;

  /** Whether a request has neither been answered nor given up. */
  get outstanding(): boolean {
    return this.#outstanding;
  }

  /**
   * Sends a request, as soon as there is a connection. It is not sent again where that breaks.
   * @throws {NetworkZeroError} while another one is outstanding.
   */
  send(body: Uint8Array): void {
    if (this.#outstanding) {
      throw new NetworkZeroError("a question is still without an answer; ask one at a time");
    }
    this.#outstanding = true;
    this.#request = body;
    this.#ask();
  }

  /** The reply, where it has come. */
  take(now: number): Uint8Array | undefined {
    return this.dequeue(now)?.parts[1];
  }

  override message(link: Link, parts: Uint8Array[]): void {
    if (parts.length < 2 || parts[0]?.length !== 0) {
      throw misspoken("a reply without an envelope");
    }
    if (link !== this.#asked) {
      this.counters.dropped++;
      return;
    }
    this.#asked = undefined;
    this.#outstanding = false;
    this.enqueue(link, parts);
  }

  protected override opened(_link: Link): void {
    this.#ask();
  }

  protected override ended(link: Link): void {
    if (this.#asked === link) this.#asked = undefined;
  }

  #ask(): void {
    if (this.#request === undefined) return;
    const open = [...this.links.values()].filter((link) => link.open);
    const link = open[this.#turn++ % Math.max(1, open.length)];
    if (!link) return;
    link.out.frame(MORE, EMPTY);
    link.out.frame(0, this.#request);
    this.counters.messagesSent++;
    this.#request = undefined;
    this.#asked = link;
    this.flush(link);
  }
}

/** A request that was taken and waits for its answer. */
export interface Request {
  readonly body: Uint8Array;
  /** Up to the empty frame, which is its last. */
  readonly envelope: readonly Uint8Array[];
  readonly link: Link;
}

/**
 * Answers. Requests of one connection are taken one after the other; how many are taken before the
 * first is answered is up to the user.
 */
export class RepSocket extends ZmtpSocket {
  override readonly type = "REP";

  /** The next request, of each connection in turn. */
  take(now: number): Request | undefined {
    const next = this.dequeue(now);
    if (!next) return undefined;
    const { link, parts } = next;
    link.busy = true;
    const end = parts.findIndex(({ length }) => length === 0) + 1;
    return { link, envelope: parts.slice(0, end), body: parts[end] as Uint8Array };
  }

  /** Sends the answer, where the asker is still there. Whether it was. */
  answer({ link, envelope }: Request, body: Uint8Array): boolean {
    link.busy = false;
    if (this.links.get(link.id) !== link) {
      this.counters.dropped++;
      return false;
    }
    if (link.out.messages >= HIGH_WATER || link.out.length >= MAX_BODY) {
      this.counters.dropped++;
    } else {
      for (const part of envelope) link.out.frame(MORE, part);
      link.out.frame(0, body);
      link.out.messages++;
      this.counters.messagesSent++;
      this.flush(link);
    }
    // The next request of this connection may be taken now.
    if (link.inbox.size > 0) this.output.readable();
    return true;
  }

  override message(link: Link, parts: Uint8Array[]): void {
    const end = parts.findIndex(({ length }) => length === 0);
    if (end < 0 || end === parts.length - 1) this.counters.dropped++;
    else this.enqueue(link, parts);
  }

  protected override servable(link: Link): boolean {
    return !link.busy;
  }

  protected override ended(link: Link): void {
    this.forget(link);
  }
}

/** Tells everybody who wants to hear. */
export class PubSocket extends ZmtpSocket {
  override readonly type = "PUB";

  /** Sends to all whose prefixes match; drops it for those that cannot keep up. */
  publish(topic: Uint8Array, data: Uint8Array): void {
    const text = latin1(topic);
    let encoded: Uint8Array | undefined;
    for (const link of this.links.values()) {
      if (!link.open || !link.subscriptions.match(text)) continue;
      const { out } = link;
      if (out.messages >= HIGH_WATER || out.length >= MAX_BODY) {
        this.counters.dropped++;
        continue;
      }
      out.put(encoded ??= encodeMessage([topic, data]));
      out.messages++;
      this.counters.messagesSent++;
      if (out.messages === 1) this.flush(link);
    }
  }

  /** Most messages that wait for one connection. */
  get backlog(): number {
    let most = 0;
    for (const { out } of this.links.values()) most = Math.max(most, out.messages);
    return most;
  }

  override message(link: Link, parts: Uint8Array[]): void {
    const [body = EMPTY] = parts;
    // The form of ZMTP 3.0; anything else that a subscriber sends is for nobody.
    if (parts.length === 1 && body[0] === 1) this.#subscribe(link, body.subarray(1));
    else if (parts.length === 1 && body[0] === 0) {
      link.subscriptions.delete(latin1(body.subarray(1)));
    } else this.counters.dropped++;
  }

  override command(link: Link, name: string, data: Uint8Array): void {
    if (name === "SUBSCRIBE") this.#subscribe(link, data);
    else if (name === "CANCEL") link.subscriptions.delete(latin1(data));
  }

  #subscribe(link: Link, prefix: Uint8Array): void {
    if (link.subscriptions.size >= MAX_PREFIXES) throw misspoken("too many subscriptions");
    link.subscriptions.add(latin1(prefix));
  }
}

/** Hears what it subscribed to, of all it is connected to. */
export class SubSocket extends ZmtpSocket {
  override readonly type = "SUB";
  /** How often each prefix was subscribed to, by latin1 text. */
  readonly #counts = new Map<string, { bytes: Uint8Array; count: number }>();
  readonly #prefixes = new PrefixSet();

  /** @throws {NetworkZeroError} where the prefix is too long. */
  subscribe(prefix: Uint8Array): void {
    if (prefix.length > MAX_PREFIX) {
      throw new NetworkZeroError(
        `the beginning of a topic can have at most ${MAX_PREFIX} letters, and this has ${prefix.length}`,
      );
    }
    const key = latin1(prefix);
    const known = this.#counts.get(key);
    if (known) {
      known.count++;
      return;
    }
    this.#counts.set(key, { bytes: prefix.slice(), count: 1 });
    this.#prefixes.add(key);
    this.#tellAll(prefix, true);
  }

  /** Takes back one subscription. */
  cancel(prefix: Uint8Array): void {
    const key = latin1(prefix);
    const known = this.#counts.get(key);
    if (!known || --known.count > 0) return;
    this.#counts.delete(key);
    this.#prefixes.delete(key);
    this.#tellAll(prefix, false);
  }

  /** Whether a prefix is subscribed to. */
  subscribed(prefix: Uint8Array): boolean {
    return this.#counts.has(latin1(prefix));
  }

  /** The next message: topic and data. */
  take(now: number): [topic: Uint8Array, data: Uint8Array] | undefined {
    const parts = this.dequeue(now)?.parts;
    return parts && [parts[0] as Uint8Array, parts[1] ?? EMPTY];
  }

  override message(link: Link, parts: Uint8Array[]): void {
    // A cancelled subscription may still be under way to the publisher.
    if (this.#prefixes.match(latin1(parts[0] as Uint8Array))) this.enqueue(link, parts);
    else this.counters.dropped++;
  }

  protected override opened(link: Link): void {
    for (const { bytes } of this.#counts.values()) {
      link.out.put(encodeSubscription(bytes, true, link.version));
    }
    this.flush(link);
  }

  #tellAll(prefix: Uint8Array, add: boolean): void {
    for (const link of this.links.values()) {
      if (!link.open) continue;
      link.out.put(encodeSubscription(prefix, add, link.version));
      this.flush(link);
    }
  }
}

/** Thrown out of `message` or `command`: the connection is closed for it. */
function misspoken(why: string): WireError {
  return new WireError(why, 0);
}
