/**
 * Cuts a stream into lines (`spec/pzog.md` §2, §4): several in one piece, or one in many, are equal.
 *
 * @module
 */

const LF = 0x0a;
const CR = 0x0d;

/** What ends a line: CR LF (v0.1; a lone one is part of the text), or LF with perhaps a CR before. */
export type Ending = "crlf" | "lf";

const NOTHING = new Uint8Array(0);

/** Keeps at most one line's worth of octets. */
export class LineReader {
  readonly #ending: Ending;
  readonly #limit: number;
  #held: Uint8Array = NOTHING;
  #length = 0;

  /** `limit`: octets of a line, its ending included. */
  constructor(ending: Ending, limit: number) {
    this.#ending = ending;
    this.#limit = limit;
  }

  /** What came of a line that is not whole: a view, good until the next call. */
  get held(): Uint8Array {
    return this.#held.subarray(0, this.#length);
  }

  /**
   * The next piece of the stream. `take` gets each line that it makes whole, without its ending: a
   * view of the piece, or memory of its own. Where it answers false, the rest is left.
   *
   * Answers the beginning of a line that is longer than allowed, where there is one. The stream
   * cannot be followed from there on.
   */
  feed(piece: Uint8Array, take: (line: Uint8Array) => boolean): Uint8Array | undefined {
    let at = 0;
    while (at < piece.length) {
      const end = this.#endOfLine(piece, at);
      const stop = end < 0 ? piece.length : end + 1;
      if (this.#length + stop - at > this.#limit) {
        const long = new Uint8Array(this.#length + stop - at);
        long.set(this.held);
        long.set(piece.subarray(at, stop), this.#length);
        this.#length = 0;
        return long;
      }
      if (end < 0) {
        this.#hold(piece.subarray(at));
        return undefined;
      }
      let line: Uint8Array;
      if (this.#length === 0) line = piece.subarray(at, end);
      else {
        this.#hold(piece.subarray(at, end));
        // A copy, because several lines of one piece may be looked at together.
        line = this.held.slice();
        this.#length = 0;
      }
      if (line[line.length - 1] === CR) line = line.subarray(0, -1);
      at = stop;
      if (!take(line)) return undefined;
    }
    return undefined;
  }

  /** Where the LF stands that ends the line, or -1. */
  #endOfLine(piece: Uint8Array, from: number): number {
    let lf = piece.indexOf(LF, from);
    if (this.#ending === "lf") return lf;
    while (lf >= 0) {
      const before = lf > from ? piece[lf - 1] : this.#held[this.#length - 1];
      if (before === CR && (lf > from || this.#length > 0)) return lf;
      lf = piece.indexOf(LF, lf + 1);
    }
    return -1;
  }

  #hold(bytes: Uint8Array): void {
    const length = this.#length + bytes.length;
    if (length > this.#held.length) {
      const larger = new Uint8Array(Math.min(this.#limit, Math.max(64, 2 * length)));
      larger.set(this.held);
      this.#held = larger;
    }
    this.#held.set(bytes, this.#length);
    this.#length = length;
  }
}
