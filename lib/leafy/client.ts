/**
 * The leafy client's side: what to send, and what the answers mean. Bytes in, values out; the stream
 * belongs to the caller. The first request goes into the first message of the Noise handshake and the
 * answer begins in the second, so a read takes one round trip.
 *
 * @module
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { AgentError, ExitCode } from "../core/errors.ts";
import {
  checkKey,
  checkValue,
  type Entry,
  type NodeEntries,
  parseAddress,
  quote,
  type StateJson,
  toStateJson,
  type Value,
} from "../state/api.ts";
import { toHex, WireError } from "../wire/bytes.ts";
import { encodeCbor } from "../wire/cbor.ts";
import { TlvFormat, TlvStreamDecoder } from "../wire/tlv.ts";
import {
  AckStatus,
  decodeLeaf,
  encodeLeaf,
  GUEST_ID_BYTES,
  type LeafMessage,
  type LeafPublishAck,
  type LeafReadEnd,
  MAX_ADDRESS,
  MAX_ANSWER_TLV,
  MAX_REQUEST_TLV,
  MAX_WANTED,
} from "./messages.ts";

/** Bytes of an answer that a client is willing to hold. */
const MAX_ANSWER = 64 * 1024 * 1024;
/** Bytes of entries that go into one request. */
const MAX_PUBLISHED = MAX_REQUEST_TLV - 64;

/**
 * The request for some entries; for all where there are no addresses.
 * @throws {AgentError} exit 2 where an address means nothing, or there are too many.
 */
export function readRequest(wanted: readonly string[]): Uint8Array {
  for (const text of wanted) {
    parseAddress(text);
    if (text.length > MAX_ADDRESS) {
      throw new AgentError(`${quote(text)} names no node: it is too long`, ExitCode.Usage);
    }
  }
  if (wanted.length > MAX_WANTED) {
    throw new AgentError(
      `${wanted.length} keys in one read; ask for at most ${MAX_WANTED}, or for BEGINNING*`,
      ExitCode.Usage,
    );
  }
  return encodeLeaf({ type: "read", wanted });
}

/** What a node answered. */
export interface ReadResult {
  /** In the shape that scripts rely on. */
  readonly state: StateJson;
  /** The same with ids and times as numbers, in the order of the nodes' names. */
  readonly nodes: readonly NodeEntries[];
  /** Whether the node that answered believes to know the whole network. */
  readonly complete: boolean;
  /** Why it does not, one line each. */
  readonly reasons: readonly string[];
  readonly from: { readonly node: string; readonly id: string };
  /** Addresses that meant nothing. */
  readonly missing: readonly string[];
}

/** Gathers the answer to one {@linkcode readRequest}. */
export class ReadCollector {
  readonly #wanted: readonly string[];
  readonly #decoder = new TlvStreamDecoder(TlvFormat.native, MAX_ANSWER_TLV);
  readonly #nodes = new Map<string, { node: string; entries: Entry[] }>();
  readonly #maxBytes: number;
  #bytes = 0;
  #count = 0;

  /** `wanted` as in the request. `maxBytes`: refuse longer answers. */
  constructor(wanted: readonly string[], maxBytes = MAX_ANSWER) {
    this.#wanted = wanted;
    this.#maxBytes = maxBytes;
  }

