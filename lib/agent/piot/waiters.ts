/**
 * Requests that wait until something may have changed.
 *
 * @module
 */

/** Some of them. */
export class Waiters {
  readonly #all = new Set<() => void>();

  get size(): number {
    return this.#all.size;
  }

  /** Resolves at the next {@linkcode wake}, or after `ms`. */
  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const settle = () => {
        this.#all.delete(settle);
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(settle, ms);
      this.#all.add(settle);
    });
  }

  /** Something has changed: each looks again. */
  wake(): void {
    if (this.#all.size === 0) return;
    for (const settle of [...this.#all]) settle();
  }
}
