/**
 * Trickle (RFC 6206) as DNCP uses it (RFC 7787 §4.3): one instance an endpoint, or a peer where an
 * endpoint is unicast-only over datagrams.
 *
 * @module
 */
import type { Random } from "../core/mod.ts";

/** Imin and Imax in milliseconds, and the redundancy constant k. */
export interface TrickleParameters {
  readonly imin: number;
  readonly imax: number;
  readonly k: number;
}

/** One Trickle timer. Times are monotonic milliseconds. */
export class Trickle {
  readonly #parameters: TrickleParameters;
  readonly #random: Random;
  #interval: number;
  #start = 0;
  #sendAt = 0;
  #sent = false;
  #heard = 0;

  constructor(parameters: TrickleParameters, random: Random, now: number) {
    this.#parameters = parameters;
    this.#random = random;
    this.#interval = parameters.imin;
    this.#begin(now);
  }

  /** The length I of the current interval, in ms. */
  get interval(): number {
    return this.#interval;
  }

  /** When {@linkcode wake} has something to do. */
  get nextWake(): number {
    return this.#sent ? this.#start + this.#interval : this.#sendAt;
  }

  /** A consistent network state was heard (RFC 6206 §4.2 rule 3). */
  hearConsistent(): void {
    this.#heard++;
  }

  /**
   * The local network state hash changed: back to Imin. Nothing happens where I is Imin already
   * (RFC 6206 §4.2 rule 6), or a steady flow of changes would silence this node.
   */
  reset(now: number): void {
    if (this.#interval === this.#parameters.imin) return;
    this.#interval = this.#parameters.imin;
    this.#begin(now);
  }

  /** Begin a new interval of the same length, after a keep-alive went out (RFC 7787 §6.1.2). */
  restart(now: number): void {
    this.#begin(now);
  }

  /** Act on what is due; true where a network state is to be sent now. */
  wake(now: number): boolean {
    let send = false;
    if (!this.#sent && now >= this.#sendAt) {
      this.#sent = true;
      send = this.#heard < this.#parameters.k;
    }
    const end = this.#start + this.#interval;
    if (this.#sent && now >= end) {
      this.#interval = Math.min(2 * this.#interval, this.#parameters.imax);
      // A wake that comes late (a suspended computer) starts the interval now, not in the past.
      this.#begin(Math.max(end, now - this.#interval / 2));
    }
    return send;
  }

  #begin(now: number): void {
    this.#start = now;
    this.#sendAt = now + this.#random.between(this.#interval / 2, this.#interval);
    this.#sent = false;
    this.#heard = 0;
  }
}
