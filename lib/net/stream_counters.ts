/**
 * What is counted about streams.
 *
 * @module
 */

/** Counts since start, for `/metrics`. One object serves all streams of a network. */
export interface StreamCounters {
  /** Handshakes done, by who began. */
  dialled: number;
  accepted: number;
  /** Dials that led to no stream, for any reason. */
  dialsFailed: number;
  /** The other side has another key; either side counts it. */
  wrongKey: number;
  /** Connections taken that did not begin as an agent's do, or spoke a later version. */
  notAnAgent: number;
  /** Connections taken whose handshake was no handshake of a holder of the key. */
  badHandshakes: number;
  /** Connections taken that closed, or were silent for too long, before the handshake was done. */
  brokenOff: number;
  handshakeTimeouts: number;
  /** Connections taken and closed because too many were in their handshake at once. */
  halfOpenDropped: number;
  /** Streams taken and closed because too many were open on which the other side had said nothing. */
  silentDropped: number;
  /** Holders of the key that were refused because all streams were taken. */
  busy: number;
  /** Times that the system let us take no connection (too many open files). */
  acceptFailures: number;
  /** Streams closed at bytes that the other side cannot have sent like this. */
  garbage: number;
  /** Streams closed because the other side read nothing for too long. */
  stalled: number;
  /** Streams closed because too much waited for the other side to read. */
  overflowed: number;
  /** Encrypted, as on the wire, handshakes not counted. */
  bytesSent: number;
  bytesReceived: number;
  /** TCP writes; many messages leave in one. */
  writes: number;
}

/** All at 0. */
export function newStreamCounters(): StreamCounters {
  return {
    dialled: 0,
    accepted: 0,
    dialsFailed: 0,
    wrongKey: 0,
    notAnAgent: 0,
    badHandshakes: 0,
    brokenOff: 0,
    handshakeTimeouts: 0,
    halfOpenDropped: 0,
    silentDropped: 0,
    busy: 0,
    acceptFailures: 0,
    garbage: 0,
    stalled: 0,
    overflowed: 0,
    bytesSent: 0,
    bytesReceived: 0,
    writes: 0,
  };
}
