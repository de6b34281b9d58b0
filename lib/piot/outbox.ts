/**
 * Our direction of a link: messages in order, from `send` until they are confirmed or dropped
 * (spec/piot.md §4 to §7).
 *
 * @module
 */
import type { DropReason } from "./api.ts";
import { type Bundle, Bundles } from "./bundles.ts";
import type { Epoch, Id } from "./fields.ts";
import { fnv1a } from "./fnv.ts";
import type { FrameFields } from "./frame.ts";
import { decodeHeader, encodeHeader, MessageKind, TOMBSTONE_ID } from "./header.ts";
import { decodeNumbers, encodeNumbers } from "./numbers.ts";
import { Queue } from "./queue.ts";
import { entryRecord, keys, sendingRecord } from "./records.ts";
import type { PiotStore } from "./api.ts";
import { orderedId } from "./seen.ts";
import type { Totals } from "./totals.ts";
import type { Turn } from "./turn.ts";

/** Unconfirmed messages at a time (§6): one is always allowed. */
export const WINDOW_ENTRIES = 64;
/**
 * The feature of HELLO by which a node says that more messages than the specification's 64 may be on
 * their way to it: while both sides write to their disks, messages still flow.
 */
export const WIDE_WINDOW = "wide-window";
/** To such a peer; what has a number cannot give way to newer messages, so it stays a part of all. */
const WIDEST = 2_048;
const WIDE_PART = 4;
export const WINDOW_BYTES = 4 * 1_048_576;
/** Wrong confirmations of one message until it is given up. */
const MISMATCHES = 3;

const TOMBSTONE_HEADER = encodeHeader({ kind: MessageKind.Tombstone });
const NO_BYTES = new Uint8Array(0);

/** A message on its way. Header and body never change, so a repetition is identical. */
export interface Entry {
  /** Its place in the order of this link. */
  readonly at: number;
  readonly id: Id;
  readonly header: Uint8Array;
  readonly body: Uint8Array;
  /** Steady time (`steady.ts`). */
  created: number;
  expires: number;
  /** Where it is kept. */
  readonly bundle: Bundle;
  /** Given at the first transmission. */
  seq: number | undefined;
  mismatches: number;
}

/** What makes a message. Header and body are the outbox's from then on. */
export type Content = Pick<Entry, "header" | "body" | "created" | "expires">;

/** What a number stands for on the wire: its message, or nothing any more. */
export interface Numbered {
  readonly seq: number;
  readonly id: Id;
  readonly header: Uint8Array;
  readonly body: Uint8Array;
}

/** What a confirmation meant. */
export type Confirmed = "unknown" | "confirmed" | "refused" | "mismatch" | "corrupt" | "tombstone";

/** How our direction goes on (§5). */
export const Outcome = { Continue: 0, Renumber: 1, Clean: 2 } as const;
export type Outcome = typeof Outcome[keyof typeof Outcome];

/** The outbox of one link. Its changes go into the turn. */
export class Outbox {
  readonly #link: number;
  readonly #turn: Turn;
  readonly #bundles: Bundles<Content & { readonly id: Id }>;
  readonly #totals: Totals;
  /** With a number, in its order; a tombstone has no entry any more. */
  readonly #sent = new Map<number, Entry | undefined>();
  /** Without, in order. */
  readonly #held = new Queue<Entry>();
  #epoch: Epoch;
  #lastSeq = 0;
  /** Place of the next entry. */
  #next = 1;
  /** First half of the ids of this start, and the count of the last one (`ORDERED_IDS`). */
  readonly #origin: Epoch;
  #lastId = 0;
  #bytes = 0;
  #messages = 0;
  /** No held entry expires before. */
  #expiresFrom = 0;
  /** The next number to transmit in this session. */
  #cursor = 1;
  #window = WINDOW_ENTRIES;
  #flying = 0;
  #flyingBytes = 0;

  /** @param newEpoch gives one that was never used. */
  constructor(link: number, turn: Turn, newEpoch: () => Epoch, totals: Totals) {
    this.#link = link;
    this.#turn = turn;
    this.#bundles = new Bundles(turn, entryRecord, keys.outbox(link));
    this.#totals = totals;
    this.#epoch = newEpoch();
    this.#origin = newEpoch();
  }

