/**
 * When one destination is told the network state over datagrams: as Trickle says, and as a
 * keep-alive (RFC 7787 §4.3, §6.1.2).
 *
 * @module
 */
import type { Random } from "../core/mod.ts";
import { Trickle, type TrickleParameters } from "./trickle.ts";

/** The timers towards one destination. Times are monotonic milliseconds. */
export class Beat {
  readonly #parameters: TrickleParameters;
  readonly #interval: number;
  readonly #random: Random;
  readonly #trickle: Trickle;
  #lastSent: number;
  /** Random extra before a keep-alive. */
  #extra = 0;

  /** `interval`: of the keep-alives, in ms; 0: there are none. */
  constructor(parameters: TrickleParameters, interval: number, random: Random, now: number) {
    this.#parameters = parameters;
    this.#interval = interval;
    this.#random = random;
    this.#trickle = new Trickle(parameters, random, now);
    this.#lastSent = now;
  }

  /** Trickle is at its shortest interval: something has changed lately. */
  get isQuick(): boolean {
    return this.#trickle.interval === this.#parameters.imin;
  }

  get nextWake(): number {
    return Math.min(this.#trickle.nextWake, this.#keepAliveAt);
  }

  /** The network state hash changed. */
  reset(now: number): void {
    this.#trickle.reset(now);
  }

  /** The destination, or another node on its link, has told the hash that we have. */
  hearConsistent(): void {
    this.#trickle.hearConsistent();
  }

  /** Act on what is due; true where the network state is to be sent now. */
  wake(now: number): boolean {
    const keepAlive = now >= this.#keepAliveAt;
    if (!keepAlive && !this.#trickle.wake(now)) return false;
    this.#lastSent = now;
    this.#extra = this.#random.between(0, this.#parameters.imin / 2);
    if (keepAlive) this.#trickle.restart(now);
    return true;
  }

  get #keepAliveAt(): number {
    return this.#interval === 0 ? Infinity : this.#lastSent + this.#interval + this.#extra;
  }
}
