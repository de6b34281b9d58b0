/**
 * What other programs of this computer ask the beacon (`spec/networkzero.md §4`): one JSON array in,
 * one JSON value out. A waiting `discover` keeps nobody else waiting.
 *
 * @module
 */
import { WireError } from "../wire/bytes.ts";
import type { AddressBook } from "./address.ts";
import type { Beacon } from "./beacon.ts";
import { NetworkZeroError } from "./errors.ts";
import { decodeJson, encodeJsonBytes, type Json } from "./json.ts";

/** A waiting `discover` ends after this, whatever was asked for, in seconds. */
const LONGEST_WAIT = 3_600;

/** What the server cannot do itself. */
export interface RpcOutput {
  /** The addresses of a host; `done` is called once, with none where there are none. */
  resolve(host: string, done: (ips: readonly string[]) => void): void;
  /** Somebody asked the beacon to end; the reply goes out first. */
  stop(): void;
}

export interface RpcCounters {
  requests: number;
  /** Not JSON, an unknown action, wrong parameters. */
  refused: number;
}

type Reply = (result: Json) => void;
type Action = (now: number, params: readonly Json[], reply: Reply) => void;

export class RpcServer {
  readonly counters: RpcCounters = { requests: 0, refused: 0 };
  readonly #beacon: Beacon;
  readonly #book: AddressBook;
  readonly #output: RpcOutput;
  readonly #now: () => number;
  readonly #actions: ReadonlyMap<string, readonly [least: number, most: number, action: Action]>;

  /** `now`: for what is answered later. */
  constructor(beacon: Beacon, book: AddressBook, output: RpcOutput, now: () => number) {
    this.#beacon = beacon;
    this.#book = book;
    this.#output = output;
    this.#now = now;
    const simple = (act: () => void): Action => (_now, _params, reply) => {
      act();
      reply(null);
    };
    this.#actions = new Map([
      ["advertise", [4, 4, (now, params, reply) => this.#advertise(now, params, reply)]],
      ["unadvertise", [1, 1, (_now, [name], reply) => {
        beacon.unadvertise(text(name));
        reply(null);
      }]],
      ["discover", [2, 2, (now, [name, wait], reply) => {
        const ms = 1000 * Math.min(seconds(wait) ?? LONGEST_WAIT, LONGEST_WAIT);
        beacon.discover(now, text(name), ms, ([address]) => reply(address ?? null));
      }]],
      ["discover_all", [0, 1, (now, _params, reply) => reply(beacon.all(now))]],
      ["pause", [0, 0, simple(() => beacon.pause())]],
      ["resume", [0, 0, simple(() => beacon.resume())]],
      ["reset", [0, 0, simple(() => beacon.reset())]],
      ["stop", [0, 0, (_now, _params, reply) => {
        reply(null);
        output.stop();
      }]],
    ]);
  }

  /** Answers a request, at once or later; `reply` is called exactly once. */
  handle(now: number, request: Uint8Array, reply: (reply: Uint8Array) => void): void {
    this.counters.requests++;
    const answer = (result: Json) => reply(encodeJsonBytes(result));
    try {
      const [name, ...params] = decodeRequest(request);
      const action = this.#actions.get(name);
      if (!action) throw new WireError(`no action is called ${name}`, 0);
      const [least, most, act] = action;
      if (params.length < least || params.length > most) {
        throw new WireError(`${name} takes ${least} to ${most} parameters`, 0);
      }
      act(now, params, answer);
    } catch (error) {
      if (!(error instanceof WireError || error instanceof NetworkZeroError)) throw error;
      this.counters.refused++;
      answer(null);
    }
  }

  #advertise(now: number, [name, address, failIfExists, ttl]: readonly Json[], reply: Reply): void {
    const advertise = (now: number, address: string): string | null => {
      const named = text(name);
      if (failIfExists && this.#beacon.advertises(named)) return null;
      const service = { name: named, address, ttl: seconds(ttl) ?? null, everyInterface: false };
      this.#beacon.advertise(now, service);
      return address;
    };
    text(name);
    seconds(ttl);
    const parsed = this.#book.parse(address);
    if ("address" in parsed) return reply(advertise(now, parsed.address));
    this.#output.resolve(parsed.resolve, (ips) => {
      let result: string | null = null;
      try {
        const address = this.#book.resolved(parsed.resolve, parsed.port, ips);
        result = advertise(this.#now(), address);
      } catch (error) {
        if (!(error instanceof NetworkZeroError)) throw error;
        this.counters.refused++;
      }
      reply(result);
    });
  }
}

/** The octets of a request. */
export function encodeRequest(action: string, ...params: readonly Json[]): Uint8Array {
  return encodeJsonBytes([action, ...params]);
}

/** Action in lower case, and parameters. @throws {WireError} */
export function decodeRequest(bytes: Uint8Array): [action: string, ...params: Json[]] {
  const value = decodeJson(bytes);
  const [action, ...params] = Array.isArray(value) ? value : [];
  if (typeof action !== "string") throw new WireError("a request is an array with an action", 0);
  return [action.toLowerCase(), ...params];
}

function text(value: Json | undefined): string {
  if (typeof value !== "string") throw new WireError("a name is text", 0);
  return value;
}

function seconds(value: Json | undefined): number | undefined {
  if (value === null) return undefined;
  if (typeof value !== "number") throw new WireError("a time is a number of seconds", 0);
  return value;
}
