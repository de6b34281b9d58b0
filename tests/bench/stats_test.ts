/** Figures from samples. */
import { ok, strictEqual, throws } from "node:assert/strict";
import { digits, growthExponent, quantile, summarise } from "../../bench/harness/stats.ts";

Deno.test("a quantile lies between the samples, linear between neighbours", () => {
  strictEqual(quantile([7], 0.9), 7);
  strictEqual(quantile([1, 2, 3, 4], 0.5), 2.5);
  strictEqual(quantile([0, 10], 0.1), 1);
  strictEqual(quantile([1, 2, 3], 0), 1);
  strictEqual(quantile([1, 2, 3], 1), 3);
  throws(() => quantile([], 0.5), RangeError);
});

Deno.test("a summary does not depend on the order, and does not change the samples", () => {
  const samples = [5, 1, 4, 2, 3];
  const { n, median, p10, p90, max } = summarise(samples);
  strictEqual(n, 5);
  strictEqual(median, 3);
  strictEqual(max, 5);
  ok(Math.abs(p10 - 1.4) < 1e-12 && Math.abs(p90 - 4.6) < 1e-12);
  strictEqual(samples.join(), "5,1,4,2,3");
});

Deno.test("the exponent of a power law is found, and noise of a few percent moves it little", () => {
  const sizes = [125, 250, 500, 1_000];
  for (const exponent of [0, 1, 1.5, 2]) {
    const found = growthExponent(sizes.map((n) => [n, 3 * n ** exponent]));
    ok(Math.abs(found - exponent) < 1e-9, `${found} for ${exponent}`);
  }
  const noisy = growthExponent(sizes.map((n, i) => [n, n * (i % 2 ? 1.03 : 0.97)]));
  ok(Math.abs(noisy - 1) < 0.05, `${noisy}`);
  throws(() => growthExponent([[10, 1], [10, 2]]), RangeError);
  throws(() => growthExponent([[10, 1], [20, 0]]), RangeError);
});

Deno.test("numbers are shown with the digits that count", () => {
  const shown = [0, 0.0004, 0.0123, 0.5, 1.234, 12.34, 123.4, 5_000_000, -2.5].map(digits);
  strictEqual(shown.join(" "), "0 0.0004 0.012 0.50 1.23 12.3 123 5000000 -2.50");
});
