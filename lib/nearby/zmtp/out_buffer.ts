/**
 * What waits to be written to one connection. Everything that comes together leaves together, in
 * one write; two buffers take turns, so that nothing is copied twice.
 *
 * @module
 */
import { frameBytes, writeHeader } from "./frame.ts";

const FIRST = 256;
/** A buffer that grew beyond this is not kept. */
const KEEP = 1024 * 1024;

export class OutBuffer {
  #filling: Uint8Array = new Uint8Array(FIRST);
  #resting: Uint8Array = new Uint8Array(FIRST);
  #length = 0;
  /** Messages that wait. */
  messages = 0;

  get length(): number {
    return this.#length;
  }

  /** Octets as they are. */
  put(bytes: Uint8Array): void {
    const at = this.#grow(bytes.length);
    this.#filling.set(bytes, at);
  }

  /** One frame. */
  frame(flags: number, body: Uint8Array): void {
    const at = this.#grow(frameBytes(body.length));
    this.#filling.set(body, writeHeader(this.#filling, at, flags, body.length));
  }

  /**
   * All that waits, or `undefined` where nothing does. To be called only when what the last call
   * returned has been written: its memory is used again.
   */
  take(): Uint8Array | undefined {
    if (this.#length === 0) return undefined;
    const out = this.#filling;
    const taken = out.subarray(0, this.#length);
    this.#filling = this.#resting.length > KEEP ? new Uint8Array(FIRST) : this.#resting;
    this.#resting = out;
    this.#length = 0;
    this.messages = 0;
    return taken;
  }

  #grow(count: number): number {
    const at = this.#length;
    const wanted = at + count;
    if (wanted > this.#filling.length) {
      const larger = new Uint8Array(Math.max(wanted, 2 * this.#filling.length));
      larger.set(this.#filling.subarray(0, at));
      this.#filling = larger;
    }
    this.#length = wanted;
    return at;
  }
}
