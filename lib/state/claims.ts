/**
 * Several holders may claim one key. The claim written last is the one that shows; when it goes, the
 * one beneath shows again. But a guest's never hides another value of anybody who is no guest.
 *
 * @module
 */
import { StateRefusal } from "./budget.ts";
import type { StateCodec } from "./codec.ts";
import { type Entry, entryEqual, jsonEqual, quote, type Value } from "./entry.ts";
import type { Changes, Holder } from "./holders.ts";

/**
 * All claims by key. Sizes are those of the largest claim of each key: whichever claims go and
 * whichever show instead, the encoding of what shows is never larger than that.
 */
export class Claims {
  readonly #codec: StateCodec;
  /** Per key, the claim that shows last. */
  readonly #stacks = new Map<string, Holder[]>();

  constructor(codec: StateCodec) {
    this.#codec = codec;
  }

  /** Keys that anybody holds. */
  keys(): IterableIterator<string> {
    return this.#stacks.keys();
  }

  /** The entry that shows, and who holds it. */
  top(key: string): { holder: Holder; entry: Entry } | undefined {
    const holder = this.#stacks.get(key)?.at(-1);
    const entry = holder?.entries.get(key);
    return holder && entry && { holder, entry };
  }

  /**
   * The entry that a write makes. Where the value is what shows already, its time stays: nothing
   * changed for those who look.
   */
  entryFor(key: string, value: Value, at: number): Entry {
    const visible = this.top(key)?.entry;
    return visible !== undefined && jsonEqual(visible.value, value) ? visible : { key, value, at };
  }

  /**
   * Whether a guest may hold these entries. The same value twice is no conflict: an entry that several
   * supply shows until the last of them is gone (`spec/dncp.md` §16.4, rule 7).
   * @throws {StateRefusal} where one would hide what somebody other than a guest holds.
   */
  checkGuest(entries: Changes): void {
    for (const [key, entry] of entries) {
      for (const { source, entries: held } of this.#stacks.get(key) ?? []) {
        if (source === "guest" || entry === undefined) continue;
        if (jsonEqual((held.get(key) as Entry).value, entry.value)) continue;
        throw new StateRefusal(
          `${quote(key)} is set on this node itself, and a guest cannot change that; ` +
            "take another key, or another node",
          "not-allowed",
        );
      }
    }
  }

  /** How many bytes the sum of sizes would grow by; negative where it would shrink. */
  growth(holder: Holder, changes: Changes): number {
    let growth = 0;
    for (const [key, entry] of changes) {
      let before = 0;
      let after = entry === undefined ? 0 : this.#codec.sizeOf(entry);
      for (const other of this.#stacks.get(key) ?? []) {
        const size = this.#codec.sizeOf(other.entries.get(key) as Entry);
        before = Math.max(before, size);
        if (other !== holder) after = Math.max(after, size);
      }
      growth += after - before;
    }
    return growth;
  }

  /** Write. True where something else shows now. */
  apply(holder: Holder, changes: Changes): boolean {
    let changed = false;
    for (const [key, entry] of changes) {
      const before = this.top(key)?.entry;
      const stack = (this.#stacks.get(key) ?? []).filter((other) => other !== holder);
      if (entry === undefined) holder.entries.delete(key);
      else {
        holder.entries.set(key, entry);
        stack.push(holder);
      }
      if (stack.length > 0) this.#stacks.set(key, stack);
      else this.#stacks.delete(key);
      if (!entryEqual(before, this.top(key)?.entry)) changed = true;
    }
    return changed;
  }

  /** All that shows. */
  *visible(): IterableIterator<Entry> {
    for (const key of this.#stacks.keys()) yield this.top(key)?.entry as Entry;
  }
}
