/**
 * Who may hold a connection to the TCP port of the local API, and for how long: few at a time, and
 * nobody for long who does not ask, or does not take his answer.
 *
 * A machine: it is told what happens and what time it is, and says which connection has to go.
 *
 * @module
 */
import type { Machine } from "../core/mod.ts";

/** Why a connection went. */
export type DropReason =
  /** It made room for another one. */
  | "oldest"
  /** No whole request in time. */
  | "late"
  /** It did not take its answer. */
  | "stalled"
  /** Its answer was over, and it did not close. */
  | "left-open";

/** Limits, and whom to tell. Times in ms. */
export interface GateOptions {
  /** Connections at a time. */
  readonly most?: number;
  /** Until the head of the request is whole, and again until the server has begun with it. */
  readonly askMs?: number;
  /** Longest silence of an answer. An event stream gives a sign of life every 15 s. */
  readonly answerMs?: number;
  /** For the other side to close, once it has its answer. */
  readonly leaveMs?: number;
  /** Close this one. */
  readonly drop: (id: number, why: DropReason) => void;
}

export const GATE_DEFAULTS = { most: 64, askMs: 10_000, answerMs: 60_000, leaveMs: 2_000 };

/** `asking`: no whole request yet. `asked`: it has been handed on. `served`: the server is at it. */
type Phase = "asking" | "asked" | "served" | "answered" | "leaving";

/** Why a connection goes whose time is over. */
const WHY_OVER: Readonly<Record<Phase, DropReason>> = {
  asking: "late",
  asked: "late",
  served: "stalled",
  answered: "stalled",
  leaving: "left-open",
};

interface Place {
  phase: Phase;
  until: number;
  /** When the answer moved last. */
  moved: number;
}

/** The places of one port. */
export class Gate implements Machine {
  readonly #options: Required<GateOptions>;
  /** By the number of the connection; the oldest first. */
  readonly #places = new Map<number, Place>();

  constructor(options: GateOptions) {
    this.#options = { ...GATE_DEFAULTS, ...options };
  }

  /** Connections that have a place. */
  get size(): number {
    return this.#places.size;
  }

  /** Connections at a time. */
  get most(): number {
    return this.#options.most;
  }

  /**
   * A connection was made. Where all places are taken, the oldest goes of those that have not asked yet
   * or have their answer; false where there is none, and the new one has to go.
   */
  enter(now: number, id: number): boolean {
    if (this.#places.size >= this.#options.most && !this.#makeRoom()) return false;
    this.#places.set(id, { phase: "asking", until: now + this.#options.askMs, moved: now });
    return true;
  }

  /** Its request is whole, and handed to the server. */
  asked(now: number, id: number): void {
    this.#go(id, "asked", now + this.#options.askMs);
  }

  /** The server is at it, for as long as it takes: calls of other nodes, waiting for a message. */
  served(id: number): void {
    this.#go(id, "served", Infinity);
  }

  /** The answer begins. */
  answered(now: number, id: number): void {
    this.#go(id, "answered", now + this.#options.answerMs, now);
  }

  /** A part of the answer was taken by the other side. */
  moved(now: number, id: number): void {
    const place = this.#places.get(id);
    // Its end is moved when it has come: parts are many, and ends are few.
    if (place !== undefined) place.moved = now;
  }

  /** The answer is over. */
  leaving(now: number, id: number): void {
    this.#go(id, "leaving", now + this.#options.leaveMs);
  }

  /** Its connection is closed. */
  left(id: number): void {
    this.#places.delete(id);
  }

  /** Those whose request is not whole yet go: the port is closed. */
  dropAsking(): void {
    for (const [id, { phase }] of [...this.#places]) if (phase === "asking") this.#drop(id, "late");
  }

  nextWake(): number {
    let earliest = Infinity;
    for (const { until } of this.#places.values()) earliest = Math.min(earliest, until);
    return earliest;
  }

  wake(now: number): void {
    for (const [id, place] of [...this.#places]) {
      if (place.until > now) continue;
      if (place.phase === "answered") place.until = place.moved + this.#options.answerMs;
      if (place.until > now) continue;
      this.#drop(id, WHY_OVER[place.phase]);
    }
  }

  #go(id: number, phase: Phase, until: number, moved?: number): void {
    const place = this.#places.get(id);
    // Nothing comes behind the end of an answer, whatever the server still tells of it.
    if (place === undefined || place.phase === "leaving") return;
    place.phase = phase;
    place.until = until;
    if (moved !== undefined) place.moved = moved;
  }

  #makeRoom(): boolean {
    for (const [id, { phase }] of this.#places) {
      if (phase !== "asking" && phase !== "leaving") continue;
      this.#drop(id, phase === "asking" ? "oldest" : "left-open");
      return true;
    }
    return false;
  }

  #drop(id: number, why: DropReason): void {
    this.#places.delete(id);
    this.#options.drop(id, why);
  }
}
