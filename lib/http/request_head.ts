/**
 * The head of a request, up to the empty line, as far as the front has to know it: where it ends. What
 * it means is the business of the server behind the front.
 *
 * @module
 */
import { concat } from "../wire/bytes.ts";

const LF = 0x0a;
const CR = 0x0d;
/** A longer one is not taken, in bytes. Room for a request that names some hundred keys. */
export const MAX_HEAD = 65_536;
const FIRST_ROOM = 1_024;

/** What came of a request so far. Its memory grows with what came, up to a limit. */
export class RequestHead {
  #bytes = new Uint8Array(FIRST_ROOM);
  #length = 0;
  /** Looked at. */
  #seen = 0;
  /** Where the line begins that is being read. */
  #line = 0;
  /** Where the first line begins that is not empty, and the one behind it; 0 while that has not ended. */
  #first = 0;
  #second = 0;
  #skipped = 0;

  /** Where what comes next is to be put. */
  get room(): Uint8Array {
    if (this.#length === this.#bytes.length) {
      const larger = new Uint8Array(this.#bytes.length * 2);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    return this.#bytes.subarray(this.#length);
  }

  /**
   * So many bytes were put into {@linkcode room}. `whole`: the head has ended, and what came behind it
   * is part of it here. `large`: it is too long, and nothing more is taken.
   */
  feed(count: number): "more" | "whole" | "large" {
    this.#length += count;
    for (; this.#seen < this.#length; this.#seen++) {
      if (this.#bytes[this.#seen] !== LF) continue;
      const begin = this.#line;
      this.#line = this.#seen + 1;
      const empty = this.#seen === begin ||
        (this.#seen === begin + 1 && this.#bytes[begin] === CR);
      // Empty lines in front of a request are passed over (RFC 9112 §2.2).
      if (empty && this.#second > 0) return "whole";
      if (empty || this.#second > 0) continue;
      this.#first = begin;
      this.#second = this.#line;
    }
    if (this.#second === 0) this.#forgetEmptyLines();
    return this.#length + this.#skipped >= MAX_HEAD ? "large" : "more";
  }

  /** All that came, without empty lines in front, and with lines put behind the first one. */
  withLines(lines: string): Uint8Array {
    const added = new TextEncoder().encode(lines);
    const first = this.#bytes.subarray(this.#first, this.#second);
    return concat([first, added, this.#bytes.subarray(this.#second, this.#length)]);
  }

  #forgetEmptyLines(): void {
    const gone = this.#line;
    this.#bytes.copyWithin(0, gone, this.#length);
    this.#length -= gone;
    this.#seen -= gone;
    this.#line = 0;
    this.#skipped += gone;
  }
}
