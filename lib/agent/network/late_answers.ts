/**
 * Answers to questions that a whole link has heard.
 *
 * @module
 */

/** Gives each answer after a random moment, so that not all nodes of a link answer at once. */
export class LateAnswers {
  readonly #spreadMs: number;
  readonly #most: number;
  #waiting = 0;

  /** `spreadMs`: the longest such moment. `most`: so many wait at once; further ones are not given. */
  constructor(spreadMs: number, most: number) {
    this.#spreadMs = spreadMs;
    this.#most = most;
  }

  give(answer: () => void): void {
    if (this.#waiting >= this.#most) return;
    this.#waiting++;
    setTimeout(() => {
      this.#waiting--;
      answer();
    }, Math.random() * this.#spreadMs);
  }
}