  /** What the store knows of it. @throws {WireError} where that is damaged. */
  load(store: PiotStore): void {
    let numbers: ReadonlyMap<number, number> = new Map();
    for (const [key, value] of store.scan(keys.sending(this.#link))) {
      if (key !== keys.sending(this.#link)) continue;
      const { epoch, lastSeq, sent, runs } = sendingRecord.decode(value);
      this.#epoch = epoch;
      this.#lastSeq = lastSeq;
      numbers = decodeNumbers(runs, sent);
      // They may have left meanwhile; no other entry may take their places.
      for (const at of numbers.keys()) this.#next = Math.max(this.#next, at + 1);
    }
    for (const { at, bundle, value } of this.#bundles.load(store)) {
      const seq = numbers.get(at);
      // As in the inbox: damage is found at the start.
      decodeHeader(value.header);
      const entry: Entry = { ...value, at, bundle, seq, mismatches: 0 };
      if (seq === undefined) this.#held.push(entry);
      else this.#sent.set(seq, entry);
      this.#count(entry, 1);
      this.#next = Math.max(this.#next, at + 1, bundle.first + bundle.size);
    }
  }

  get epoch(): Epoch {
    return this.#epoch;
  }
  get lastSeq(): number {
    return this.#lastSeq;
  }
  /** Messages in it. */
  get size(): number {
    return this.#messages;
  }
  /** Octets of their headers and bodies. */
  get bytes(): number {
    return this.#bytes;
  }
  get held(): number {
    return this.#held.size;
  }
  /** Whether something was transmitted in this session and not confirmed. */
  get isFlying(): boolean {
    return this.#flying > 0;
  }

  /** In order. */
  *entries(): Iterable<Entry> {
    for (const entry of this.#sent.values()) if (entry) yield entry;
    yield* this.#held;
  }

  /** Appends a message; its id. One that waited on another link keeps the id that it has. */
  append({ header, body, created, expires }: Content, kept?: Id): Id {
    const id = kept ?? orderedId(this.#origin, ++this.#lastId);
    const at = this.#next++;
    const bundle = this.#bundles.add(at, { id, header, body, created, expires });
    const entry: Entry = {
      at,
      id,
      header,
      body,
      created,
      expires,
      bundle,
      seq: undefined,
      mismatches: 0,
    };
    this.#held.push(entry);
    this.#expiresFrom = Math.min(this.#expiresFrom, entry.expires);
    this.#count(entry, 1);
    return id;
  }

  /** When the newest was accepted. */
  get newest(): number | undefined {
    let newest: Entry | undefined;
    for (const entry of this.entries()) newest = entry;
    return newest?.created;
  }

  /**
   * It is `at`, after a restart. What seems to come from the future has been held for less time than
   * is known, and never has more left than it was given.
   */
  noneLaterThan(at: number): void {
    for (const entry of this.entries()) {
      const ahead = Math.max(0, entry.created - at);
      entry.created -= ahead;
      entry.expires -= ahead;
    }
    this.#expiresFrom = 0;
  }

  /** Drops the oldest message that has no number; `undefined` where all have one. */
  dropOldest(): Entry | undefined {
    const oldest = this.#held.first;
    if (oldest) this.#removeHeld(oldest);
    return oldest;
  }

  /** Drops held messages whose time is over at the steady time `at`. */
  expire(at: number): Entry[] {
    if (at < this.#expiresFrom) return [];
    const expired: Entry[] = [];
    this.#expiresFrom = Infinity;
    for (const entry of this.#held) {
      if (entry.expires <= at) expired.push(entry);
      else this.#expiresFrom = Math.min(this.#expiresFrom, entry.expires);
    }
    for (const entry of expired) this.#removeHeld(entry);
    return expired;
  }

  /**
   * A new session begins: what the peer's RESUME means for our direction (§5).
   *
   * @param at steady time.
   * @param newEpoch taken where our direction begins anew.
   */
  resume(
    peer: Pick<FrameFields<"resume">, "rxEpoch" | "rxSeq">,
    inherit: boolean,
    at: number,
    newEpoch: Epoch,
  ): { outcome: Outcome; firstSeq: number; confirmed: Id[]; dropped: [Id, DropReason][] } {
    const confirmed: Id[] = [];
    const dropped: [Id, DropReason][] = [];
    this.#flying = 0;
    this.#flyingBytes = 0;
    let outcome: Outcome = Outcome.Clean;
    if (inherit) {
      outcome = this.#continues(peer) ? Outcome.Continue : Outcome.Renumber;
    }
    if (outcome === Outcome.Continue) {
      for (const [seq, entry] of this.#sent) {
        if (seq > peer.rxSeq) break;
        if (entry) confirmed.push(entry.id);
        this.#removeSent(seq);
      }
      for (const [seq, entry] of this.#sent) {
        if (!entry || entry.expires > at) continue;
        dropped.push([entry.id, "expired"]);
        this.#bury(seq, entry);
      }
      this.#cursor = peer.rxSeq + 1;
    } else {
      const all = [...this.entries()];
      this.#sent.clear();
      this.#held.clear();
      this.#expiresFrom = 0;
      this.#epoch = newEpoch;
      this.#lastSeq = 0;
      this.#cursor = 1;
      for (const entry of all) {
        entry.seq = undefined;
        this.#held.push(entry);
        if (outcome === Outcome.Clean) {
          dropped.push([entry.id, "clean-slate"]);
          this.#removeHeld(entry);
        }
      }
      this.#writeState();
    }
    for (const { id } of this.expire(at)) dropped.push([id, "expired"]);
    return { outcome, firstSeq: this.#cursor, confirmed, dropped };
  }

  /** Whether every number that the peer misses is still there. */
  #continues({ rxEpoch, rxSeq }: Pick<FrameFields<"resume">, "rxEpoch" | "rxSeq">): boolean {
    if (rxEpoch !== this.#epoch || rxSeq > this.#lastSeq) return false;
    for (let seq = this.#lastSeq; seq > rxSeq; seq--) if (!this.#sent.has(seq)) return false;
    return true;
  }

  /** A session begins. `wide`: the peer takes a {@linkcode WIDE_WINDOW}; `room`: entries that we hold. */
  openWindow(wide: boolean, room: number): void {
    const most = Math.min(WIDEST, Math.floor(room / WIDE_PART));
    this.#window = wide ? Math.max(WINDOW_ENTRIES, most) : WINDOW_ENTRIES;
  }

  /** The next message that the window lets through; it has its number then. */
  transmit(): Numbered | undefined {
    if (this.#flying >= this.#window) return undefined;
    const repeated = this.#cursor <= this.#lastSeq;
    const entry = repeated ? this.#sent.get(this.#cursor) : this.#held.first;
    if (!repeated && entry === undefined) return undefined;
    const size = sizeOf(entry);
    if (this.#flying > 0 && this.#flyingBytes + size > WINDOW_BYTES) return undefined;
    if (entry && !repeated) this.#number(entry);
    const seq = this.#cursor++;
    this.#flying++;
    this.#flyingBytes += size;
    return entry
      ? { seq, id: entry.id, header: entry.header, body: entry.body }
      : { seq, id: TOMBSTONE_ID, header: TOMBSTONE_HEADER, body: NO_BYTES };
  }

  /** The entry that would be transmitted next for the first time, where there is one. */
  get nextHeld(): Entry | undefined {
    return this.#held.first;
  }

  /** Drops a held message for a reason of the caller's. */
  drop(entry: Entry): void {
    this.#removeHeld(entry);
  }

  /** Takes a message back that has no number. Whether it was there. */
  withdraw(id: Id): boolean {
    for (const entry of this.#held) {
      if (entry.id !== id) continue;
      this.#removeHeld(entry);
      return true;
    }
    return false;
  }

  /** A confirmation of the peer. */
  confirm(frame: FrameFields<"confirm">): { result: Confirmed; id: Id } {
    const { seq } = frame;
    if (seq >= this.#cursor || !this.#sent.has(seq)) return { result: "unknown", id: frame.id };
    const entry = this.#sent.get(seq);
    if (!entry) {
      this.#landed(seq, undefined);
      return { result: "tombstone", id: frame.id };
    }
    const matches = frame.id === entry.id && frame.length === sizeOf(entry) &&
      frame.hash === fnv1a(entry.body, fnv1a(entry.header));
    if (!matches) {
      entry.mismatches++;
      if (entry.mismatches < MISMATCHES) return { result: "mismatch", id: entry.id };
      this.#bury(seq, entry);
      return { result: "corrupt", id: entry.id };
    }
    this.#landed(seq, entry);
    return { result: frame.status === 2 ? "refused" : "confirmed", id: entry.id };
  }

  /** Everything goes. */
  clear(): Entry[] {
    const all = [...this.entries()];
    for (const entry of all) {
      this.#removeRecords(entry);
      this.#count(entry, -1);
    }
    this.#sent.clear();
    this.#held.clear();
    this.#flying = 0;
    this.#flyingBytes = 0;
    return all;
  }

  #number(entry: Entry): void {
    this.#held.delete(entry);
    entry.seq = ++this.#lastSeq;
    this.#sent.set(entry.seq, entry);
    this.#writeState();
  }

  /** Its number stays, its message is gone (§7). */
  #bury(seq: number, entry: Entry): void {
    this.#removeRecords(entry);
    this.#count(entry, -1);
    this.#sent.set(seq, undefined);
  }

  #landed(seq: number, entry: Entry | undefined): void {
    this.#flying--;
    this.#flyingBytes -= sizeOf(entry);
    this.#removeSent(seq);
  }

  #removeSent(seq: number): void {
    const entry = this.#sent.get(seq);
    this.#sent.delete(seq);
    if (!entry) return;
    this.#bundles.remove(entry.bundle, entry.at, true);
    this.#count(entry, -1);
  }

  #removeHeld(entry: Entry): void {
    this.#held.delete(entry);
    this.#removeRecords(entry);
    this.#count(entry, -1);
  }

  #removeRecords({ bundle, at }: Entry): void {
    this.#bundles.remove(bundle, at);
  }

  #count(entry: Entry, sign: 1 | -1): void {
    this.#messages += sign;
    this.#bytes += sign * sizeOf(entry);
    this.#totals.outboxMessages += sign;
    this.#totals.outboxBytes += sign * sizeOf(entry);
  }

  #writeState(): void {
    this.#turn.putLast(keys.sending(this.#link), this.#encodeState);
  }

  /** All numbers in one record: an entry is not written again when it gets its number. */
  readonly #encodeState = () =>
    sendingRecord.encode({
      epoch: this.#epoch,
      lastSeq: this.#lastSeq,
      runs: encodeNumbers(this.#sent),
    });
}

function sizeOf(entry: Pick<Entry, "header" | "body"> | undefined): number {
  return entry ? entry.header.length + entry.body.length : TOMBSTONE_HEADER.length;
}
