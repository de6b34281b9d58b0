/**
 * Everything that takes bytes from outside, with 200 000 inputs in all. `FUZZ_ITERATIONS` and
 * `FUZZ_SEED` in the environment make it longer, or other inputs of it; `tests/fuzz/long.ts` is the long
 * run.
 */
import { deepStrictEqual, ok } from "node:assert/strict";
import { fuzzAll } from "./pool.ts";
import { PROTOCOLS } from "./registry.ts";

const inputs = Number(Deno.env.get("FUZZ_ITERATIONS") ?? 200_000);
const seed = Number(Deno.env.get("FUZZ_SEED") ?? 1);

for (const protocol of PROTOCOLS) {
  Deno.test(`fuzz: ${protocol}: no input breaks anything, and every type is reached`, async () => {
    const results = await fuzzAll({ inputs, seed, threads: 1, only: `${protocol}/` });
    const missing: string[] = [];
    for (const { target, tally } of results) {
      ok(tally.inputs > 0, target.name);
      if (tally.missing(target.types).length === 0) continue;
      // Chance may have it that a rare one is not among so few: ten times as many have it, or none.
      const more = { inputs: 10 * inputs, seed: seed + 1, threads: 1, only: target.name };
      for (const { target: { name }, tally } of await fuzzAll(more)) {
        if (name !== target.name) continue;
        missing.push(...tally.missing(target.types).map((what) => `${name}: ${what}`));
      }
    }
    deepStrictEqual(missing, []);
  });
}
