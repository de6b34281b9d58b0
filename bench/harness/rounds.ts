/**
 * Taking samples in turns, so that what disturbs this computer disturbs all candidates alike.
 *
 * @module
 */
import { sleep } from "./sleep.ts";

/** Name → one sample, in whatever unit the caller means. */
export type Cases<Name extends string> = Readonly<Record<Name, () => number | Promise<number>>>;

/**
 * `rounds` samples of each case. In each round every case has one turn, and the round begins one
 * case later than the last. A first round is not counted.
 */
export async function interleave<Name extends string>(
  rounds: number,
  cases: Cases<Name>,
  options: { pause?: () => number } = {},
): Promise<Record<Name, number[]>> {
  const names = Object.keys(cases) as Name[];
  const samples = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<
    Name,
    number[]
  >;
  for (let round = -1; round < rounds; round++) {
    for (let i = 0; i < names.length; i++) {
      const name = names[(i + round + 1) % names.length] as Name;
      await sleep(options.pause?.() ?? 0);
      const sample = await cases[name]();
      if (round >= 0) samples[name].push(sample);
    }
  }
  return samples;
}

/** Time of `work`, in ms. */
export async function timed(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Shorter than a turn of the scheduler, so that most samples are not interrupted; in ms. */
const FILL = 2;
/** Until the compiler has done what it will; in ms. */
const WARM = 150;

/**
 * A case for {@linkcode interleave}: ms that one call of `work` takes, from as many calls in a row
 * as fill about `fill` ms. The first turn, which is not counted, warms up and finds out how many.
 */
export function perCall(work: () => void, fill = FILL): () => number {
  let calls = 0;
  return () => {
    if (calls === 0) {
      for (const end = performance.now() + WARM; performance.now() < end;) work();
      for (const end = performance.now() + fill; performance.now() < end; calls++) work();
    }
    const start = performance.now();
    for (let i = 0; i < calls; i++) work();
    return (performance.now() - start) / calls;
  };
}

/** The same for work that is waited for. */
export function perAwait(work: () => Promise<unknown>, fill = FILL): () => Promise<number> {
  let calls = 0;
  return async () => {
    if (calls === 0) {
      for (const end = performance.now() + WARM; performance.now() < end;) await work();
      for (const end = performance.now() + fill; performance.now() < end; calls++) await work();
    }
    const start = performance.now();
    for (let i = 0; i < calls; i++) await work();
    return (performance.now() - start) / calls;
  };
}
