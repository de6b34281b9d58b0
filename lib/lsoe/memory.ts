/**
 * What is remembered of a MAC address for a while, whoever forges how many of them.
 *
 * @module
 */
import type { Mac } from "../wire/mac.ts";

/**
 * MAC addresses on interfaces, each until its time is over. There is room for `limit` of them; the
 * oldest goes where a new one needs its place.
 */
export class Memory {
  readonly #limit: number;
  readonly #until = new Map<string, number>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#until.size;
  }

  has(now: number, interfaceIndex: number, mac: Mac): boolean {
    if (this.#until.size === 0) return false;
    const key = keyOf(interfaceIndex, mac);
    const until = this.#until.get(key);
    if (until === undefined) return false;
    if (until > now) return true;
    this.#until.delete(key);
    return false;
  }

  set(interfaceIndex: number, mac: Mac, until: number): void {
    const key = keyOf(interfaceIndex, mac);
    this.#until.delete(key);
    if (this.#until.size >= this.#limit) {
      const [oldest] = this.#until.keys();
      if (oldest !== undefined) this.#until.delete(oldest);
    }
    this.#until.set(key, until);
  }

  /** Nothing more is known of an interface. */
  forget(interfaceIndex: number): void {
    for (const key of this.#until.keys()) {
      if (key.startsWith(`${interfaceIndex}:`)) this.#until.delete(key);
    }
  }
}

function keyOf(interfaceIndex: number, mac: Mac): string {
  return `${interfaceIndex}:${mac}`;
}

/** How long nothing more is told of the same trouble with the same MAC address, in ms. */
const SILENCE = 60_000;
/** At most so many of them are told of in that time; the others are only counted. */
const VOICES = 64;

/** Decides of which troubles people hear: of each MAC address once a minute, and not of thousands. */
export class NowAndThen {
  readonly #told = new Memory(VOICES);
  #windowEnds = -Infinity;
  #inWindow = 0;

  /** Whether to tell; notes that it was told. */
  ask(now: number, interfaceIndex: number, mac: Mac): boolean {
    if (this.#told.has(now, interfaceIndex, mac)) return false;
    if (now >= this.#windowEnds) {
      this.#windowEnds = now + SILENCE;
      this.#inWindow = 0;
    }
    if (this.#inWindow >= VOICES) return false;
    this.#inWindow++;
    this.#told.set(interfaceIndex, mac, now + SILENCE);
    return true;
  }
}
