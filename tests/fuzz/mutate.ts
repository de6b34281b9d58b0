/**
 * Damage by chance, drawn from a seed.
 *
 * @module
 */
import type { Random } from "../../lib/core/mod.ts";

/** Numbers that lengths and counts go wrong at. */
const EDGES = [0, 1, 2, 3, 4, 7, 8, 15, 16, 23, 24, 31, 32, 63, 64, 127, 128, 255];

/** One input of the corpus, or noise, with one to eight damages; now and then as it is. */
export function mutate(
  random: Random,
  inputs: readonly Uint8Array[],
  maxBytes: number,
): Uint8Array {
  let bytes = inputs.length === 0 || random.chance(0.05)
    ? random.bytes(random.below(64))
    : new Uint8Array(random.pick(inputs));
  const rounds = random.chance(0.05) ? 0 : 1 + random.below(random.chance(0.5) ? 2 : 8);
  for (let i = 0; i < rounds; i++) bytes = damage(random, bytes, inputs);
  return bytes.length > maxBytes ? bytes.slice(0, maxBytes) : bytes;
}

function damage(random: Random, bytes: Uint8Array, inputs: readonly Uint8Array[]): Uint8Array {
  const at = random.below(bytes.length + 1);
  const count = Math.min(random.below(random.chance(0.8) ? 8 : 256), bytes.length - at);
  switch (random.below(inputs.length === 0 ? 8 : 9)) {
    case 0: // one bit
      if (at < bytes.length) bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
      return bytes;
    case 1: // one byte
      if (at < bytes.length) bytes[at] = random.below(256);
      return bytes;
    case 2: // a byte at which numbers go wrong
      if (at < bytes.length) bytes[at] = random.pick(EDGES);
      return bytes;
    case 3: // one to eight bytes, all zeros or all ones, where a length may stand
      bytes.fill(random.chance(0.5) ? 0xff : 0, at, at + random.pick([1, 2, 3, 4, 8]));
      return bytes;
    case 4: // cut off
      return bytes.slice(0, at);
    case 5: // something more
      return splice(bytes, at, 0, random.bytes(random.below(9)));
    case 6: // something less
      return splice(bytes, at, count, new Uint8Array(0));
    case 7: // something twice
      return splice(bytes, at, 0, bytes.slice(at, at + count));
    default: { // a part of another input
      const other = random.pick(inputs);
      const from = random.below(other.length + 1);
      return splice(bytes, at, count, other.subarray(from, from + random.below(64)));
    }
  }
}

function splice(bytes: Uint8Array, at: number, drop: number, insert: Uint8Array): Uint8Array {
  const out = new Uint8Array(bytes.length - drop + insert.length);
  out.set(bytes.subarray(0, at));
  out.set(insert, at);
  out.set(bytes.subarray(at + drop), at + insert.length);
  return out;
}
