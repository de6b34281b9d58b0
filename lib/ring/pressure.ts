/**
 * When to stop reading, because other servers do not keep up. Clients wait first. Servers wait only
 * when much more is open, and never for long: each of five servers could wait for the next one, and
 * the ring would stand still.
 *
 * @module
 */

/** Copies without answer on one connection, above which clients wait. */
const CLIENTS_WAIT = 2_048;
/** The same for servers. */
const SERVERS_WAIT = 8_192;
/** A connection with more than this is given up. */
const TOO_MUCH = 65_536;
/** Servers wait so long, and are then read for as long at the least; in ms. */
const TURN = 1_000;

/** Who waits now. */
export class Pressure {
  clients = false;
  servers = false;
  /** When the waiting or the reading of servers may end. */
  #turnEnds = -Infinity;

  static isTooMuch(unanswered: number): boolean {
    return unanswered > TOO_MUCH;
  }

  nextWake(): number {
    return this.servers ? this.#turnEnds : Infinity;
  }

  /** `most`: copies without answer on the connection that has most of them. Whether anything changed. */
  update(now: number, most: number): boolean {
    const clients = this.clients ? most > CLIENTS_WAIT / 2 : most > CLIENTS_WAIT;
    let { servers } = this;
    if (servers) servers = most > SERVERS_WAIT / 2 && now < this.#turnEnds;
    else servers = most > SERVERS_WAIT && now >= this.#turnEnds;
    if (servers !== this.servers) this.#turnEnds = now + TURN;
    const changed = clients !== this.clients || servers !== this.servers;
    this.clients = clients;
    this.servers = servers;
    return changed;
  }
}
