/**
 * The replay window: which authenticated messages of a sender were seen before (after RFC 4303
 * §3.4.3 and RFC 6479, with a boot epoch in front of the counter).
 *
 * @module
 */

/** How far behind the newest counter a message may come and still be taken. */
const WINDOW = 256;
const WORDS = WINDOW / 32;

/** What is remembered of one sender. */
interface Seen {
  epoch: number;
  /** The highest counter taken in this epoch. */
  highest: number;
  /** One bit for each of the last {@linkcode WINDOW} counters, at its counter modulo the window. */
  readonly bits: Uint32Array;
}

/**
 * Refuses messages that were taken before. Ask it only about messages whose seal was right: what
 * it is told, it believes.
 *
 * It knows at most `maxSenders`; beyond that, the one not heard for the longest is forgotten, and
 * an old message of that one would be taken once more.
 */
export class ReplayGuard {
  readonly #maxSenders: number;
  /** In the order in which senders were last heard. */
  readonly #senders = new Map<string, Seen>();

  constructor(maxSenders = 4_096) {
    if (!(maxSenders >= 1)) throw new RangeError(`a replay guard for ${maxSenders} senders`);
    this.#maxSenders = maxSenders;
  }

  /** Senders known. */
  get size(): number {
    return this.#senders.size;
  }

  /**
   * True where this message is new: a later epoch than any of that sender before, or the same
   * epoch with a counter that was not taken yet and is less than 256 behind the highest.
   */
  accept(sender: string, epoch: number, counter: number): boolean {
    const seen = this.#senders.get(sender);
    if (!seen) {
      if (this.#senders.size >= this.#maxSenders) {
        this.#senders.delete(this.#senders.keys().next().value as string);
      }
      const fresh = { epoch, highest: counter, bits: new Uint32Array(WORDS) };
      mark(fresh.bits, counter);
      this.#senders.set(sender, fresh);
      return true;
    }
    if (epoch < seen.epoch) return false;
    if (epoch > seen.epoch) {
      seen.epoch = epoch;
      seen.highest = counter;
      seen.bits.fill(0);
    } else if (counter > seen.highest) {
      if (counter - seen.highest >= WINDOW) seen.bits.fill(0);
      else for (let c = seen.highest + 1; c < counter; c++) unmark(seen.bits, c);
      seen.highest = counter;
    } else if (seen.highest - counter >= WINDOW || isMarked(seen.bits, counter)) {
      return false;
    }
    mark(seen.bits, counter);
    this.#senders.delete(sender);
    this.#senders.set(sender, seen);
    return true;
  }
}

function mark(bits: Uint32Array, counter: number): void {
  const bit = counter % WINDOW;
  bits[bit >>> 5] = (bits[bit >>> 5] as number) | (1 << (bit & 31));
}

function unmark(bits: Uint32Array, counter: number): void {
  const bit = counter % WINDOW;
  bits[bit >>> 5] = (bits[bit >>> 5] as number) & ~(1 << (bit & 31));
}

function isMarked(bits: Uint32Array, counter: number): boolean {
  const bit = counter % WINDOW;
  return ((bits[bit >>> 5] as number) & (1 << (bit & 31))) !== 0;
}
