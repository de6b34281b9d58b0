/**
 * Where the machines' randomness comes from.
 *
 * @module
 */
import { Random } from "../core/random.ts";

/** A generator whose seed nobody can guess. `randomBytes`: from the system. */
export function seeded(randomBytes: (length: number) => Uint8Array): Random {
  return new Random(randomBytes(4).reduce((value, byte) => value * 256 + byte, 0));
}
