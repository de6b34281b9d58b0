/**
 * Questions, answers and news between programs (`spec/networkzero.md §6`).
 *
 * @module
 */
import { parseIpPort } from "../nearby/address.ts";
import {
  InvalidAddressError,
  NetworkZeroError,
  SocketAlreadyExistsError,
  SocketTimedOutError,
} from "../nearby/errors.ts";
import { decodeJson, encodeJsonBytes, type Json } from "../nearby/json.ts";
import {
  PubSocket,
  RepSocket,
  ReqSocket,
  type Request,
  SubSocket,
} from "../nearby/zmtp/sockets.ts";
import type { ZmtpSocket } from "../nearby/zmtp/socket.ts";
import { Carried, type Ground } from "./carried.ts";
import { FOREVER, type Waits } from "./waiting.ts";

/** What the first use of a publisher or subscriber waits, so that both ends know each other, in s. */
const SETTLE = 0.5;
/** So many news may be published before the network gets its turn. */
const NEWS_A_TURN = 400;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** News: a topic and what goes with it; both null where none came in time. */
export type News = [topic: string, data: Json | Uint8Array] | [topic: null, data: null];

interface Listener extends Carried<RepSocket> {
  /** Was handed out and waits for `sendReplyTo`. */
  asked?: Request | undefined;
}

export class Messenger {
  readonly #ground: Ground;
  readonly #waits: Waits;
  /** Where a service listens that is advertised under that address. */
  readonly #hostFor: (address: string) => string;
  readonly #speakers = new Map<string, Carried<ReqSocket>>();
  readonly #listeners = new Map<string, Listener>();
  readonly #publishers = new Map<string, Carried<PubSocket>>();
  readonly #subscribers = new Map<string, Carried<SubSocket>>();
  readonly #settling = new Map<Carried<ZmtpSocket>, Promise<void>>();
  #published = 0;

  constructor(ground: Ground, waits: Waits, hostFor: (address: string) => string) {
    this.#ground = ground;
    this.#waits = waits;
    this.#hostFor = hostFor;
  }

