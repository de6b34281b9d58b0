/**
 * How long something has been kept, on a computer whose wall clock cannot be trusted: a Raspberry Pi
 * starts with the time of its last shutdown, or with 1970, and leaps when the network tells the time.
 *
 * The *steady* time of a node goes on with the monotonic clock while it runs, whatever the wall clock
 * does, and over its restart by how long the computer has been on. Over a restart of that, it goes on by
 * as much as the wall clock did, where that is believable. All that is kept with an end in the store (`expires`, deadlines) stands in steady time. It began as the wall
 * clock's and parts from it with each leap, so it is nothing to show to people.
 *
 * @module
 */
import type { PiotStore } from "./api.ts";
import { clockRecord, keys } from "./records.ts";
import type { Turn } from "./turn.ts";

/** 2026-11-01, in ms since 1970. No clock is right that says an earlier time: this is younger. */
const YOUNGEST = 1_793_491_200_000;
/** No longer pause between two starts is believed, in ms: a year. */
const LONGEST_PAUSE = 365 * 86_400_000;
/** The wall clock was set where it parts from its last note by more than so much, in ms. */
const LEAP = 10_000;
/** While something waits, leaps are looked for this often, in ms. */
const CHECK = 10_000;
/** A note goes with another write where the last one is as old as that, in ms. */
const RIDE = 600_000;
/** While something waits, one is written by itself where the last one is as old as that, in ms. */
const ALONE = 3_600_000;
/** The same at the end. */
const LAST = 60_000;

/** What both clocks said at one moment, in ms. */
interface Note {
  readonly steady: number;
  /** ms since 1970. */
  readonly wall: number;
  /** As in {@linkcode Boot}. */
  readonly boot?: string | undefined;
  readonly up?: number | undefined;
}

/** A clock that begins with each start of the computer, and leaps never. */
export interface Boot {
  readonly id: string;
  /** ms since then, when the node was made. */
  readonly up: number;
}

/** Messages with times, of all links. */
interface Held {
  /** When the newest was accepted. */
  readonly newest: number | undefined;
  noneLaterThan(at: number): void;
}

/** The steady time of a node. Its notes go into the turn. */
export class Steady {
  readonly #turn: Turn;
  readonly #wall: () => number;
  readonly #boot: Boot | undefined;
  /** For how long the computer had been on, less monotonic time. */
  #upBase = 0;
  /** Steady time less monotonic time. */
  #base: number | undefined;
  /** Wall clock less steady time, when both were looked at last. */
  #lag = 0;
  /** The latest that is on the disk. */
  #noted: Note | undefined;
  /** It could not be written: not again before. */
  #retryAt = -Infinity;
  #ends = false;
  /** When leaps are looked for. */
  checkAt = Infinity;

  constructor(turn: Turn, wall: () => number, boot?: Boot) {
    this.#turn = turn;
    this.#wall = wall;
    this.#boot = boot;
  }

  /**
   * Goes on after a restart. Later, where the store refused a turn, no time has passed in between.
   *
   * @param held the messages that are.
   * @throws {WireError} where the note is damaged.
   */
  load(now: number, store: PiotStore, held: Held): void {
    this.#noted = undefined;
    for (const [key, value] of store.scan(keys.clock)) {
      if (key === keys.clock) this.#noted = clockRecord.decode(value);
    }
    if (this.#base === undefined) {
      this.#base = this.#resume(held.newest) - now;
      this.#upBase = (this.#boot?.up ?? 0) - now;
    }
    held.noneLaterThan(this.at(now));
    this.#look(now);
    this.checkAt = now + CHECK;
  }

  /** The steady time now, after a start. */
  #resume(newest: number | undefined): number {
    const wall = this.#readWall();
    // Earlier versions had only the wall clock: what they wrote last stands for a note.
    const since = newest ?? wall;
    const note: Note = this.#noted ?? { steady: since, wall: since };
    const { id, up = 0 } = this.#boot ?? {};
    if (id !== undefined && note.boot === id) {
      return note.steady + Math.max(0, up - (note.up ?? up));
    }
    const pause = wall - note.wall;
    const isBelieved = note.wall >= YOUNGEST && pause >= 0 && pause <= LONGEST_PAUSE;
    return note.steady + (isBelieved ? pause : 0);
  }

  /** Whole ms. */
  at(now: number): number {
    return Math.floor((this.#base ?? 0) + now);
  }

  /** A steady time as the wall clock has it, for people: ms since 1970. */
  toWall(steady: number): number {
    return Math.max(0, steady + this.#lag);
  }

  /** Before changes are stored: a note goes with them, where one is due. */
  ride(now: number): void {
    if (!this.#turn.hasChanges) return;
    if (this.#look(now) || this.#age(now) >= (this.#ends ? LAST : RIDE)) this.#put(now);
  }

  /**
   * After a turn: writes a note by itself where one is due, and keeps looking as long as something
   * `waits` for its end.
   */
  settle(now: number, waits: boolean): void {
    if (now >= this.checkAt) this.checkAt = Infinity;
    const leapt = this.#look(now);
    if (!waits) return;
    this.checkAt = Math.min(this.checkAt, now + CHECK);
    if (!leapt && this.#age(now) < (this.#ends ? LAST : ALONE)) return;
    // What is to be tidied up is written soon, and takes the note along.
    if (now < this.#retryAt || !this.#turn.isEmpty || this.#turn.hasLazy) return;
    this.#put(now);
    try {
      this.#turn.commit();
    } catch {
      // A full disk: nothing is lost by it, and whoever has something to store hears of it.
      this.#retryAt = now + CHECK;
    }
  }

  /** The node is about to stop. */
  stop(): void {
    this.#ends = true;
  }

  /** Looks at both clocks. Whether there is no note that says how they stand. */
  #look(now: number): boolean {
    this.#lag = this.#readWall() - this.at(now);
    if (!this.#noted) return true;
    const { steady, wall, boot } = this.#noted;
    if (boot !== this.#boot?.id) return true;
    return Math.abs(this.#lag - (wall - steady)) > LEAP;
  }

  #age(now: number): number {
    return this.#noted ? this.at(now) - this.#noted.steady : Infinity;
  }

  #put(now: number): void {
    const note = {
      steady: this.at(now),
      wall: this.#readWall(),
      ...(this.#boot && { boot: this.#boot.id, up: Math.floor(this.#upBase + now) }),
    };
    this.#turn.put(keys.clock, clockRecord.encode(note));
    this.#turn.then(() => this.#noted = note);
  }

  #readWall(): number {
    return Math.max(0, Math.floor(this.#wall()));
  }
}
