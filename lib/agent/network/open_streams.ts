/**
 * The streams of one network that are open, whatever they are for, so that those of a key that is no
 * longer in use can be ended.
 *
 * @module
 */
import type { SecureStream } from "../../net/mod.ts";
import type { StreamKey } from "../../wire/key.ts";

/** From so many on, closed ones are dropped now and then. */
const MANY = 64;

/** All of them. */
export class OpenStreams {
  readonly #streams = new Set<SecureStream>();
  #sweepAt = MANY;

  /** One was dialled, or taken. */
  add(stream: SecureStream): SecureStream {
    if (this.#streams.size >= this.#sweepAt) {
      for (const one of this.#streams) if (one.closedWith !== undefined) this.#streams.delete(one);
      this.#sweepAt = Math.max(MANY, 2 * this.#streams.size);
    }
    this.#streams.add(stream);
    return stream;
  }

  /** Those whose key is none of these. Of an invitation they are nobody's key. */
  without(keys: readonly StreamKey[]): SecureStream[] {
    const ids = new Set(keys.map(({ id }) => id));
    return [...this.#streams].filter(({ purpose, keyId, closedWith }) =>
      closedWith === undefined && purpose !== "join" && !ids.has(keyId)
    );
  }
}