  /** @throws {SocketTimedOutError} without a reply in time; ask again as often as you like. */
  async ask(address: string, message: unknown, wait: number): Promise<Json> {
    const body = encodeJsonBytes(message);
    const carried = this.#speaker(address);
    const { socket } = carried;
    socket.send(body);
    let reply: Uint8Array | undefined;
    try {
      reply = await this.#waits.until(
        wait,
        () => socket.take(carried.now),
        (again) => carried.onReadable(again),
      );
    } finally {
      // A late reply must not pass for the answer to the next question; and of those who ask the
      // same at once, one keeps its connection.
      const kept = this.#speakers.get(address);
      if (reply === undefined && kept === carried) this.#speakers.delete(address);
      if (reply === undefined || kept !== carried) void carried.close();
    }
    if (reply) return decodeReceived(reply, address);
    throw new SocketTimedOutError(
      wait,
      `nobody at ${address} answered within ${wait} seconds; is the other program running?`,
    );
  }

  /** The next message, or null. */
  async next(address: string, wait: number, autoreply: boolean): Promise<Json> {
    const listener = this.#listener(address);
    if (listener.asked && wait === FOREVER) {
      throw new NetworkZeroError(
        "the last message has no reply yet; send one with sendReplyTo, then wait for the next",
      );
    }
    const request = await this.#waits.until(
      wait,
      () => listener.asked ? undefined : listener.socket.take(listener.now),
      (again) => listener.onReadable(again),
    );
    if (!request) return null;
    listener.asked = request;
    let message: Json;
    try {
      message = decodeReceived(request.body, address);
    } catch (error) {
      // Whoever sent it would wait for ever, and with him everybody behind.
      this.reply(address, null);
      throw error;
    }
    if (autoreply) this.reply(address, null);
    return message;
  }

  /** @throws {NetworkZeroError} where there is nothing to reply to. */
  reply(address: string, reply: unknown): void {
    const listener = this.#listeners.get(address);
    if (!listener?.asked) {
      throw new NetworkZeroError(
        "there is no message to reply to; take one first, with waitForMessageFrom",
      );
    }
    const body = encodeJsonBytes(reply);
    const { asked } = listener;
    listener.asked = undefined;
    listener.socket.answer(asked, body);
  }

  async publish(address: string, topic: string, data: unknown): Promise<void> {
    const body = data instanceof Uint8Array ? data : encodeJsonBytes(data);
    const carried = this.#once(this.#publishers, address, () => {
      const publisher = new Carried(this.#ground, (options) => new PubSocket(options));
      this.#bind(publisher, address);
      return publisher;
    });
    const settling = this.#settling.get(carried);
    if (settling) await settling;
    carried.socket.publish(encoder.encode(topic), body);
    if (++this.#published >= NEWS_A_TURN) {
      // A program that only publishes would leave the network no time to send.
      this.#published = 0;
      if (carried.socket.backlog >= NEWS_A_TURN) await carried.outputTurn();
    }
  }

  async news(
    addresses: readonly string[],
    prefixes: readonly string[],
    wait: number,
    isRaw: boolean,
  ): Promise<News> {
    const carried = this.#once(this.#subscribers, JSON.stringify(addresses), () => {
      const subscriber = new Carried(this.#ground, (options) => new SubSocket(options));
      for (const address of addresses) subscriber.connect(...hostAndPort(address));
      return subscriber;
    });
    const { socket } = carried;
    for (const prefix of prefixes) {
      const bytes = encoder.encode(prefix);
      if (!socket.subscribed(bytes)) socket.subscribe(bytes);
    }
    const settling = this.#settling.get(carried);
    if (settling) await settling;
    const found = await this.#waits.until(
      wait,
      () => socket.take(carried.now),
      (again) => carried.onReadable(again),
    );
    if (!found) return [null, null];
    const topic = decoder.decode(found[0]);
    return [topic, isRaw ? found[1].slice() : decodeReceived(found[1], addresses.join(", "))];
  }

  async close(): Promise<void> {
    const all = [this.#speakers, this.#listeners, this.#publishers, this.#subscribers];
    await Promise.all(all.flatMap((each) => [...each.values()].map((one) => one.close())));
    for (const each of all) each.clear();
  }

  /** A socket whose last question is answered; another one where two ask at once. */
  #speaker(address: string): Carried<ReqSocket> {
    const known = this.#speakers.get(address);
    if (known && !known.socket.outstanding) return known;
    const speaker = new Carried(this.#ground, (options) => new ReqSocket(options));
    speaker.connect(...hostAndPort(address));
    if (!known) this.#speakers.set(address, speaker);
    return speaker;
  }

  #listener(address: string): Listener {
    const known = this.#listeners.get(address);
    if (known) return known;
    const listener: Listener = new Carried(this.#ground, (options) => new RepSocket(options));
    this.#bind(listener, address);
    this.#listeners.set(address, listener);
    return listener;
  }

  #once<S extends ZmtpSocket>(
    all: Map<string, Carried<S>>,
    key: string,
    make: () => Carried<S>,
  ): Carried<S> {
    const known = all.get(key);
    if (known) return known;
    const made = make();
    all.set(key, made);
    const settling = this.#waits.pause(SETTLE).finally(() => this.#settling.delete(made));
    // Whoever waits for it is told; that nobody does is no fault.
    settling.catch(() => {});
    this.#settling.set(made, settling);
    return made;
  }

  #bind(carried: Carried<ZmtpSocket>, address: string): void {
    const [, port] = hostAndPort(address);
    try {
      carried.listen(this.#hostFor(address), port);
    } catch (cause) {
      void carried.close();
      if (cause instanceof Deno.errors.AddrInUse) {
        throw new SocketAlreadyExistsError(
          `${address} is used already, by this program or another one; use another port`,
          { cause },
        );
      }
      if (cause instanceof Deno.errors.AddrNotAvailable) {
        throw new InvalidAddressError(
          address,
          `${address} is not an address of this computer, so nobody can listen there`,
          { cause },
        );
      }
      if (cause instanceof Deno.errors.PermissionDenied) {
        throw new InvalidAddressError(
          address,
          `this program may not listen at ${address}; ports below 1024 are for administrators`,
          { cause },
        );
      }
      throw cause;
    }
  }
}

function hostAndPort(address: string): [host: string, port: number] {
  const parsed = parseIpPort(address);
  if (!parsed) throw new InvalidAddressError(address, `${address} is not an address with a port`);
  return [parsed.host, parsed.port];
}

function decodeReceived(bytes: Uint8Array, address: string): Json {
  try {
    return decodeJson(bytes);
  } catch (cause) {
    throw new NetworkZeroError(
      `what came from ${address} cannot be read: it was not sent by networkzero`,
      { cause },
    );
  }
}
