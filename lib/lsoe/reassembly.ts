/**
 * PDUs out of datagrams (spec/lsoe.md §3.4). Per interface and source one unfinished PDU, with a
 * slot for each datagram number; what does not become whole in time is thrown away.
 *
 * @module
 */
import { concat, readU16 } from "../wire/bytes.ts";
import type { Mac } from "../wire/mac.ts";
import { type Datagram, MAX_LENGTH } from "./datagram.ts";

/** What memory a slot takes beside its octets. */
const SLOT_OVERHEAD = 256;

/** Type and length of a PDU. */
const PDU_HEADER = 3;

/** Windows in ms, bounds in pieces and bytes. */
export interface ReassemblyOptions {
  /** `reassembly-timeout`: how long a datagram waits for the others. */
  readonly timeout: number;
  /** `reorder-window`: how long before the first datagram of a PDU others of it may come. */
  readonly reorderWindow: number;
  /** Unfinished PDUs; the one without a datagram for longest goes. Default: 4096. */
  readonly maxPartials?: number;
  /** Of all unfinished PDUs together, what holds them included. Default: 8 MiB. */
  readonly maxBytes?: number;
}

interface Slot {
  readonly last: boolean;
  readonly payload: Uint8Array;
  readonly arrived: number;
}

/** The datagrams of one sender that wait for others. */
interface Partial {
  readonly key: string;
  readonly interfaceIndex: number;
  /** By datagram number. */
  readonly slots: Map<number, Slot>;
  /** Octets of payload in the slots. */
  octets: number;
}

/** Collects datagrams until they are PDUs. Memory is bounded however many senders there are. */
export class Reassembly {
  readonly #timeout: number;
  readonly #sweepInterval: number;
  readonly #reorderWindow: number;
  readonly #maxPartials: number;
  readonly #maxBytes: number;
  /** In the order in which they last got a datagram. */
  readonly #partials = new Map<string, Partial>();
  #bytes = 0;
  #sweepAt = Infinity;

  constructor(options: ReassemblyOptions) {
    const { timeout, reorderWindow, maxPartials = 4_096, maxBytes = 8 * 1024 * 1024 } = options;
    if (!(maxPartials >= 1)) throw new RangeError(`reassembly of ${maxPartials} PDUs`);
    // One PDU of full length has to fit, in as many datagrams as there can be.
    if (!(maxBytes >= MAX_LENGTH + 128 * SLOT_OVERHEAD)) {
      throw new RangeError(`reassembly in ${maxBytes} bytes`);
    }
    this.#timeout = timeout;
    this.#sweepInterval = Math.max(1, timeout / 2);
    this.#reorderWindow = reorderWindow;
    this.#maxPartials = maxPartials;
    this.#maxBytes = maxBytes;
  }

  /** Unfinished PDUs. */
  get size(): number {
    return this.#partials.size;
  }

  /** What they take, about, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * A datagram came. Gives the PDU that it completes: a view of its payload where it is all of it,
   * else a new array. A datagram that has to wait is copied.
   */
  receive(
    now: number,
    interfaceIndex: number,
    source: Mac,
    datagram: Datagram,
  ): Uint8Array | undefined {
    const { last, number, payload } = datagram;
    if (last && number === 0) return payload;
    const key = `${interfaceIndex} ${source}`;
    let partial = this.#partials.get(key);
    if (partial) {
      // A new number 0 means that the sender started over.
      const window = number === 0 ? Math.min(this.#reorderWindow, this.#timeout) : this.#timeout;
      this.#expire(partial, now - window);
      this.#partials.delete(key);
    } else {
      partial = { key, interfaceIndex, slots: new Map(), octets: 0 };
    }
    // Back at the end of the order.
    this.#partials.set(key, partial);
    this.#put(partial, number, { last, payload: payload.slice(), arrived: now });
    if (partial.octets > MAX_LENGTH) {
      this.#drop(partial);
      return undefined;
    }
    const parts = wholeOf(partial.slots);
    if (parts) {
      this.#drop(partial);
      const pdu = concat(parts);
      return pdu.length >= PDU_HEADER && readU16(pdu, 1) === pdu.length ? pdu : undefined;
    }
    this.#makeRoom();
    this.#sweepAt = Math.min(this.#sweepAt, now + this.#sweepInterval);
    return undefined;
  }

  /** The session with this sender closed. */
  remove(interfaceIndex: number, source: Mac): void {
    const partial = this.#partials.get(`${interfaceIndex} ${source}`);
    if (partial) this.#drop(partial);
  }

  /** The interface went down, or is gone. */
  removeInterface(interfaceIndex: number): void {
    for (const partial of this.#partials.values()) {
      if (partial.interfaceIndex === interfaceIndex) this.#drop(partial);
    }
  }

  /** When to sweep next: half a timeout after something began to wait. */
  nextWake(): number {
    return this.#sweepAt;
  }

  /** Throws away what has waited too long. */
  wake(now: number): void {
    if (now < this.#sweepAt) return;
    for (const partial of this.#partials.values()) {
      this.#expire(partial, now - this.#timeout);
      if (partial.slots.size === 0) this.#drop(partial);
    }
    this.#sweepAt = this.#partials.size > 0 ? now + this.#sweepInterval : Infinity;
  }

  #put(partial: Partial, number: number, slot: Slot): void {
    this.#take(partial, number);
    partial.slots.set(number, slot);
    partial.octets += slot.payload.length;
    this.#bytes += slot.payload.length + SLOT_OVERHEAD;
  }

  #take(partial: Partial, number: number): void {
    const slot = partial.slots.get(number);
    if (!slot) return;
    partial.slots.delete(number);
    partial.octets -= slot.payload.length;
    this.#bytes -= slot.payload.length + SLOT_OVERHEAD;
  }

  /** Throws away its slots from before `oldest`. */
  #expire(partial: Partial, oldest: number): void {
    for (const [number, { arrived }] of partial.slots) {
      if (arrived < oldest) this.#take(partial, number);
    }
  }

  #drop(partial: Partial): void {
    this.#bytes -= partial.octets + partial.slots.size * SLOT_OVERHEAD;
    this.#partials.delete(partial.key);
    if (this.#partials.size === 0) this.#sweepAt = Infinity;
  }

  #makeRoom(): void {
    for (const oldest of this.#partials.values()) {
      if (this.#partials.size <= this.#maxPartials && this.#bytes <= this.#maxBytes) return;
      this.#drop(oldest);
    }
  }
}

/** The payloads from 0 to the highest that is last, where all are there and no other is last. */
function wholeOf(slots: ReadonlyMap<number, Slot>): Uint8Array[] | undefined {
  let end = -1;
  for (const [number, { last }] of slots) if (last && number > end) end = number;
  if (end < 0 || slots.size <= end) return undefined;
  const parts: Uint8Array[] = [];
  for (let number = 0; number <= end; number++) {
    const slot = slots.get(number);
    if (!slot || (slot.last && number < end)) return undefined;
    parts.push(slot.payload);
  }
  return parts;
}
