/**
 * The peer's direction of a link: which messages were accepted, and those that nobody has taken yet
 * (spec/piot.md §4 to §6).
 *
 * @module
 */
import { concat } from "../wire/bytes.ts";
import type { PiotStore } from "./api.ts";
import { type Bundle, Bundles } from "./bundles.ts";
import type { Epoch, Id } from "./fields.ts";
import type { FrameFields } from "./frame.ts";
import { decodeHeader } from "./header.ts";
import { keys, ordinalOf, receivedRecord, receivingRecord, recentRecord } from "./records.ts";
import { RECENT, SeenIds } from "./seen.ts";
import type { Totals } from "./totals.ts";
import type { Turn } from "./turn.ts";

/** A message that waits to be taken. */
export interface Received {
  readonly at: number;
  /** Where it is kept. */
  readonly bundle: Bundle;
  readonly id: Id;
  readonly header: Uint8Array;
  readonly body: Uint8Array;
  /** ms since 1970. */
  readonly received: number;
}

/** What a number means. */
export type Arrival = "next" | "again" | "gap";

/** The inbox of one link. Its changes go into the turn. */
export class Inbox {
  readonly #link: number;
  readonly #turn: Turn;
  readonly #bundles: Bundles<Pick<Received, "id" | "header" | "body" | "received">>;
  readonly #totals: Totals;
  readonly #messages = new Map<number, Received>();
  /** Of the first message with an id. */
  readonly #places = new Map<Id, number>();
  readonly #recent = new Map<Id, number>();
  readonly #seen = new SeenIds();
  /** Place of the next id in the list of the last ones. */
  #slot = 1;
  #next = 1;
  #bytes = 0;
  #epoch: Epoch | null = null;
  #seq = 0;

  constructor(link: number, turn: Turn, totals: Totals) {
    this.#link = link;
    this.#turn = turn;
    this.#bundles = new Bundles(turn, receivedRecord, keys.inbox(link));
    this.#totals = totals;
  }

  /** What the store knows of it. @throws {WireError} where that is damaged. */
  load(store: PiotStore): void {
    for (const [key, value] of store.scan(keys.receiving(this.#link))) {
      if (key !== keys.receiving(this.#link)) continue;
      const { epoch, seq, ...seen } = receivingRecord.decode(value);
      this.#epoch = epoch;
      this.#seq = seq;
      this.#seen.load(seen);
    }
    for (const [key, value] of store.scan(keys.recents(this.#link))) {
      this.#recent.set(recentRecord.decode(value).id, ordinalOf(key));
    }
    this.#slot = Math.max(0, ...this.#recent.values()) + 1;
    for (const { at, bundle, value } of this.#bundles.load(store)) {
      // Damage is found here or never: lists of messages must not stumble over it later.
      decodeHeader(value.header);
      this.#keep({ at, bundle, ...value });
      this.#next = Math.max(this.#next, at + 1, bundle.first + bundle.size);
    }
  }

  get epoch(): Epoch | null {
    return this.#epoch;
  }
  /** Highest number that was accepted; all below are too. */
  get seq(): number {
    return this.#seq;
  }
  get size(): number {
    return this.#messages.size;
  }
  get bytes(): number {
    return this.#bytes;
  }

  /** In the order in which they came. */
  messages(): Iterable<Received> {
    return this.#messages.values();
  }

  /** The peer begins its direction anew (§5). */
  restart(epoch: Epoch, clean: boolean): void {
    this.#epoch = epoch;
    this.#seq = 0;
    if (clean) {
      for (const slot of this.#recent.values()) this.#turn.remove(keys.recent(this.#link, slot));
      this.#recent.clear();
      this.#seen.clear();
    }
    this.#writeState();
  }

  arrival(seq: number): Arrival {
    if (seq <= this.#seq) return "again";
    return seq === this.#seq + 1 ? "next" : "gap";
  }

  /** Whether this message was accepted under another number. */
  knows(id: Id, ordered: boolean): boolean {
    return (ordered ? this.#seen.knows(id) : undefined) ?? this.#recent.has(id);
  }

  /** The next number is used up, and nothing comes of it. */
  skip(): void {
    this.#seq++;
    this.#writeState();
  }

  /** Takes the message with the next number, which others keep. */
  note(message: FrameFields<"msg">, ordered: boolean): void {
    this.#remember(message.id, ordered);
    this.skip();
  }

  /** Takes the message with the next number, and keeps it. */
  accept(message: FrameFields<"msg">, ordered: boolean, wall: number): Received {
    this.note(message, ordered);
    const at = this.#next++;
    const { id } = message;
    // Views of the input, of which nothing else is to be kept: one array for both.
    const both = concat([message.header, message.body]);
    const header = both.subarray(0, message.header.length);
    const body = both.subarray(message.header.length);
    const bundle = this.#bundles.add(at, { id, header, body, received: wall });
    const received: Received = { at, bundle, id, header, body, received: wall };
    this.#keep(received);
    return received;
  }

  /** Somebody has taken it. Whether it was there. */
  take(id: Id): boolean {
    const place = this.#places.get(id);
    // A peer that lost its store may have sent the same twice.
    const message = place === undefined
      ? this.#messages.values().find((one) => one.id === id)
      : this.#messages.get(place);
    if (!message) return false;
    this.#places.delete(id);
    this.#messages.delete(message.at);
    this.#count(message, -1);
    this.#bundles.remove(message.bundle, message.at);
    return true;
  }

  /** Forgets all messages; what the store has of them is removed by the caller. */
  clear(): void {
    for (const message of this.#messages.values()) this.#count(message, -1);
    this.#messages.clear();
    this.#places.clear();
    this.#bundles.clear();
  }

  #keep(message: Received): void {
    this.#messages.set(message.at, message);
    if (!this.#places.has(message.id)) this.#places.set(message.id, message.at);
    this.#count(message, 1);
  }

  #count({ header, body }: Received, sign: 1 | -1): void {
    const size = header.length + body.length;
    this.#bytes += sign * size;
    this.#totals.inboxBytes += sign * size;
    this.#totals.inboxMessages += sign;
  }

  #remember(id: Id, ordered: boolean): void {
    if (ordered && this.#seen.knows(id) !== undefined) return this.#seen.add(id);
    const slot = this.#slot++;
    this.#recent.set(id, slot);
    this.#turn.put(keys.recent(this.#link, slot), recentRecord.encode({ id }));
    if (this.#recent.size <= RECENT) return;
    const [oldest] = this.#recent;
    if (oldest === undefined) return;
    this.#recent.delete(oldest[0]);
    this.#turn.remove(keys.recent(this.#link, oldest[1]));
  }

  #writeState(): void {
    if (this.#epoch === null) return;
    this.#turn.putLast(keys.receiving(this.#link), this.#encodeState);
  }

  readonly #encodeState = () =>
    receivingRecord.encode({
      epoch: this.#epoch ?? "",
      seq: this.#seq,
      ...this.#seen.save(),
    });
}
