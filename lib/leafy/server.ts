/**
 * The node's side of leafy: answers reads from its view of the network, and publishes for guests
 * (`spec/dncp.md` §16.4, carried over to native streams).
 *
 * @module
 */
import { AgentError } from "../core/mod.ts";
import { isOlder } from "../dncp/mod.ts";
import type { NodeId } from "../dncp/api.ts";
import {
  checkKey,
  checkValue,
  type Entry,
  type NetworkView,
  type NodeEntries,
  type OwnDictionary,
  parseAddress,
  StateRefusal,
} from "../state/mod.ts";
import { compareBytes, concat, fromHex, toHex } from "../wire/bytes.ts";
import { encodeCbor } from "../wire/cbor.ts";
import type { GuestBook, HandedGuest } from "./guest_book.ts";
import {
  AckStatus,
  encodeLeaf,
  type LeafPublish,
  type LeafPublishAck,
  type LeafRead,
  STATUS_OF_REFUSAL,
} from "./messages.ts";

/** Answers are handed out in pieces of about this many bytes; one TLV may be larger. */
const PIECE = 32_768;

/** What a {@linkcode LeafyServer} stands on. */
export interface LeafyServerOptions {
  readonly view: NetworkView;
  readonly own: OwnDictionary;
  /** This node's id at the moment. */
  readonly self: () => NodeId;
  /**
   * Why this node's picture of the network may be partial now, one line each; empty where it is
   * complete.
   */
  readonly partial: () => readonly string[];
  /** Whether guests may publish through this node. Default: they may. */
  readonly guests?: boolean;
  /** Longest and shortest TTL granted, in ms. Default one hour and one second. */
  readonly maxTtlMs?: number;
  readonly minTtlMs?: number;
}

interface Guest {
  readonly sequence: number;
  /** The entries in one deterministic encoding. */
  readonly content: Uint8Array;
}

/** Serves all leafy streams of one network. */
export class LeafyServer implements GuestBook {
  readonly #options: LeafyServerOptions;
  /** Of guests that the dictionary holds; entries of others are leftovers. */
  readonly #guests = new Map<string, Guest>();

  constructor(options: LeafyServerOptions) {
    this.#options = options;
  }

  handOver(): HandedGuest[] {
    return Array.from(
      this.#guests,
      ([id, { sequence, content }]) => ({ id, sequence, content: toHex(content) }),
    );
  }

  inherit(guests: Iterable<HandedGuest>): void {
    for (const { id, sequence, content } of guests) {
      this.#guests.set(id, { sequence, content: fromHex(content) });
    }
    this.#forgetGone();
  }

  /**
   * The answer to a read, in pieces of whole TLVs, encoded when they are asked for; all pieces show
   * the moment of this call.
   */
  answerRead(request: LeafRead): Iterable<Uint8Array> {
    try {
      const addresses = request.wanted.map(parseAddress);
      const { nodes, missing } = this.#options.view.select(addresses);
      const gone = new Set(missing);
      const positions = [...addresses.keys()].filter((i) => gone.has(addresses[i]!));
      return this.#pieces(nodes, this.#readEnd(nodes, positions));
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      return [encodeLeaf({ type: "error", exitCode: error.exitCode, message: error.message })];
    }
  }

