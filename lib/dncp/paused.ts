/**
 * Peers that said that they restart (docs/dncp.md, Pause): they stay peers for a while without a
 * stream, so that nobody in the network sees them leave and come back.
 *
 * @module
 */
import type { EndpointId } from "./api.ts";
import type { Core } from "./core.ts";
import type { Peer } from "./peers.ts";

/** The peers of one machine that are away for a restart. */
export class PausedPeers {
  readonly #core: Core;
  readonly #until = new Map<Peer, number>();

  constructor(core: Core) {
    this.#core = core;
  }

  /** Until when a place is kept that was asked for now: never longer than silence is borne. */
  until(now: number, limit: number): number {
    const { interval, multiplier } = this.#core.profile.keepAlive;
    return now + Math.min(limit, interval * multiplier);
  }

  /** The stream of this peer has ended as it said. */
  keep(peer: Peer, until: number): void {
    peer.stream = undefined;
    this.#until.set(peer, until);
    this.#core.wakeAt(until);
  }

  /** It is back. */
  back(peer: Peer): void {
    this.#until.delete(peer);
  }

  /** The endpoint goes, and its peers with it. */
  dropAll(endpoint: EndpointId, reason: string): void {
    for (const peer of [...this.#until.keys()]) {
      if (peer.endpoint === endpoint) this.#drop(peer, reason);
    }
  }

  get nextWake(): number {
    return Math.min(...this.#until.values());
  }

  wake(now: number): void {
    for (const [peer, until] of [...this.#until]) {
      if (now >= until) this.#drop(peer, "did not come back from its restart");
    }
  }

  #drop(peer: Peer, reason: string): void {
    this.#until.delete(peer);
    this.#core.peers.drop(peer, reason);
  }
}
