/**
 * The future of a simulated world: a binary heap of events, ordered by time and, within one moment,
 * by the order in which they were scheduled. That second rule is what makes a run repeatable.
 *
 * @module
 */

/** Something that will happen. It must not call into a machine other than from `fire`. */
export interface SimEvent {
  /** `now` is the virtual time for which the event was scheduled. */
  fire(now: number): void;
}

/** Events by time. Times and orders stand in typed arrays of their own: comparing chases no pointer. */
export class EventQueue {
  #times = new Float64Array(1024);
  #orders = new Float64Array(1024);
  readonly #events: SimEvent[] = [];
  #length = 0;
  #scheduled = 0;

  get length(): number {
    return this.#length;
  }

  /** Events ever scheduled. */
  get scheduled(): number {
    return this.#scheduled;
  }

  /** When the earliest event is due; `Infinity` where none is left. */
  get nextTime(): number {
    return this.#length === 0 ? Infinity : this.#times[0] as number;
  }

  push(time: number, event: SimEvent): void {
    if (this.#length === this.#times.length) this.#grow();
    const order = this.#scheduled++;
    const times = this.#times;
    const orders = this.#orders;
    const events = this.#events;
    let at = this.#length++;
    // A new event has the highest order, so only a strictly later parent moves down.
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if ((times[parent] as number) <= time) break;
      times[at] = times[parent] as number;
      orders[at] = orders[parent] as number;
      events[at] = events[parent] as SimEvent;
      at = parent;
    }
    times[at] = time;
    orders[at] = order;
    events[at] = event;
  }

  /** Take the earliest event. */
  pop(): SimEvent {
    if (this.#length === 0) throw new RangeError("no event is left");
    const first = this.#events[0] as SimEvent;
    const last = --this.#length;
    const event = this.#events[last] as SimEvent;
    this.#events.length = last;
    if (last > 0) this.#sink(this.#times[last] as number, this.#orders[last] as number, event);
    return first;
  }

  #sink(time: number, order: number, event: SimEvent): void {
    const times = this.#times;
    const orders = this.#orders;
    const events = this.#events;
    const length = this.#length;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= length) break;
      const right = child + 1;
      if (right < length && before(times, orders, right, child)) child = right;
      const childTime = times[child] as number;
      if (childTime > time || (childTime === time && (orders[child] as number) > order)) break;
      times[at] = childTime;
      orders[at] = orders[child] as number;
      events[at] = events[child] as SimEvent;
      at = child;
    }
    times[at] = time;
    orders[at] = order;
    events[at] = event;
  }

  #grow(): void {
    const times = new Float64Array(this.#times.length * 2);
    times.set(this.#times);
    this.#times = times;
    const orders = new Float64Array(times.length);
    orders.set(this.#orders);
    this.#orders = orders;
  }
}

function before(times: Float64Array, orders: Float64Array, a: number, b: number): boolean {
  const difference = (times[a] as number) - (times[b] as number);
  return difference < 0 || (difference === 0 && (orders[a] as number) < (orders[b] as number));
}
