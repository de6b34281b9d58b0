/**
 * Mutation fuzzing of decoders: take the inputs of a corpus, damage them by chance drawn from a
 * seed, and hold the decoder to its contract: a value or a `WireError`, nothing else.
 *
 * The corpus of a decoder is a folder of small files in `tests/fuzz/corpus/`. Files named `bad-…`
 * must be refused as they are, all others must be taken. A failure names the seed and shows the
 * input in hexadecimal; a new file with those bytes keeps it from coming back.
 *
 * `FUZZ_ITERATIONS` and `FUZZ_SEED` in the environment make any of these tests run longer or
 * elsewhere.
 *
 * @module
 */
import { Random } from "../../lib/core/mod.ts";
import { WireError } from "../../lib/wire/bytes.ts";

const CORPUS = new URL("corpus/", import.meta.url);

/** What to fuzz, and how long. */
export interface FuzzTarget {
  /** The decoder. It gets an input of its own each time, and may keep or change it. */
  decode(input: Uint8Array): unknown;
  /** The folder in `tests/fuzz/corpus/`. */
  readonly corpus: string;
  /**
   * Whether a result is a refusal, for decoders that report it in their result instead of
   * throwing. Default: nothing that is returned is one.
   */
  refused?(result: unknown): boolean;
  /** Called with every input and result, for what must hold besides. Throws where it does not. */
  check?(input: Uint8Array, result: unknown): void;
  /** Default: drawn from the name of the corpus. */
  readonly seed?: number;
  /** Default: 3 000. */
  readonly iterations?: number;
  /** Inputs grow no longer than this. Default: 4 096 bytes. */
  readonly maxBytes?: number;
}

/** How many of the damaged inputs were taken and refused. */
export interface FuzzOutcome {
  readonly taken: number;
  readonly refused: number;
}

/** The files of a corpus, in the order of their names. */
export function readCorpus(corpus: string): { name: string; bytes: Uint8Array }[] {
  const folder = new URL(`${corpus}/`, CORPUS);
  const names = [...Deno.readDirSync(folder)].filter((e) => e.isFile).map((e) => e.name).sort();
  return names.map((name) => ({ name, bytes: Deno.readFileSync(new URL(name, folder)) }));
}

/** Runs the corpus as it is, and then damaged. Throws at the first input that breaks the contract. */
export function fuzz(target: FuzzTarget): FuzzOutcome {
  const files = readCorpus(target.corpus);
  if (files.length === 0) throw new Error(`the corpus "${target.corpus}" is empty`);
  for (const { name, bytes } of files) {
    const taken = run(target, bytes, `file ${name}`);
    if (taken === name.startsWith("bad-")) {
      throw new Error(`${target.corpus}/${name} was ${taken ? "taken" : "refused"}`);
    }
  }
  const seed = Number(Deno.env.get("FUZZ_SEED") ?? target.seed ?? seedOf(target.corpus));
  const iterations = Number(Deno.env.get("FUZZ_ITERATIONS") ?? target.iterations ?? 3_000);
  const random = new Random(seed);
  const inputs = files.map(({ bytes }) => bytes);
  let taken = 0;
  for (let i = 0; i < iterations; i++) {
    const input = mutate(random, inputs, target.maxBytes ?? 4_096);
    if (run(target, input, `seed ${seed}, iteration ${i}`)) taken++;
  }
  return { taken, refused: iterations - taken };
}

/** Whether the decoder took it. Throws where it broke the contract. */
function run(target: FuzzTarget, input: Uint8Array, what: string): boolean {
  let result: unknown;
  try {
    result = target.decode(input.slice());
  } catch (error) {
    if (error instanceof WireError) {
      if (Number.isInteger(error.offset) && error.offset >= 0 && error.offset <= input.length) {
        return false;
      }
      throw broken(target, input, what, `a WireError at offset ${error.offset}`, error);
    }
    throw broken(target, input, what, `it threw ${error}`, error);
  }
  try {
    target.check?.(input, result);
  } catch (error) {
    throw broken(target, input, what, `its result is wrong: ${error}`, error);
  }
  return !(target.refused?.(result) ?? false);
}

function broken(target: FuzzTarget, input: Uint8Array, what: string, why: string, cause: unknown) {
  return new Error(`fuzz ${target.corpus}, ${what}: ${why}; input ${input.toHex()}`, { cause });
}

/** Numbers that lengths and counts go wrong at. */
const EDGES = [0, 1, 2, 3, 4, 7, 8, 15, 16, 23, 24, 31, 32, 63, 64, 127, 128, 255];

/** One input of the corpus, or nothing at all, with one to eight damages. */
export function mutate(
  random: Random,
  inputs: readonly Uint8Array[],
  maxBytes: number,
): Uint8Array {
  let bytes = random.chance(0.05)
    ? random.bytes(random.below(64))
    : new Uint8Array(random.pick(inputs));
  const rounds = 1 + random.below(random.chance(0.5) ? 2 : 8);
  for (let i = 0; i < rounds; i++) bytes = damage(random, bytes, inputs);
  return bytes.length > maxBytes ? bytes.slice(0, maxBytes) : bytes;
}

function damage(random: Random, bytes: Uint8Array, inputs: readonly Uint8Array[]): Uint8Array {
  const at = random.below(bytes.length + 1);
  const count = Math.min(random.below(random.chance(0.8) ? 8 : 256), bytes.length - at);
  switch (random.below(9)) {
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

function seedOf(name: string): number {
  let seed = 17;
  for (let i = 0; i < name.length; i++) seed = (Math.imul(seed, 31) + name.charCodeAt(i)) | 0;
  return seed;
}
