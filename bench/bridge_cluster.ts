/**
 * What the bench of a bridge asks of whoever shares state on it.
 *
 * @module
 */

/** How long a start took, in ms from that of the first process. */
export interface Start {
  /** Until each knew all. */
  readonly allKnown: number;
  /** Until all told the same hash of the network's state, where they have such a thing. */
  readonly agreed?: number;
}

/** When a change was seen, in ms from its beginning. */
export interface Seen {
  /** By the first of the others. */
  readonly first: number;
  /** By the last of them. */
  readonly all: number;
}

/** A process on each of `size` computers, and a computer that is spare. */
export interface Cluster {
  readonly name: string;
  readonly size: number;
  /** All end, and start anew without anything remembered. */
  start(): Promise<Start>;
  /**
   * One more starts on the spare computer, and goes again. How long until it knew all and all knew
   * it, in ms from the start of its process.
   */
  join(): Promise<number>;
  /** One changes something, each time another one, by a command as users give it. */
  change(): Promise<Seen>;
  pids(): number[];
  /** Nobody of the bench listens any more, so that what is idle is idle. */
  leaveAlone(): void;
  /** And listens again. */
  listen(): Promise<void>;
}

/** First and last of the moments, from `start` on. */
export function seenAt(start: number, moments: readonly number[]): Seen {
  return { first: Math.min(...moments) - start, all: Math.max(...moments) - start };
}