  /**
   * Bytes as they came; the result once it is whole.
   * @throws {AgentError} what the node answered instead, or exit 4 for an answer that is too long.
   * @throws {WireError} for what is no answer.
   */
  feed(bytes: Uint8Array): ReadResult | undefined {
    this.#bytes += bytes.length;
    if (this.#bytes > this.#maxBytes) {
      throw new AgentError(
        `the answer is larger than ${this.#maxBytes} bytes; ask for single keys or nodes`,
        ExitCode.Refused,
      );
    }
    for (const message of decodeLeaf(this.#decoder.feed(bytes))) {
      throwError(message);
      if (message.type === "state") {
        const known = this.#nodes.get(message.id);
        if (known) known.entries.push(...message.entries);
        else this.#nodes.set(message.id, { node: message.node, entries: [...message.entries] });
        this.#count += message.entries.length;
      } else if (message.type === "read-end") return this.#result(message);
    }
    return undefined;
  }

  #result({ reasons, node, id, count, missing }: LeafReadEnd): ReadResult {
    if (count !== this.#count) {
      throw new WireError(`${this.#count} entries came, ${count} were announced`, 0);
    }
    const nodes = Array.from(this.#nodes, ([id, rest]) => ({ id, ...rest }));
    nodes.sort((a, b) => a.node < b.node ? -1 : 1);
    return {
      state: toStateJson(nodes),
      nodes,
      complete: reasons.length === 0,
      reasons,
      from: { node, id },
      missing: missing.flatMap((i) => this.#wanted[i] ?? []),
    };
  }
}

/**
 * The id of a guest that has no place to keep one: the same computer that publishes the same keys
 * again is the same guest, so that a cron line refreshes what its last run published.
 */
export function guestIdFor(host: string, keys: Iterable<string>): string {
  const text = JSON.stringify(["leafy guest", host, ...[...new Set(keys)].sort()]);
  return toHex(sha256(new TextEncoder().encode(text)).subarray(0, GUEST_ID_BYTES));
}

/** Something that a node publishes for this client. */
export class Publication {
  readonly #guestId: string;
  readonly #decoder = new TlvStreamDecoder(TlvFormat.native, MAX_ANSWER_TLV);
  #entries: readonly (readonly [string, Value])[] = [];
  #sequence: number;

  /**
   * `guestId`: 8 bytes in hexadecimal, random or from {@linkcode guestIdFor}. `sequence`: the first
   * number, above those used before; who kept none takes the wall clock's seconds.
   */
  constructor(guestId: string, sequence: number) {
    this.#guestId = guestId;
    this.#sequence = sequence >>> 0;
  }

  /**
   * What to publish from now on.
   * @throws {AgentError} exit 2 for keys and values that cannot be, 4 where it is too much.
   */
  setEntries(entries: Iterable<readonly [key: string, value: unknown]>): void {
    const checked = [...new Map(entries)].map(([key, value]) =>
      [checkKey(key), checkValue(key, value)] as const
    );
    const size = encodeCbor(checked.map((pair) => [...pair])).length;
    if (size > MAX_PUBLISHED) {
      throw new AgentError(
        `these entries take ${size} bytes, ${MAX_PUBLISHED} can be published; publish less`,
        ExitCode.Refused,
      );
    }
    if (this.#entries.length > 0) this.#sequence = (this.#sequence + 1) >>> 0;
    this.#entries = checked;
  }

  /** The request to publish for this long, in ms; 0 withdraws. Sending it again refreshes. */
  request(ttlMs: number): Uint8Array {
    return encodeLeaf({
      type: "publish",
      guestId: this.#guestId,
      sequence: this.#sequence,
      ttlMs: Math.min(Math.max(0, Math.round(ttlMs)), 0xffff_ffff),
      entries: ttlMs > 0 ? this.#entries : [],
    });
  }

  /**
   * Bytes of the answer as they came. `undefined`: not whole yet. `"again"`: the node has a higher
   * number of this guest; send a {@linkcode request} once more, it is above that now.
   * @throws {AgentError} exit 4 where the node refuses.
   * @throws {WireError} for what is no answer.
   */
  feed(bytes: Uint8Array): LeafPublishAck | "again" | undefined {
    for (const message of decodeLeaf(this.#decoder.feed(bytes))) {
      throwError(message);
      if (message.type !== "ack" || message.guestId !== this.#guestId) continue;
      if (message.status === AckStatus.Published) {
        if (message.sequence === this.#sequence) return message;
      } else if (message.status === AckStatus.Stale) {
        this.#sequence = (message.sequence + 1) >>> 0;
        return "again";
      } else {
        throw new AgentError(
          `${message.node} does not publish this: ${message.message}`,
          ExitCode.Refused,
        );
      }
    }
    return undefined;
  }
}

function throwError(message: LeafMessage): void {
  if (message.type !== "error") return;
  throw new AgentError(`the node answered: ${message.message}`, message.exitCode);
}
