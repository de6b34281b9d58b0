/**
 * What a node remembers of its guests besides their entries, and hands over where it starts anew, so
 * that a guest that refreshes does not meet a stranger.
 *
 * @module
 */

/** One guest. */
export interface HandedGuest {
  readonly id: string;
  /** Of its latest publication. */
  readonly sequence: number;
  /** What it published, in hexadecimal. */
  readonly content: string;
}

/** Whoever has guests. */
export interface GuestBook {
  /** All of them. */
  handOver(): HandedGuest[];
  /** For the start: remember those whose entries the dictionary holds. */
  inherit(guests: Iterable<HandedGuest>): void;
}
