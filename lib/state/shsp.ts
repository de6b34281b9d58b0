/**
 * The Simple Home Status Protocol (draft-stenberg-shsp-01) as a state codec: how pysyma's nodes, and
 * ours in a network of profile `hncp`, publish key-value pairs (`spec/dncp.md` §15).
 *
 * ```text
 * 789 key-value  JSON {"ts": seconds since 1970, "k": key, "v": value}
 * 790 keyed      | MD5(network key || body) 16 | body: TLVs 789 |
 * ```
 *
 * @module
 */
import { md5 } from "@noble/hashes/legacy.js";
import { compareBytes, concat, equalBytes } from "../wire/bytes.ts";
import { TlvFormat, type TlvWarning } from "../wire/tlv.ts";
import type { Json } from "../wire/cbor.ts";
import type { DecodedState, StateCodec } from "./codec.ts";
import { type Entry, keyProblem, timestamp, type Value, valueProblem } from "./entry.ts";

/** TLV types. */
export const SHSP_PAIR = 789;
export const SHSP_KEYED = 790;

const DIGEST_BYTES = 16;
const format = TlvFormat.rfc7787;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A pair as it stands on the wire. */
export interface ShspPair {
  readonly key: string;
  readonly value: Json;
  /** Seconds since 1970. */
  readonly ts: number;
}

/** What the body of a key-value TLV holds. */
export interface DecodedPair {
  /** The JSON, where it is some. */
  readonly json?: Json;
  readonly pair?: ShspPair;
  readonly warning?: Extract<TlvWarning, "bad-json" | "bad-pair">;
}

/** Decode the value of a TLV 789. Total. */
export function decodeShspPair(value: Uint8Array): DecodedPair {
  let json: Json;
  try {
    json = JSON.parse(decoder.decode(value)) as Json;
  } catch {
    return { warning: "bad-json" };
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    return { json, warning: "bad-pair" };
  }
  const member = (name: string) => Object.hasOwn(json, name) ? json[name] : undefined;
  const [key, ts, content] = [member("k"), member("ts"), member("v")];
  if (typeof key !== "string" || typeof ts !== "number" || content === undefined) {
    return { json, warning: "bad-pair" };
  }
  return { json, pair: { key, value: content, ts } };
}

/** MD5 over the network key and the body. It keeps honest networks apart, no more (§15.3). */
export function shspDigest(networkKey: Uint8Array, body: Uint8Array): Uint8Array {
  return md5(concat([networkKey, body]));
}

/** The TLVs of a keyed container whose digest fits; `undefined` where it does not. Total. */
export function openShspContainer(
  networkKey: Uint8Array,
  value: Uint8Array,
): Uint8Array | undefined {
  if (value.length < DIGEST_BYTES) return undefined;
  const body = value.subarray(DIGEST_BYTES);
  const fits = equalBytes(value.subarray(0, DIGEST_BYTES), shspDigest(networkKey, body));
  return fits ? body : undefined;
}

/** The codec of SHSP. Encodings are kept for as long as the entry object lives. */
export class ShspStateCodec implements StateCodec {
  readonly overhead: number;
  readonly #networkKey: Uint8Array | undefined;
  readonly #json = new WeakMap<Entry, Uint8Array>();

  /** With a network key all pairs go into one keyed container, and only such are read. */
  constructor(networkKey?: Uint8Array) {
    this.#networkKey = networkKey;
    this.overhead = networkKey ? format.size(DIGEST_BYTES) : 0;
  }

  reads(type: number): boolean {
    return type === (this.#networkKey ? SHSP_KEYED : SHSP_PAIR);
  }

  sizeOf(entry: Entry): number {
    // Also of entries that no TLV could hold, to be refused with this figure.
    return format.size(this.#jsonOf(entry).length);
  }

  encode(entries: Iterable<Entry>): Uint8Array[] {
    const pairs = Array.from(entries, (entry) => this.#encode(entry)).sort(compareBytes);
    if (!this.#networkKey) return pairs;
    const body = concat(pairs);
    return [format.encode(SHSP_KEYED, shspDigest(this.#networkKey, body), body)];
  }

  decode(nodeData: Uint8Array): DecodedState {
    const entries = new Map<string, Entry>();
    const { tlvs, error } = format.decode(nodeData);
    let bad = error === null ? 0 : 1;
    const take = (value: Uint8Array) => {
      const { pair } = decodeShspPair(value);
      const entry = pair && entryOfPair(pair);
      if (!entry) {
        bad++;
        return;
      }
      // Deleted first, so that the order of the map is the order of the node data.
      entries.delete(entry.key);
      entries.set(entry.key, entry);
    };
    for (const { type, value } of tlvs) {
      if (type === SHSP_PAIR && !this.#networkKey) take(value);
      if (type !== SHSP_KEYED || !this.#networkKey) continue;
      const body = openShspContainer(this.#networkKey, value);
      if (!body) {
        bad++;
        continue;
      }
      for (const inner of format.decode(body).tlvs) {
        if (inner.type === SHSP_PAIR) take(inner.value);
      }
    }
    return { entries, bad };
  }

  #encode(entry: Entry): Uint8Array {
    return format.encode(SHSP_PAIR, this.#jsonOf(entry));
  }

  #jsonOf(entry: Entry): Uint8Array {
    let json = this.#json.get(entry);
    if (json === undefined) {
      const { key, value, at } = entry;
      json = encoder.encode(JSON.stringify({ ts: at / 1_000, k: key, v: value }));
      this.#json.set(entry, json);
    }
    return json;
  }
}

/** `v` = null is legal to receive and is a value then (§15.2), though nobody sends it. */
function entryOfPair({ key, value, ts }: ShspPair): Entry | undefined {
  if (keyProblem(key) !== undefined || Number.isNaN(ts)) return undefined;
  if (value !== null && valueProblem(value) !== undefined) return undefined;
  return { key, value: value as Value, at: timestamp(ts * 1_000) };
}
