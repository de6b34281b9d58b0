/**
 * Figures from samples: medians, spreads, ratios, and how a cost grows.
 *
 * @module
 */

/** A set of samples in few numbers, all in the unit of the samples. */
export interface Summary {
  readonly n: number;
  readonly median: number;
  readonly p10: number;
  readonly p90: number;
  readonly max: number;
}

/**
 * The value below which the share `q` (0 … 1) of the samples lies, linear between neighbours.
 * `sorted` is ascending.
 * @throws {RangeError} without samples.
 */
export function quantile(sorted: readonly number[], q: number): number {
  if (sorted.length === 0) throw new RangeError("no samples");
  const at = Math.min(Math.max(q, 0), 1) * (sorted.length - 1);
  const low = sorted[Math.floor(at)] as number;
  const high = sorted[Math.ceil(at)] as number;
  return low + (high - low) * (at - Math.floor(at));
}

/** @throws {RangeError} without samples. */
export function summarise(samples: readonly number[]): Summary {
  const sorted = samples.toSorted((a, b) => a - b);
  return {
    n: sorted.length,
    median: quantile(sorted, 0.5),
    p10: quantile(sorted, 0.1),
    p90: quantile(sorted, 0.9),
    max: quantile(sorted, 1),
  };
}

/**
 * The exponent e of the law y = c · x^e that fits best: the slope of the least-squares line through
 * the logarithms. 1 is linear growth.
 * @throws {RangeError} for fewer than two different x, or where a value is not above zero.
 */
export function growthExponent(points: readonly (readonly [x: number, y: number])[]): number {
  const logs = points.map(([x, y]) => {
    if (!(x > 0 && y > 0)) throw new RangeError(`no logarithm of (${x}, ${y})`);
    return [Math.log(x), Math.log(y)] as const;
  });
  const meanX = logs.reduce((sum, [x]) => sum + x, 0) / logs.length;
  const meanY = logs.reduce((sum, [, y]) => sum + y, 0) / logs.length;
  const spread = logs.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  if (!(spread > 0)) throw new RangeError("growth needs two different sizes");
  return logs.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / spread;
}

/** A number for people: three digits that count. */
export function digits(value: number): string {
  const size = Math.abs(value);
  if (size >= 100 || Number.isInteger(value)) return String(Math.round(value));
  if (size >= 10) return value.toFixed(1);
  if (size >= 1) return value.toFixed(2);
  return size === 0 ? "0" : value.toPrecision(size >= 0.001 ? 2 : 1);
}
