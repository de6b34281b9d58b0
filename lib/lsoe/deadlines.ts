/**
 * Who wants to be woken when: a binary heap in which an item's time can be changed. So finding the
 * earliest of hundreds of sessions costs nothing, and moving one costs a few steps.
 *
 * @module
 */

/** What can stand in it. */
export interface Timed {
  /** Of two that are due at the same time, the lower goes first. */
  readonly id: number;
}

/** Items by the time at which they are due. An item stands in it at most once. */
export class Deadlines<T extends Timed> {
  readonly #items: T[] = [];
  readonly #times: number[] = [];
  readonly #places = new Map<T, number>();

  /** The earliest time; `Infinity` where there is none. */
  get next(): number {
    return this.#times[0] ?? Infinity;
  }

  get size(): number {
    return this.#items.length;
  }

  /** An item that is due at `now`: the earliest. It stays in. */
  due(now: number): T | undefined {
    return this.next <= now ? this.#items[0] : undefined;
  }

  /** Put it in, or move it. `Infinity`: it wants nothing, and is taken out. */
  set(item: T, time: number): void {
    if (time === Infinity) return this.delete(item);
    let place = this.#places.get(item);
    if (place === undefined) place = this.#items.length;
    else if (this.#times[place] === time) return;
    this.#put(place, item, time);
    this.#settle(place);
  }

  delete(item: T): void {
    const place = this.#places.get(item);
    if (place === undefined) return;
    this.#places.delete(item);
    const last = this.#items.pop() as T;
    const time = this.#times.pop() as number;
    if (last === item) return;
    this.#put(place, last, time);
    this.#settle(place);
  }

  #put(place: number, item: T, time: number): void {
    this.#items[place] = item;
    this.#times[place] = time;
    this.#places.set(item, place);
  }

  /** Move what stands at `place` up or down to where it belongs. */
  #settle(place: number): void {
    for (let at = place; at > 0;) {
      const parent = (at - 1) >>> 1;
      if (!this.#before(at, parent)) break;
      this.#swap(at, parent);
      at = parent;
    }
    for (let at = place;;) {
      const left = 2 * at + 1;
      if (left >= this.#items.length) return;
      const right = left + 1;
      const child = right < this.#items.length && this.#before(right, left) ? right : left;
      if (!this.#before(child, at)) return;
      this.#swap(at, child);
      at = child;
    }
  }

  #before(a: number, b: number): boolean {
    const difference = (this.#times[a] as number) - (this.#times[b] as number);
    return difference < 0 ||
      (difference === 0 && (this.#items[a] as T).id < (this.#items[b] as T).id);
  }

  #swap(a: number, b: number): void {
    const item = this.#items[a] as T;
    const time = this.#times[a] as number;
    this.#put(a, this.#items[b] as T, this.#times[b] as number);
    this.#put(b, item, time);
  }
}
