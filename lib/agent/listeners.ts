/**
 * Those who want to be told of something.
 *
 * @module
 */

/** A set of listeners; one that throws does not keep the others from being told. */
export class Listeners<T> {
  readonly #all = new Set<(event: T) => void>();
  readonly #onError: (error: unknown) => void;

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  get size(): number {
    return this.#all.size;
  }

  /** Returns how to stop that. */
  add(listener: (event: T) => void): () => void {
    // A function of its own, so that one listener can be added twice and removed once.
    const own = (event: T) => listener(event);
    this.#all.add(own);
    return () => void this.#all.delete(own);
  }

  tell(event: T): void {
    for (const listener of [...this.#all]) {
      try {
        listener(event);
      } catch (error) {
        this.#onError(error);
      }
    }
  }
}
