/**
 * Streams that were taken and on which the other side has said nothing yet. It may be a holder of the
 * key that waits for an answer, or somebody who plays back a recorded handshake, and can say nothing
 * ever. So there are few of them, and the oldest makes room for the newest.
 *
 * @module
 */
import type { SecureStream } from "./secure_stream.ts";

/** More than leafy clients that ask with their handshake and read at the same moment. */
const MOST = 128;

/** Those of one listener. */
export class SilentStreams {
  readonly #most: number;
  readonly #dropped: (stream: SecureStream, why: string) => void;
  /** The oldest first. */
  readonly #streams = new Set<SecureStream>();

  /** `dropped` is told before a stream is closed. */
  constructor(most = MOST, dropped: (stream: SecureStream, why: string) => void) {
    this.#most = most;
    this.#dropped = dropped;
  }

  /** A stream was taken. */
  add(stream: SecureStream): void {
    for (const oldest of this.#streams) {
      if (this.#streams.size < this.#most) break;
      const why = `${this.#most} streams are open on which nothing was said; the oldest was closed`;
      this.#dropped(oldest, why);
      oldest.close(why);
      this.#streams.delete(oldest);
    }
    this.#streams.add(stream);
  }

  /** The other side has spoken, or the stream has closed. */
  delete(stream: SecureStream): void {
    this.#streams.delete(stream);
  }
}
