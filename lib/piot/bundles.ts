/**
 * Records of a box, in the order of their places: what one turn adds is one row of the store, a
 * *bundle*, and what leaves is noted in a small row beside it until all of it has left.
 *
 * A row costs the store many times what the octets in it do, and most messages come and go together.
 *
 * @module
 */
import { ByteWriter } from "../wire/bytes.ts";
import type { PiotStore } from "./api.ts";
import { type BundleKeys, goneRecord, ordinalOf, type RecordType } from "./records.ts";
import type { Turn } from "./turn.ts";

/**
 * A bundle takes no more records once it has so many, or so many octets: its row stays whole until
 * the last of them has left, however small that one is.
 */
const MOST_RECORDS = 64;
const MOST_BYTES = 8_192;

/** Some records, side by side. */
export class Bundle {
  readonly first: number;
  /** Records that are in its row, and those of them that have not left. */
  size = 0;
  left = 0;
  /** Distances of those that have, from the first. */
  readonly gone: number[] = [];
  /** Whether the store may have a note of it. */
  noted = false;

  constructor(first: number) {
    this.first = first;
  }
}

/** The bundles of one box. Their changes go into the turn. */
export class Bundles<T> {
  readonly #turn: Turn;
  readonly #type: RecordType<T>;
  readonly #keys: BundleKeys;
  /** The one that this turn adds to, and its row so far. */
  #open: Bundle | undefined;
  #writer = new ByteWriter(0);

  constructor(turn: Turn, type: RecordType<T>, keys: BundleKeys) {
    this.#turn = turn;
    this.#type = type;
    this.#keys = keys;
  }

  /** What the store has, in order. @throws {WireError} where it is damaged. */
  *load(store: PiotStore): Iterable<{ at: number; bundle: Bundle; value: T }> {
    const notes = new Map<number, readonly number[]>();
    for (const [key, value] of store.scan(this.#keys.notes)) {
      notes.set(ordinalOf(key), goneRecord.decode(value).gone);
    }
    for (const [key, row] of store.scan(this.#keys.rows)) {
      const bundle = new Bundle(ordinalOf(key));
      const values = this.#type.decodeAll(row);
      const note = notes.get(bundle.first);
      const gone = new Set(note);
      bundle.noted = note !== undefined;
      bundle.size = values.length;
      values.forEach((_, i) => gone.has(i) ? bundle.gone.push(i) : bundle.left++);
      for (const [i, value] of values.entries()) {
        if (!gone.has(i)) yield { at: bundle.first + i, bundle, value };
      }
    }
  }

  /** Adds a record. Within a turn, its place is behind that of the one before. */
  add(at: number, value: T): Bundle {
    let bundle = this.#open;
    const isFull = bundle && (bundle.size >= MOST_RECORDS || this.#writer.length >= MOST_BYTES);
    if (!bundle || isFull || at !== bundle.first + bundle.size) bundle = this.#begin(at);
    this.#type.write(this.#writer, value);
    bundle.size++;
    bundle.left++;
    return bundle;
  }

  /** A record leaves. `later`: that need not be written before something else is. */
  remove(bundle: Bundle, at: number, later = false): void {
    bundle.left--;
    bundle.gone.push(at - bundle.first);
    const row = this.#keys.row(bundle.first);
    const note = this.#keys.note(bundle.first);
    if (bundle.left > 0) {
      bundle.noted = true;
      const encode = () => goneRecord.encode({ gone: bundle.gone });
      if (later) this.#turn.putLater(note, encode);
      else this.#turn.putLast(note, encode);
      return;
    }
    // What comes later in this turn must not go into a row that is not written.
    if (this.#open === bundle) this.#open = undefined;
    for (const key of bundle.noted ? [row, note] : [row]) {
      if (later) this.#turn.removeLater(key);
      else this.#turn.remove(key);
    }
  }

  /** What this turn adds goes; rows that are in the store are removed by the caller. */
  clear(): void {
    if (this.#open) this.#turn.remove(this.#keys.row(this.#open.first));
    this.#open = undefined;
  }

  #begin(at: number): Bundle {
    const bundle = new Bundle(at);
    const writer = new ByteWriter(256);
    this.#open = bundle;
    this.#writer = writer;
    this.#turn.putLast(this.#keys.row(at), () => {
      if (this.#open === bundle) this.#open = undefined;
      return writer.finish();
    });
    return bundle;
  }
}
