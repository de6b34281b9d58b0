/**
 * What a person should look at. Each problem is logged when it appears and then once in a while,
 * with its count, however often it happens; `agent status` shows those of the last minutes.
 *
 * @module
 */
import type { Log } from "./log.ts";

/** A problem that lasts is logged again after this, in ms. */
const LOG_AGAIN = 600_000;
/** A problem not seen for this long is over, in ms. */
const OVER_AFTER = 300_000;
/** Lines about new problems within {@linkcode LOG_AGAIN}; the log is on the SD card. */
const MOST_LINES = 32;
/** Different problems kept at a time; whoever can send us bytes can cause problems. */
const MOST = 64;

interface Problem {
  message: string;
  lasts: boolean;
  lastSeen: number;
  lastLogged: number;
  sinceLogged: number;
}

/** A bounded list of problems by key. */
export class Problems {
  readonly #log: Log;
  readonly #now: () => number;
  readonly #problems = new Map<string, Problem>();
  /** Lines about new problems since then, and when that was. */
  #lines = 0;
  #linesSince = -Infinity;
  /** Problems noted since the start, also those not logged. */
  total = 0;

  /** `now`: monotonic ms. */
  constructor(log: Log, now: () => number) {
    this.#log = log;
    this.#now = now;
  }

  /**
   * Note a problem. `key` says which one it is, `message` what to show: what, where, what to do.
   * One that `lasts` is a problem until it is cleared; others are, until they are not seen for a while.
   */
  note(key: string, message: string, { lasts = false } = {}): void {
    const now = this.#now();
    this.total++;
    const known = this.#problems.get(key);
    if (!known) {
      this.#makeRoom();
      this.#problems.set(key, { message, lasts, lastSeen: now, lastLogged: now, sinceLogged: 0 });
      this.#announce(now, message);
      return;
    }
    known.message = message;
    known.lasts = lasts;
    known.lastSeen = now;
    known.sinceLogged++;
    if (now - known.lastLogged < LOG_AGAIN) return;
    this.#log.warning(`${message} (${known.sinceLogged} times more)`);
    known.lastLogged = now;
    known.sinceLogged = 0;
  }

  /** A problem is solved. */
  clear(key: string): void {
    this.#problems.delete(key);
  }

  /** Messages of what lasts, and of what was seen in the last minutes; the latest first. */
  current(): string[] {
    const oldest = this.#now() - OVER_AFTER;
    return [...this.#problems.values()]
      .filter((problem) => problem.lasts || problem.lastSeen >= oldest)
      .sort((a, b) => b.lastSeen - a.lastSeen).map((problem) => problem.message);
  }

  #announce(now: number, message: string): void {
    if (now - this.#linesSince >= LOG_AGAIN) {
      this.#linesSince = now;
      this.#lines = 0;
    }
    this.#lines++;
    if (this.#lines <= MOST_LINES) this.#log.warning(message);
    if (this.#lines !== MOST_LINES) return;
    this.#log.warning("further problems are not logged for some minutes; see: agent status");
  }

  #makeRoom(): void {
    if (this.#problems.size < MOST) return;
    let oldest: [string, Problem] | undefined;
    for (const entry of this.#problems) {
      if (entry[1].lasts) continue;
      if (!oldest || entry[1].lastSeen < oldest[1].lastSeen) oldest = entry;
    }
    if (oldest) this.#problems.delete(oldest[0]);
  }
}
