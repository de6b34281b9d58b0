/**
 * Cutting a PDU into datagrams (spec/lsoe.md §3.2).
 *
 * @module
 */
import { DATAGRAM_HEADER, encodeDatagram, MAX_DATAGRAMS, MAX_LENGTH } from "./datagram.ts";

/**
 * The longest PDU that fits into 128 datagrams of at most `maxDatagram` octets, header included; at
 * most 65535, and 0 where a datagram has no room for a payload.
 */
export function largestPdu(maxDatagram: number): number {
  const room = Math.min(maxDatagram, MAX_LENGTH) - DATAGRAM_HEADER;
  return Math.max(0, Math.min(MAX_LENGTH, MAX_DATAGRAMS * room));
}

/**
 * The datagrams of a PDU, of at most `maxDatagram` octets each: `min(interface MTU, max-datagram)`.
 * To be sent back to back.
 * @throws {RangeError} where it is empty or longer than {@linkcode largestPdu} says.
 */
export function encodeDatagrams(pdu: Uint8Array, maxDatagram: number): Uint8Array[] {
  const most = largestPdu(maxDatagram);
  if (pdu.length === 0 || pdu.length > most) {
    throw new RangeError(
      `a PDU of ${pdu.length} octets in datagrams of ${maxDatagram}, where ${most} would fit`,
    );
  }
  const room = Math.min(maxDatagram, MAX_LENGTH) - DATAGRAM_HEADER;
  const count = Math.ceil(pdu.length / room);
  return Array.from({ length: count }, (_, number) =>
    encodeDatagram({
      last: number === count - 1,
      number,
      payload: pdu.subarray(number * room, (number + 1) * room),
    }));
}
