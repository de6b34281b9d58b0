/**
 * Answers that a peer owes us. They come in the order of the requests (`spec/pzog.md` §4), so only
 * their kinds are kept, many of one kind as one.
 *
 * @module
 */

/** What was asked: a HELLO or QUIT, a KEEPALIVE, a copy of a message. */
export type Asked = "command" | "keepAlive" | "copy";

interface Run {
  readonly asked: Asked;
  /** When they were sent, in monotonic ms. */
  readonly at: number;
  count: number;
}

/** A queue. */
export class Awaited {
  #runs: Run[] = [];
  #head = 0;
  /** Copies among them. */
  copies = 0;

  /** When the oldest was asked; undefined where no answer is owed. */
  get since(): number | undefined {
    return this.#runs[this.#head]?.at;
  }

  push(now: number, asked: Asked): void {
    if (asked === "copy") this.copies++;
    const last = this.#runs[this.#runs.length - 1];
    if (last !== undefined && last.asked === asked && last.at === now && last.count > 0) {
      last.count++;
    } else this.#runs.push({ asked, at: now, count: 1 });
  }

  /** What the next answer is to; undefined where none is owed. */
  shift(): Asked | undefined {
    const run = this.#runs[this.#head];
    if (run === undefined) return undefined;
    if (run.asked === "copy") this.copies--;
    run.count--;
    if (run.count === 0) {
      this.#head++;
      if (this.#head === this.#runs.length || this.#head > 1_024) {
        this.#runs = this.#runs.slice(this.#head);
        this.#head = 0;
      }
    }
    return run.asked;
  }

  clear(): void {
    this.#runs = [];
    this.#head = 0;
    this.copies = 0;
  }
}
