/**
 * Datagrams: an octet header before a piece of a PDU (spec/lsoe.md §3).
 *
 * ```text
 *  octet 0         1               2        4          8
 *  +---------+---+--------------+--------+----------+-----------
 *  | version | L | number 0–127 | length | checksum | payload …
 *  +---------+---+--------------+--------+----------+-----------
 * ```
 *
 * @module
 */
import { readU16, readU32, writeU16, writeU32 } from "../wire/bytes.ts";
import { checksum } from "./checksum.ts";

/** Octets in front of the payload. */
export const DATAGRAM_HEADER = 8;
/** Numbers go from 0 to 127. */
export const MAX_DATAGRAMS = 128;
/** What a 16-bit length can say, of a PDU as of a datagram. */
export const MAX_LENGTH = 65_535;

const VERSION = 0;
const LAST = 0x80;

/** A datagram that passed every check. */
export interface Datagram {
  /** It ends its PDU. */
  readonly last: boolean;
  /** 0 to 127, its place in the PDU. */
  readonly number: number;
  /** A view of what was decoded, up to the length in the header. */
  readonly payload: Uint8Array;
}

/** What is wrong with one: the first check that failed. */
export type DatagramFault = "short" | "version" | "length" | "checksum";

/**
 * Reads the payload of a frame, padding allowed. A fault is a returned text, not an exception:
 * anybody on the link can send them as fast as the link carries.
 */
export function decodeDatagram(frame: Uint8Array): Datagram | DatagramFault {
  if (frame.length < DATAGRAM_HEADER) return "short";
  if (frame[0] !== VERSION) return "version";
  const length = readU16(frame, 2);
  if (length < DATAGRAM_HEADER || length > frame.length) return "length";
  const datagram = length === frame.length ? frame : frame.subarray(0, length);
  if (checksum(datagram) !== readU32(datagram, 4)) return "checksum";
  const flags = datagram[1] as number;
  return {
    last: (flags & LAST) !== 0,
    number: flags & ~LAST,
    payload: datagram.subarray(DATAGRAM_HEADER),
  };
}

/**
 * One datagram with its checksum.
 * @throws {RangeError} where number or payload do not fit.
 */
export function encodeDatagram({ last, number, payload }: Datagram): Uint8Array {
  const length = DATAGRAM_HEADER + payload.length;
  if (length > MAX_LENGTH) throw new RangeError(`a datagram of ${length} octets`);
  if (!(number >= 0 && number < MAX_DATAGRAMS)) throw new RangeError(`datagram ${number}`);
  const datagram = new Uint8Array(length);
  datagram[0] = VERSION;
  datagram[1] = (last ? LAST : 0) | number;
  writeU16(datagram, 2, length);
  datagram.set(payload, DATAGRAM_HEADER);
  writeU32(datagram, 4, checksum(datagram));
  return datagram;
}
