/**
 * Cuts a byte stream, which arrives in pieces of any size, into units whose headers tell their
 * sizes. What kind of units is up to the caller.
 *
 * @module
 */

/** The units that a piece of the stream made whole. */
export interface Cut {
  /**
   * The unit that earlier pieces began and this one ended, if there was one: a view of the cutter's
   * memory, good until the next feed.
   */
  readonly first: Uint8Array | undefined;
  /** The whole units that follow, one after the other: a view of the piece. */
  readonly run: Uint8Array;
}

const NOTHING = new Uint8Array(0);

/**
 * Takes time in proportion to the bytes fed, also when they come one by one. Keeps one unfinished
 * unit; its memory grows with the bytes that came, not with the size that the header announces.
 */
export class StreamCutter {
  readonly #headerBytes: number;
  readonly #sizeOf: (bytes: Uint8Array, at: number) => number;
  /** The unfinished unit lies in the first `#length` bytes. */
  #pending: Uint8Array = NOTHING;
  #length = 0;
  #failure: unknown;

  /**
   * `sizeOf` tells the size of the unit whose header is at `at`, header included and at least as
   * large as it, and throws where the stream cannot be followed; then every feed throws the same.
   */
  constructor(headerBytes: number, sizeOf: (bytes: Uint8Array, at: number) => number) {
    this.#headerBytes = headerBytes;
    this.#sizeOf = sizeOf;
  }

  /** Bytes kept until their unit is whole. */
  get buffered(): number {
    return this.#length;
  }

  /** The next piece of the stream. Throws what `sizeOf` throws. */
  feed(bytes: Uint8Array): Cut {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      return this.#cut(bytes);
    } catch (error) {
      this.#failure = error;
      this.#pending = NOTHING;
      this.#length = 0;
      throw error;
    }
  }

  #cut(bytes: Uint8Array): Cut {
    let at = 0;
    let first: Uint8Array | undefined;
    if (this.#length > 0) {
      at = this.#fill(bytes, 0, this.#headerBytes);
      if (this.#length < this.#headerBytes) return { first, run: NOTHING };
      const size = this.#sizeOf(this.#pending, 0);
      at = this.#fill(bytes, at, size);
      if (this.#length < size) return { first, run: NOTHING };
      first = this.#pending.subarray(0, size);
      // Handed out: the next unfinished unit gets memory of its own.
      this.#pending = NOTHING;
      this.#length = 0;
    }
    const start = at;
    while (bytes.length - at >= this.#headerBytes) {
      const size = this.#sizeOf(bytes, at);
      if (size > bytes.length - at) break;
      at += size;
    }
    this.#fill(bytes, at, bytes.length - at);
    return { first, run: bytes.subarray(start, at) };
  }

  /** Moves bytes from `at` on to the unfinished unit, until that has `wanted`. Returns where it stopped. */
  #fill(bytes: Uint8Array, at: number, wanted: number): number {
    const count = Math.min(wanted - this.#length, bytes.length - at);
    if (count <= 0) return at;
    const length = this.#length + count;
    if (length > this.#pending.length) {
      const larger = new Uint8Array(Math.max(length, this.#pending.length * 2, 64));
      larger.set(this.#pending.subarray(0, this.#length));
      this.#pending = larger;
    }
    this.#pending.set(bytes.subarray(at, at + count), this.#length);
    this.#length = length;
    return at + count;
  }
}
