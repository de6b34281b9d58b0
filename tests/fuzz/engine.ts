/**
 * Runs targets: makes inputs from a seed, feeds them, and holds each one to time and memory. Stops at
 * the first that breaks its contract, with the shortest story of it that could be found.
 *
 * @module
 */
import { Random } from "../../lib/core/mod.ts";
import { readCorpus, readStories, type Story } from "./corpus.ts";
import { collect, collectAll } from "./memory.ts";
import { mutate } from "./mutate.ts";
import { Broken, type Subject, Tally, type Target } from "./target.ts";

/** One input that takes longer than this, twice, hangs; in ms. */
const HANG = 1_000;
/** What a target may hold more at its end than near its beginning, in bytes. */
export const LEAK = 8 * 1024 * 1024;
/** What one input may allocate in buffers, and per byte of it. Looked at for one input in {@linkcode SAMPLE}. */
const BURST = 16 * 1024 * 1024;
const BURST_PER_BYTE = 1_024;
const SAMPLE = 61;
/** Attempts at a shorter story, and how long they may take, in ms. */
const SHORTENINGS = 400;
const SHORTENING = 10_000;

/** How to run a target. */
export interface RunOptions {
  readonly seed: number;
  readonly inputs: number;
  /**
   * Called before each input, for who watches from outside: the subject's seed, and which of its inputs.
   * Files of the corpus as they are have numbers below zero, from -1 down.
   */
  readonly progress?: (seed: number, step: number) => void;
  /** Default: {@linkcode HANG}. */
  readonly hangMs?: number;
  /** Default: {@linkcode LEAK}. */
  readonly leak?: number;
}

/** What came of one target. */
export interface RunResult {
  readonly tally: Tally;
  /** What it held more in the end, in bytes. */
  readonly growth: number;
  readonly ms: number;
}

/** A target broke its contract. */
export class Failure extends Error {
  readonly target: string;
  /** The bytes that do it alone, where there are such; else a story. */
  readonly input: Uint8Array | undefined;
  readonly story: Story | undefined;

  constructor(
    target: string,
    why: string,
    { input, story, cause }: { input?: Uint8Array; story?: Story; cause?: unknown } = {},
  ) {
    const what = input
      ? `; input ${input.toHex()}`
      : story
      ? `; ${story.steps.length} steps from seed ${story.seed}`
      : "";
    super(`fuzz ${target}: ${why}${what}`, { cause });
    this.target = target;
    this.input = input;
    this.story = story;
  }
}

/** One step of an episode; what it is fed follows from the seed and the corpus. */
interface Step {
  readonly seed: number;
  readonly input: Uint8Array;
}

/** Runs the corpus as it is, the stories, and then damaged inputs. @throws {Failure} */
export async function run(target: Target, options: RunOptions): Promise<RunResult> {
  const start = performance.now();
  const tally = new Tally();
  const inputs = await asTheyAre(target, tally, options.progress);
  const began = tally.inputs;
  let held = Infinity;
  for (let episode = 0; tally.inputs - began < options.inputs; episode++) {
    const left = options.inputs - (tally.inputs - began);
    await live(
      target,
      { ...options, inputs: Math.min(left, target.steps) },
      episode,
      inputs,
      tally,
    );
    if (held === Infinity && tally.inputs - began >= options.inputs / 4) {
      // Compiled code, caches of shapes and the like are made at the beginning.
      held = collect();
    }
  }
  const leak = options.leak ?? LEAK;
  let growth = collect() - held;
  // What finalizers let go of is free a round later.
  if (growth > leak) growth = await collectAll() - held;
  if (growth > leak) {
    throw new Failure(target.name, `it holds ${growth} bytes more than near its beginning`);
  }
  return { tally, growth, ms: performance.now() - start };
}

/** The corpus, where its names say what must become of it, and the stories. */
async function asTheyAre(
  target: Target,
  tally: Tally,
  progress: RunOptions["progress"],
): Promise<Uint8Array[]> {
  const inputs: Uint8Array[] = [];
  for (const corpus of target.corpus) {
    const files = readCorpus(corpus);
    if (files.length === 0) throw new Error(`the corpus "${corpus}" is empty`);
    const subject = target.single ? await target.begin(1, tally) : undefined;
    for (const { name, bytes } of files) {
      inputs.push(bytes);
      progress?.(0, -inputs.length);
      if (!subject?.exact) continue;
      const random = new Random(1);
      let taken;
      try {
        taken = await subject.exact(bytes.slice(), random);
      } catch (error) {
        throw new Failure(target.name, `file ${corpus}/${name}: ${error}`, {
          input: bytes,
          cause: error,
        });
      }
      tally.count(taken);
      if (target.strict && taken === name.startsWith("bad-")) {
        throw new Error(`${corpus}/${name} was ${taken ? "taken" : "refused"} by ${target.name}`);
      }
    }
    await subject?.end?.();
  }
  for (const [file, story] of readStories(target.name)) {
    try {
      await retell(
        target,
        story.seed,
        story.steps.map(([seed, hex]) => fromStory(seed, hex)),
        tally,
      );
    } catch (error) {
      throw new Failure(target.name, `stories/${file}: ${error}`, { story, cause: error });
    }
  }
  return inputs;
}

function fromStory(seed: number, hex: string): Step {
  return { seed, input: Uint8Array.fromHex(hex) };
}

