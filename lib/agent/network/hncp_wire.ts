/**
 * Figures of the profile `hncp` that the node and its leafy clients share.
 *
 * @module
 */

/** RFC 7788 §3. */
export const HNCP_GROUP = "ff02::11";
/** The largest payload of a UDP datagram over IPv6 without extension headers, in bytes. */
export const MAX_DATAGRAM = 65_527;
/**
 * "Who is there?": Request Network State alone. It says nothing that could keep a node from speaking
 * (RFC 6206 §4.2).
 */
export const QUESTION = Uint8Array.of(0, 1, 0, 0);
