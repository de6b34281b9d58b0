/**
 * What happened, with times, and what was found wrong.
 *
 * @module
 */

/** Complaints that are shown; the file has all. */
const MOST = 40;
/** Events that are shown with them. */
const LAST = 40;

/** A list of events and a list of complaints. */
export class Journal {
  readonly #start = performance.now();
  readonly #events: string[] = [];
  readonly #complaints: string[] = [];
  /** The test has ended: what ends now is told to. */
  over = false;

  /** Ms since the first moment. */
  now(): number {
    return performance.now() - this.#start;
  }

  note(event: string): void {
    this.#events.push(`${(this.now() / 1_000).toFixed(3).padStart(8)} ${event}`);
  }

  complain(complaint: string): void {
    this.note(`WRONG ${complaint}`);
    this.#complaints.push(complaint);
  }

  /** Something was thrown. What is thrown after the end is a consequence of it. */
  fail(error: unknown): void {
    if (this.over) return;
    this.complain(error instanceof Error ? error.stack ?? error.message : String(error));
  }

  get complaints(): readonly string[] {
    return this.#complaints;
  }

  /** Everything, for the file. */
  text(): string {
    return [...this.#complaints, "", ...this.#events, ""].join("\n");
  }

  /** What a person sees of a failure. */
  summary(): string {
    const more = this.#complaints.length - MOST;
    return [
      ...this.#complaints.slice(0, MOST),
      ...(more > 0 ? [`and ${more} more`] : []),
      `--- the last events`,
      ...this.#events.slice(-LAST),
    ].join("\n");
  }
}