/** One subject from its beginning to its end. */
async function live(
  target: Target,
  { seed, inputs: count, progress, hangMs = HANG }: RunOptions,
  episode: number,
  inputs: readonly Uint8Array[],
  tally: Tally,
): Promise<void> {
  const own = mix(mix(seed, seedOf(target.name)), episode);
  const random = new Random(own);
  const subject = await target.begin(own, tally);
  const seeds: number[] = [];
  const told = () => seeds.map((each) => stepOf(each, target, inputs));
  let external = 0;
  try {
    for (let i = 0; i < count; i++) {
      const { seed, input } = stepOf(random.uint32(), target, inputs);
      seeds.push(seed);
      progress?.(own, i);
      const { length } = input;
      const sampled = i % SAMPLE === 0;
      if (sampled) external = Deno.memoryUsage().external;
      const start = performance.now();
      const outcome = subject.step(input, stepRandom(seed));
      tally.count(outcome instanceof Promise ? await outcome : outcome);
      if (performance.now() - start > hangMs) await hangs(target, own, told(), hangMs);
      if (sampled && Deno.memoryUsage().external - external > BURST + BURST_PER_BYTE * length) {
        const grown = Deno.memoryUsage().external - external;
        throw new Broken(`it allocated ${grown} bytes`, stepOf(seed, target, inputs).input);
      }
    }
    await subject.end?.();
  } catch (error) {
    await letGo(subject);
    if (error instanceof Failure) throw error;
    throw await failure(target, own, told(), error);
  }
}

/** Of what is not memory, after something went wrong; that more is wrong now is no news. */
async function letGo(subject: Subject): Promise<void> {
  try {
    await subject.end?.();
  } catch {
    // See above.
  }
}

/** A failure at a place that `progress` was told, for somebody who knows no more than that. */
export function failureAt(target: Target, seed: number, step: number, why: string): Failure {
  const files = target.corpus.flatMap((corpus) => readCorpus(corpus));
  const file = files[-1 - step];
  if (file) return new Failure(target.name, `file ${file.name}: ${why}`, { input: file.bytes });
  const inputs = files.map(({ bytes }) => bytes);
  const random = new Random(seed);
  const steps = Array.from({ length: step + 1 }, () => stepOf(random.uint32(), target, inputs));
  return new Failure(target.name, why, { story: storyOf(target, seed, steps, why) });
}

function stepOf(seed: number, target: Target, inputs: readonly Uint8Array[]): Step {
  return { seed, input: mutate(new Random(seed), inputs, target.maxBytes) };
}

/** Apart from that which makes the input: a story has the input already. */
function stepRandom(seed: number): Random {
  return new Random(mix(seed, 0x5eed));
}

/** Does the same again; throws what it throws. Answers how long the last step took. */
async function retell(
  target: Target,
  seed: number,
  steps: readonly Step[],
  tally = new Tally(),
): Promise<number> {
  let took = 0;
  const subject = await target.begin(seed, tally);
  try {
    for (const { seed, input } of steps) {
      const start = performance.now();
      tally.count(await subject.step(input.slice(), stepRandom(seed)));
      took = performance.now() - start;
    }
  } catch (error) {
    await letGo(subject);
    throw error;
  }
  await subject.end?.();
  return took;
}

/** A slow step may have been a busy computer; if it is slow again, it is slow. */
async function hangs(target: Target, seed: number, steps: Step[], hangMs: number): Promise<void> {
  if (await retell(target, seed, steps) <= hangMs) return;
  if (await retell(target, seed, steps) <= hangMs) return;
  const last = steps.at(-1) as Step;
  throw new Failure(target.name, `one input takes more than ${hangMs} ms`, {
    ...(steps.length > 1 && { story: storyOf(target, seed, steps, "hangs") }),
    input: last.input,
  });
}

/** The failure with as few steps as were found to do it. */
async function failure(target: Target, seed: number, steps: Step[], error: unknown) {
  const why = error instanceof Error ? error.message : String(error);
  if (error instanceof Broken) {
    return new Failure(target.name, why, { input: error.input, cause: error });
  }
  const shorter = await shorten(target, seed, steps);
  const story = storyOf(target, seed, shorter, why);
  return new Failure(target.name, why, { story, cause: error });
}

function storyOf(target: Target, seed: number, steps: readonly Step[], why: string): Story {
  return {
    target: target.name,
    why: why.slice(0, 300),
    seed,
    steps: steps.map(({ seed, input }) => [seed, input.toHex()] as const),
  };
}

/** Leaves out steps as long as it still fails, larger runs of them first. */
async function shorten(target: Target, seed: number, steps: readonly Step[]): Promise<Step[]> {
  const fails = async (some: readonly Step[]) => {
    try {
      await retell(target, seed, some);
      return false;
    } catch {
      return true;
    }
  };
  let best = [...steps];
  let tries = 0;
  const end = performance.now() + SHORTENING;
  // What needs more than the seed to happen again cannot be shortened.
  if (!await fails(best)) return best;
  for (let size = best.length >> 1; size >= 1; size >>= 1) {
    for (let at = 0; at < best.length && tries < SHORTENINGS && performance.now() < end;) {
      tries++;
      const some = [...best.slice(0, at), ...best.slice(at + size)];
      if (await fails(some)) best = some;
      else at += size;
    }
  }
  return best;
}

/** One seed of two. */
export function mix(a: number, b: number): number {
  let z = Math.imul(a ^ 0x9e37_79b9, 0x85eb_ca6b) ^ Math.imul(b + 0x7f4a_7c15, 0xc2b2_ae35);
  z = Math.imul(z ^ (z >>> 15), 0x27d4_eb2f);
  return (z ^ (z >>> 13)) >>> 0;
}

function seedOf(name: string): number {
  let seed = 17;
  for (let i = 0; i < name.length; i++) seed = (Math.imul(seed, 31) + name.charCodeAt(i)) | 0;
  return seed;
}
