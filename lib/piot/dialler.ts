/**
 * When a link is dialled (spec/piot.md §8).
 *
 * @module
 */
import type { Random } from "../core/mod.ts";
import { CloseCode } from "./frame.ts";

const FIRST_DELAY = 1_000;
const LONGEST_DELAY = 60_000;
/** Either way, so that many nodes do not dial at once. */
const SPREAD = 0.2;
/** A session of this length proves that the peer is well. */
const GOOD_SESSION = 60_000;
/** After an answer that will not change by itself. */
const REFUSED_DELAY = 300_000;
const PENDING_DELAY = 30_000;

/** Of one link. */
export class Dialler {
  readonly #random: Random;
  #delay = FIRST_DELAY;
  #at = 0;
  #address = 0;
  #upSince: number | undefined;

  constructor(random: Random) {
    this.#random = random;
  }

  /** From when on the link may be dialled. */
  get earliest(): number {
    return this.#at;
  }

  /** The next address, in turn. */
  next(addresses: readonly string[]): string | undefined {
    return addresses[this.#address++ % addresses.length];
  }

  /** There is news of the peer: it is worth trying now. */
  reset(now: number): void {
    this.#delay = FIRST_DELAY;
    this.#at = now;
  }

  up(now: number): void {
    this.#upSince = now;
  }

  /** A session, or the attempt at one, ended. */
  ended(now: number, code: CloseCode): void {
    if (this.#upSince !== undefined && now - this.#upSince >= GOOD_SESSION) {
      this.#delay = FIRST_DELAY;
    }
    this.#upSince = undefined;
    let delay = this.#delay;
    if (REFUSALS.includes(code)) delay = REFUSED_DELAY;
    else if (code === CloseCode.LinkPending) delay = PENDING_DELAY;
    else this.#delay = Math.min(this.#delay * 2, LONGEST_DELAY);
    this.#at = now + delay * (1 - SPREAD + 2 * SPREAD * this.#random.unit());
  }
}

const REFUSALS: readonly CloseCode[] = [
  CloseCode.Auth,
  CloseCode.LinkRejected,
  CloseCode.WrongNode,
  CloseCode.Version,
];
