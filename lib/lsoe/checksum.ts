/**
 * The checksum of a datagram (spec/lsoe.md §3.1): four sums of octets that went through a table.
 *
 * @module
 */

/** The Skipjack F-table: a permutation of all octets. */
export const SBOX: Uint8Array = Uint8Array.fromHex(
  "a3d70983f848f6f4b321157899b1aff9e72d4d8ace4cca2e5295d91e4e384428" +
    "0adf02a017f1606812b77ac3e9fa3d5396846bbaf2639a197caee5f5f7166aa2" +
    "39b67b0fc193811beeb41aead0912fb855b9da853f41bfe05a58805f660bd890" +
    "35d5c0a733066569450094566d989b7697fcb2c2b0fedb20e1ebd6e4dd474a1d" +
    "42ed9e6e493ccd4327d207d4dec7671889cb301f8dc68faac874dcc95d5c31a4" +
    "7088612c9f0d2b8750825464267d0340344b1c73d1c4fd3bccfb7fabe63e5ba5" +
    "ad04239c145122f02979717eff8c0ee20cefbc72756f37a1ecd38e628b8610e8" +
    "087711be924f24c532369dcff3a6bbac5e6ca9135725b5e3bda83a0105592a46",
);

const TWO_32 = 0x1_0000_0000;

/**
 * The checksum of a whole datagram of 8 to 65535 octets, 0 to 2³² − 1. What stands in its own
 * checksum field counts as zero.
 */
export function checksum(datagram: Uint8Array): number {
  const table = SBOX;
  const length = datagram.length;
  const zero = table[0] as number;
  // None of the sums leaves 22 bits, so all of this is arithmetic on small integers.
  let a = (table[datagram[0] as number] as number) + zero;
  let b = (table[datagram[1] as number] as number) + zero;
  let c = (table[datagram[2] as number] as number) + zero;
  let d = (table[datagram[3] as number] as number) + zero;
  const whole = length & ~3;
  let i = 8;
  for (; i < whole; i += 4) {
    a += table[datagram[i] as number] as number;
    b += table[datagram[i + 1] as number] as number;
    c += table[datagram[i + 2] as number] as number;
    d += table[datagram[i + 3] as number] as number;
  }
  if (i < length) a += table[datagram[i] as number] as number;
  if (i + 1 < length) b += table[datagram[i + 1] as number] as number;
  if (i + 2 < length) c += table[datagram[i + 2] as number] as number;
  // Below 2⁴⁷, where a number is exact and bitwise operators are not.
  let r = ((a * 256 + b) * 256 + c) * 256 + d;
  r = Math.floor(r / TWO_32) + r % TWO_32;
  return Math.floor(r / TWO_32) + r % TWO_32;
}
