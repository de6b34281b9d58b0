/**
 * Entries in the order of their places: the first is found at once, however many there are and were.
 *
 * @module
 */

/** So many places in front may be empty until they are given up. */
const SPARE = 1_024;

/** A queue whose elements can also leave from the middle. */
export class Queue<T extends { readonly at: number }> {
  #all: (T | undefined)[] = [];
  #head = 0;

  get size(): number {
    return this.#all.length - this.#head;
  }

  get first(): T | undefined {
    return this.#all[this.#head];
  }

  /** Appends; its place is behind all others. */
  push(element: T): void {
    this.#all.push(element);
  }

  /** Removes an element. Whether it was there. */
  delete({ at }: T): boolean {
    let low = this.#head;
    let high = this.#all.length;
    if (this.first?.at === at) {
      this.#all[this.#head++] = undefined;
      if (this.#head >= SPARE && this.#head * 2 > this.#all.length) {
        this.#all.splice(0, this.#head);
        this.#head = 0;
      }
      return true;
    }
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#all[middle] as T).at < at) low = middle + 1;
      else high = middle;
    }
    if (this.#all[low]?.at !== at) return false;
    this.#all.splice(low, 1);
    return true;
  }

  clear(): void {
    this.#all = [];
    this.#head = 0;
  }

  /** In order; nothing may be removed meanwhile. */
  *[Symbol.iterator](): Iterator<T> {
    for (let i = this.#head; i < this.#all.length; i++) yield this.#all[i] as T;
  }
}
