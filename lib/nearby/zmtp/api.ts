/**
 * What surrounds a ZMTP socket: what it asks of its connections, and what can be counted.
 *
 * @module
 */

/** Names a connection of a socket. Never used again. */
export type LinkId = number;

/** Messages that wait for one connection, or from it, at the most (libzmq's default). */
export const HIGH_WATER = 1_000;

/** Where a socket's output goes. Calls must not call back into the machine. */
export interface ZmtpOutput {
  /** Opens a TCP connection; answered by `connected` or `failed`, later. */
  dial(link: LinkId, host: string, port: number): void;
  /** There is something to write: `takeOutput`, once the last write is done. */
  flush(link: LinkId): void;
  /** `wantsInput` is true again. */
  resume(link: LinkId): void;
  /** Close it at once, and say no `closed` for it. */
  close(link: LinkId): void;
  /** There may be something for the application: `take`. */
  readable(): void;
}

/** Since the start. */
export interface ZmtpCounters {
  /** Connections that came to be, by dialling or listening. */
  connections: number;
  /** Handshakes that came to their end. */
  handshakes: number;
  /** Connections closed because a peer does not speak as it should. */
  refused: number;
  /** Handshakes that took too long. */
  handshakeTimeouts: number;
  /** Connections not taken because there were too many. */
  tooMany: number;
  messagesReceived: number;
  messagesSent: number;
  /** Messages that were dropped: no room, no envelope, nobody asked. */
  dropped: number;
}

export function newZmtpCounters(): ZmtpCounters {
  return {
    connections: 0,
    handshakes: 0,
    refused: 0,
    handshakeTimeouts: 0,
    tooMany: 0,
    messagesReceived: 0,
    messagesSent: 0,
    dropped: 0,
  };
}
