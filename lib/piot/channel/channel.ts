/**
 * Channels (spec/piot.md §10): the local ends of links, and what the application keeps with them.
 *
 * @module
 */
import { AgentError, ExitCode } from "../../core/mod.ts";
import { decodeCbor, encodeCbor, type Json } from "../../wire/cbor.ts";
import type { Layer } from "../actions/layer.ts";
import { keys } from "../records.ts";

/** Octets of keys and values of one channel. */
const MOST_BYTES = 1_048_576;
const LONGEST_KEY = 255;

/** Data of all channels. Changes go into the turn. */
export class ChannelData {
  readonly #layer: Layer;
  /** Link → key → encoded value; read when it is first asked for. */
  readonly #data = new Map<number, Map<string, Uint8Array>>();

  constructor(layer: Layer) {
    this.#layer = layer;
  }

  load(): void {
    this.#data.clear();
  }

  /** @throws {WireError} where the store is damaged. */
  get(link: number, key: string): Json | undefined {
    const value = this.#of(link).get(key);
    return value && decodeCbor(value);
  }

  keys(link: number): string[] {
    return [...this.#of(link).keys()].sort();
  }

  /**
   * @throws {AgentError} where there is no such link, or no room.
   * @throws {RangeError} where it is no JSON-like value.
   */
  set(link: number, key: string, value: Json): void {
    const data = this.#of(link);
    const bytes = encodeCbor(value).slice();
    const size = utf8Length(key);
    if (size === 0 || size > LONGEST_KEY) {
      throw new AgentError(`a key has 1 to ${LONGEST_KEY} bytes, not ${size}`, ExitCode.Usage);
    }
    let total = size + bytes.length;
    for (const [other, value] of data) {
      if (other !== key) total += utf8Length(other) + value.length;
    }
    if (total > MOST_BYTES) {
      throw new AgentError(
        `a channel keeps ${MOST_BYTES} bytes and this would make ${total}; delete something`,
        ExitCode.Refused,
      );
    }
    data.set(key, bytes);
    this.#layer.node.turn.put(keys.data(link, key), bytes);
  }

  /** Whether it was there. */
  delete(link: number, key: string): boolean {
    if (!this.#of(link).delete(key)) return false;
    this.#layer.node.turn.remove(keys.data(link, key));
    return true;
  }

  /** What is known with one link is known with another; that one's own values stay. */
  merged(from: number, into: number): void {
    for (const [key, value] of this.#of(from)) {
      this.#layer.node.turn.remove(keys.data(from, key));
      const data = this.#of(into);
      if (data.has(key)) continue;
      data.set(key, value);
      this.#layer.node.turn.put(keys.data(into, key), value);
    }
    this.#data.delete(from);
  }

  forgotten(link: number): void {
    const { turn } = this.#layer.node;
    for (const key of this.#data.get(link)?.keys() ?? []) turn.remove(keys.data(link, key));
    this.#data.delete(link);
  }

  /** @throws {AgentError} where there is no such link. */
  #of(link: number): Map<string, Uint8Array> {
    const known = this.#data.get(link);
    if (known) return known;
    const { node } = this.#layer;
    node.find({ link });
    const prefix = keys.channel(link);
    const data = new Map<string, Uint8Array>();
    for (const [key, value] of node.store.scan(prefix)) data.set(key.slice(prefix.length), value);
    this.#data.set(link, data);
    return data;
  }
}

function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}
