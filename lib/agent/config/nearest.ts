/**
 * The nearest known word to one that is not known, for "did you mean".
 *
 * @module
 */

/**
 * Edits between two words: insertions, deletions, replacements and swaps of neighbours (optimal
 * string alignment), without regard to case and to `-` against `_`.
 */
export function editDistance(a: string, b: string): number {
  const from = fold(a);
  const to = fold(b);
  let before: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const same = from[i - 1] === to[j - 1] ? 0 : 1;
      let best = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + same);
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) {
        best = Math.min(best, at(before, j - 2) + 1);
      }
      row.push(best);
    }
    before = last;
    last = row;
  }
  return at(last, to.length);
}

/** The known word that `word` was probably meant to be, or undefined where none is near. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  if (word.length > 64) return undefined;
  let best: string | undefined;
  let bestDistance = Infinity;
  for (const candidate of known) {
    const begun = word.length >= 3 && fold(candidate).startsWith(fold(word));
    const distance = begun ? 1 : editDistance(word, candidate);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  if (best === undefined) return undefined;
  return bestDistance <= Math.max(1, Math.floor(Math.max(word.length, best.length) / 3))
    ? best
    : undefined;
}

/** `; did you mean "…"?`, or nothing where no known word is near. */
export function didYouMean(word: string, known: Iterable<string>): string {
  const found = nearest(word, known);
  return found === undefined ? "" : `; did you mean "${found}"?`;
}

function fold(word: string): string {
  return word.toLowerCase().replaceAll("_", "-");
}

function at(row: readonly number[], i: number): number {
  return row[i] as number;
}
