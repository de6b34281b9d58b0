/**
 * Which entry of an outbox has which number, as it stands in the record of a direction: most numbers
 * and places follow one upon the other, so runs of both say it in a few octets.
 *
 * @module
 */

import { WireError } from "../wire/bytes.ts";

/** Far more than any window lets through: a record that says more is damaged. */
const MOST = 1_048_576;

/** Number → entry, numbers ascending, as runs: distance in numbers, distance in places, length. */
export function encodeNumbers(
  sent: Iterable<readonly [seq: number, entry: { readonly at: number } | undefined]>,
): number[] {
  const runs: number[] = [];
  /** What would go on with the run. */
  let next = { seq: 0, at: 0 };
  for (const [seq, entry] of sent) {
    if (!entry) continue;
    const { at } = entry;
    if (runs.length > 0 && seq === next.seq && at === next.at) (runs[runs.length - 1] as number)++;
    else runs.push(seq - next.seq, at - next.at, 1);
    next = { seq: seq + 1, at: at + 1 };
  }
  return runs;
}

/**
 * Place → number. `pairs`: what earlier versions wrote in place of runs.
 * @throws {WireError} where it is damaged.
 */
export function decodeNumbers(
  runs: readonly number[] = [],
  pairs: readonly number[] = [],
): Map<number, number> {
  const numbers = new Map<number, number>();
  for (let i = 0, seq = 0, at = 0; i + 1 < pairs.length; i += 2) {
    seq += pairs[i] as number;
    at += pairs[i + 1] as number;
    numbers.set(at, seq);
  }
  for (let i = 0, seq = 0, at = 0; i + 2 < runs.length; i += 3) {
    seq += runs[i] as number;
    at += runs[i + 1] as number;
    const length = runs[i + 2] as number;
    if (numbers.size + length > MOST) throw new WireError(`a run of ${length} numbers`, 0);
    for (const end = seq + length; seq < end; seq++, at++) numbers.set(at, seq);
  }
  return numbers;
}
