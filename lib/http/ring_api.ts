/**
 * What the agent hands to the local API about the ring (pzog).
 *
 * @module
 */

/** A member of the ring, as this server sees it. */
export interface RingMemberRow {
  index: number;
  name: string;
  /** `HOST:PORT` where it is dialled; null where it is not known, and for this server. */
  address: string | null;
  /** Of the connection to it; copies are sent while it is `up`. */
  state: "self" | "down" | "connecting" | "hello" | "up";
  sinceSeconds: number;
  /** Whether it holds a connection to us. */
  incoming: boolean;
  /** Copies handed to its connection. */
  sent: number;
  /** Of these: not answered yet. */
  unanswered: number;
  /** Of these: not answered when the connection ended, so perhaps lost (LOST in error.log). */
  lost: number;
  /** Copies that were due while there was no connection (NO LINK in error.log). */
  noLink: number;
  /** Why there is no connection, or empty. */
  trouble: string;
}

/** `ring status --json`. */
export interface RingView {
  version: "0.1" | "0.2.2";
  /** Of this server; null in v0.1, which has no ring. */
  index: number | null;
  name: string;
  listen: string[];
  clients: number;
  members: RingMemberRow[];
  /** Messages since the start. */
  fromClients: number;
  fromServers: number;
  logged: number;
  /** Copies that went round a missing member. */
  rerouted: number;
  /** Bad lines, refused HELLOs, connections without room. */
  refused: number;
  /** Sums over the members. */
  lost: number;
  noLink: number;
  logDir: string;
  /** Lines that could not be written, for instance to a full disk. */
  logLinesLost: number;
}