  /** Take, refresh, withdraw or refuse a publication (§16.4, rules 1 to 5). */
  handlePublish(now: number, wall: number, publish: LeafPublish): LeafPublishAck {
    const { own, guests } = this.#options;
    if (guests === false) {
      return this.#refuse(
        publish,
        AckStatus.NotWilling,
        "this node takes no guests; ask another node",
      );
    }
    own.wake(now);
    this.#forgetGone();
    const known = this.#guests.get(publish.guestId);
    const olds = known !== undefined && isOlder(publish.sequence, known.sequence) &&
      !isOlder(known.sequence, publish.sequence);
    if (known !== undefined && olds) return this.#stale(publish, known);
    if (publish.ttlMs === 0) {
      own.dropGuest(publish.guestId);
      this.#guests.delete(publish.guestId);
      return this.#ack(publish, AckStatus.Published, 0, 0, "");
    }
    return this.#publish(now, wall, publish, known);
  }

  #forgetGone(): void {
    for (const id of this.#guests.keys()) {
      if (this.#options.own.guestUntil(id) === undefined) this.#guests.delete(id);
    }
  }

  #publish(
    now: number,
    wall: number,
    publish: LeafPublish,
    known: Guest | undefined,
  ): LeafPublishAck {
    const { own, maxTtlMs = 3_600_000, minTtlMs = 1_000 } = this.#options;
    const granted = Math.max(Math.min(publish.ttlMs, maxTtlMs), minTtlMs);
    try {
      const content = contentOf(publish);
      if (known?.sequence !== publish.sequence) {
        own.putGuest(now, wall, publish.guestId, publish.entries, granted);
        this.#guests.set(publish.guestId, { sequence: publish.sequence, content });
      } else if (compareBytes(known.content, content) === 0) {
        own.refreshGuest(now, publish.guestId, granted);
      } else return this.#stale(publish, known);
    } catch (error) {
      if (error instanceof StateRefusal) {
        return this.#refuse(publish, STATUS_OF_REFUSAL[error.reason], error.message);
      }
      if (error instanceof AgentError) {
        return this.#refuse(publish, AckStatus.NotAllowed, error.message);
      }
      throw error;
    }
    return this.#ack(publish, AckStatus.Published, granted, Math.round(wall + granted), "");
  }

  #stale(publish: LeafPublish, { sequence }: Guest): LeafPublishAck {
    const message = `this node has something newer of this guest, under number ${sequence}`;
    return this.#refuse({ ...publish, sequence }, AckStatus.Stale, message);
  }

  #refuse(publish: LeafPublish, status: AckStatus, message: string): LeafPublishAck {
    return this.#ack(publish, status, 0, 0, message);
  }

  #ack(
    { guestId, sequence }: LeafPublish,
    status: AckStatus,
    grantedMs: number,
    until: number,
    message: string,
  ): LeafPublishAck {
    const id = this.#options.self();
    const node = this.#options.view.names.of(id);
    return { type: "ack", guestId, sequence, grantedMs, status, until, node, id, message };
  }

  #readEnd(nodes: readonly NodeEntries[], missing: readonly number[]): Uint8Array {
    const id = this.#options.self();
    return encodeLeaf({
      type: "read-end",
      reasons: this.#options.partial(),
      node: this.#options.view.names.of(id),
      id,
      count: nodes.reduce((sum, { entries }) => sum + entries.length, 0),
      missing,
    });
  }

  *#pieces(nodes: readonly NodeEntries[], end: Uint8Array): Generator<Uint8Array> {
    let parts: Uint8Array[] = [];
    let size = 0;
    for (const { id, node, entries } of nodes) {
      for (const batch of batches(entries)) {
        const tlv = encodeLeaf({ type: "state", id, node, entries: batch });
        parts.push(tlv);
        size += tlv.length;
        if (size < PIECE) continue;
        yield concat(parts);
        parts = [];
        size = 0;
      }
    }
    yield concat([...parts, end]);
  }
}

/** Entries in groups that make a TLV each. */
function* batches(entries: readonly Entry[]): Generator<Entry[]> {
  let batch: Entry[] = [];
  let size = 0;
  for (const entry of entries) {
    const bytes = encodeCbor([entry.key, entry.at, entry.value]).length;
    if (batch.length > 0 && size + bytes > PIECE) {
      yield batch;
      batch = [];
      size = 0;
    }
    batch.push(entry);
    size += bytes;
  }
  yield batch;
}

/**
 * One encoding for the same entries in any order.
 * @throws {AgentError} exit 2 for what no dictionary takes.
 */
function contentOf({ entries }: LeafPublish): Uint8Array {
  const checked = new Map(
    entries.map(([key, value]) => [checkKey(key), checkValue(key, value)]),
  );
  return encodeCbor([...checked].sort(([a], [b]) => a < b ? -1 : 1));
}
