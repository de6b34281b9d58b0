/**
 * Says that something is wrong once in a while, and not a thousand times.
 *
 * @module
 */

/** The first complaint of a kind goes through at once, then one a minute with the number left out. */
export class Complaints<Kind extends string> {
  readonly #say: (kind: Kind, where: string, message: string) => void;
  readonly #now: () => number;
  readonly #every: number;
  readonly #kinds = new Map<Kind, { saidAt: number; silent: number }>();

  /** `everyMs` default: a minute. `now`: monotonic milliseconds. */
  constructor(
    say: (kind: Kind, where: string, message: string) => void,
    options: { readonly everyMs?: number; readonly now?: () => number } = {},
  ) {
    this.#say = say;
    this.#every = options.everyMs ?? 60_000;
    this.#now = options.now ?? (() => performance.now());
  }

  /** `where`: whom it is about. */
  about(kind: Kind, where: string, message: string): void {
    const now = this.#now();
    const before = this.#kinds.get(kind);
    if (before && now - before.saidAt < this.#every) {
      before.silent++;
      return;
    }
    const more = before && before.silent > 0 ? ` (and ${before.silent} more like it)` : "";
    this.#kinds.set(kind, { saidAt: now, silent: 0 });
    this.#say(kind, where, message + more);
  }
}
