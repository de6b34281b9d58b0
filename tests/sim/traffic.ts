/**
 * Counting what nodes send.
 *
 * @module
 */

/** What was sent. Bytes are those the machine wrote: without headers below it and without sealing. */
export interface Traffic {
  multicasts: number;
  multicastBytes: number;
  datagrams: number;
  datagramBytes: number;
  /** `write` calls on streams. */
  writes: number;
  streamBytes: number;
  /** Stream packets, retransmissions included; no acknowledgements. */
  packets: number;
  dials: number;
}

export function noTraffic(): Traffic {
  return {
    multicasts: 0,
    multicastBytes: 0,
    datagrams: 0,
    datagramBytes: 0,
    writes: 0,
    streamBytes: 0,
    packets: 0,
    dials: 0,
  };
}

/** Messages and bytes of a traffic count: what was handed to the transport. */
export function totals(traffic: Traffic): { messages: number; bytes: number } {
  return {
    messages: traffic.multicasts + traffic.datagrams + traffic.writes,
    bytes: traffic.multicastBytes + traffic.datagramBytes + traffic.streamBytes,
  };
}
