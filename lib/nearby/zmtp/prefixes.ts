/**
 * Sets of prefixes, and whether a topic begins with one of them (`spec/networkzero.md §7.5`).
 *
 * @module
 */

/** Octets as text with one character for each, so that they can be keys. */
export function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i++) text += String.fromCharCode(bytes[i] as number);
  return text;
}

/** Prefixes as {@linkcode latin1} text. */
export class PrefixSet {
  /** By length, so that a look costs the number of different lengths, not of prefixes. */
  readonly #byLength = new Map<number, Set<string>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Whether it is new. */
  add(prefix: string): boolean {
    let same = this.#byLength.get(prefix.length);
    if (!same) this.#byLength.set(prefix.length, same = new Set());
    if (same.has(prefix)) return false;
    same.add(prefix);
    this.#size++;
    return true;
  }

  /** Whether it was there. */
  delete(prefix: string): boolean {
    const same = this.#byLength.get(prefix.length);
    if (!same?.delete(prefix)) return false;
    if (same.size === 0) this.#byLength.delete(prefix.length);
    this.#size--;
    return true;
  }

  /** Whether the topic, as {@linkcode latin1} text, begins with any of them. */
  match(topic: string): boolean {
    for (const [length, same] of this.#byLength) {
      if (length === 0) return true;
      if (length <= topic.length && same.has(topic.slice(0, length))) return true;
    }
    return false;
  }
}
