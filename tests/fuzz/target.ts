/**
 * What can be fuzzed: decoders, and machines that live through many inputs.
 *
 * @module
 */
import type { Random } from "../../lib/core/mod.ts";
import { WireError } from "../../lib/wire/bytes.ts";

/** One thing to fuzz. */
export interface Target {
  /** `wire/cbor`: the file in `tests/fuzz/targets/`, and a name that is unique there. */
  readonly name: string;
  /** What of the product it feeds: `lib/wire/cbor.ts decodeCbor`, `lib/ring/ring.ts Ring.receive`. */
  readonly covers: readonly string[];
  /** The folders of the corpus whose files it damages. None: it makes its inputs, or takes noise. */
  readonly corpus: readonly string[];
  /** Whether the names of these files say what must become of them: `bad-…` is refused, others taken. */
  readonly strict: boolean;
  /** Whether an input stands for itself, whatever came before it. */
  readonly single: boolean;
  /** Its share of the inputs, beside 1 of an ordinary target. */
  readonly share: number;
  /** Inputs that one subject gets. */
  readonly steps: number;
  /** Inputs grow no longer than this, in bytes. */
  readonly maxBytes: number;
  /** Types of messages that must be reached: taken once, refused once. */
  readonly types: Types;
  begin(seed: number, tally: Tally): Subject | Promise<Subject>;
}

/** Names of types, by what must have happened to them. */
export interface Types {
  readonly taken?: readonly string[];
  readonly refused?: readonly string[];
}

/** A decoder, or a machine of its own. A step throws where the contract is broken. */
export interface Subject {
  /** Whether the input, which belongs to the subject, was taken; nothing where that means nothing. */
  step(input: Uint8Array, random: Random): Outcome | Promise<Outcome>;
  /** The same with this very input: nothing in it is mended. */
  exact?(input: Uint8Array, random: Random): Outcome | Promise<Outcome>;
  /** After the last step: what must hold in the end, and letting go of what is not memory. */
  end?(): void | Promise<void>;
}

/** Taken, refused, or neither. */
export type Outcome = boolean | undefined | void;

/** What came of the inputs of a target. */
export class Tally {
  inputs = 0;
  taken = 0;
  refused = 0;
  readonly types = new Map<string, { taken: number; refused: number }>();

  count(outcome: Outcome): void {
    this.inputs++;
    if (outcome === true) this.taken++;
    else if (outcome === false) this.refused++;
  }

  /** A message of this type was taken, or refused. */
  type(name: string | number, taken: boolean): void {
    const key = String(name);
    const type = this.types.get(key) ?? { taken: 0, refused: 0 };
    type[taken ? "taken" : "refused"]++;
    this.types.set(key, type);
  }

  /** Which of the types that must be reached were not. */
  missing({ taken = [], refused = [] }: Types): string[] {
    return [
      ...taken.filter((name) => !this.types.get(name)?.taken).map((name) => `${name} taken`),
      ...refused.filter((name) => !this.types.get(name)?.refused).map((name) => `${name} refused`),
    ];
  }
}

/** The contract is broken by this input, whatever came before it. */
export class Broken extends Error {
  readonly input: Uint8Array;

  constructor(why: string, input: Uint8Array, cause?: unknown) {
    super(why, { cause });
    this.input = input;
  }
}

/** How a decoder is fuzzed. */
export interface DecoderOptions<T> {
  readonly name: string;
  readonly covers: readonly string[];
  /** Default: what stands behind the `/` of the name, and strict. */
  readonly corpus?: readonly string[];
  readonly share?: number;
  readonly maxBytes?: number;
  readonly types?: Types;
  /** Gets an input of its own each time, and may keep or change it. */
  decode(input: Uint8Array): T | Promise<T>;
  /** Whether a result is a refusal, for decoders that say so in their result. */
  refused?(result: T): boolean;
  /** What must hold besides. Throws where it does not. */
  check?(input: Uint8Array, result: T, random: Random): void;
  /** Errors that may be thrown beside a `WireError` whose offset lies in the input. */
  allows?(error: unknown): boolean;
  /** Calls `tally.type` for what was in the input. `result` is `undefined` where it was refused. */
  sort?(tally: Tally, input: Uint8Array, result: T | undefined): void;
  /** Lengths, checksums, seals made right again, so that the damage gets further in. */
  mend?(input: Uint8Array, random: Random): Uint8Array;
}

/** A target of a decoder: any bytes give a value or a typed error, and nothing is remembered. */
export function decoder<T>(options: DecoderOptions<T>): Target {
  const { name, mend } = options;
  return {
    name,
    covers: options.covers,
    corpus: options.corpus ?? [name.slice(name.indexOf("/") + 1)],
    strict: options.corpus === undefined,
    single: true,
    share: options.share ?? 1,
    steps: 500,
    maxBytes: options.maxBytes ?? 4_096,
    types: options.types ?? {},
    begin(_seed, tally) {
      const exact = (input: Uint8Array, random: Random) =>
        decodeOnce(options, tally, input, random);
      if (mend === undefined) return { step: exact, exact };
      const step = (input: Uint8Array, random: Random) =>
        exact(random.chance(0.8) ? mend(input, random) : input, random);
      return { step, exact };
    },
  };
}

function decodeOnce<T>(
  options: DecoderOptions<T>,
  tally: Tally,
  input: Uint8Array,
  random: Random,
): boolean | Promise<boolean> {
  let result: T | Promise<T>;
  try {
    result = options.decode(input.slice());
  } catch (error) {
    return refusal(options, tally, input, error);
  }
  if (!(result instanceof Promise)) return verdict(options, tally, input, result, random);
  return result.then(
    (value) => verdict(options, tally, input, value, random),
    (error) => refusal(options, tally, input, error),
  );
}

function refusal<T>(
  options: DecoderOptions<T>,
  tally: Tally,
  input: Uint8Array,
  error: unknown,
): boolean {
  if (error instanceof WireError) {
    const { offset } = error;
    if (!Number.isInteger(offset) || offset < 0 || offset > input.length) {
      throw new Broken(`a WireError at offset ${offset}`, input, error);
    }
  } else if (!options.allows?.(error)) throw new Broken(`it threw ${error}`, input, error);
  options.sort?.(tally, input, undefined);
  return false;
}

function verdict<T>(
  options: DecoderOptions<T>,
  tally: Tally,
  input: Uint8Array,
  result: T,
  random: Random,
): boolean {
  try {
    options.check?.(input, result, random);
  } catch (error) {
    throw new Broken(`its result is wrong: ${error}`, input, error);
  }
  const taken = !(options.refused?.(result) ?? false);
  options.sort?.(tally, input, taken ? result : undefined);
  return taken;
}

/** How a machine is fuzzed; see {@linkcode Target}. */
export interface MachineOptions
  extends Partial<Omit<Target, "name" | "covers" | "begin" | "single" | "strict">> {
  readonly name: string;
  readonly covers: readonly string[];
  begin(seed: number, tally: Tally): Subject | Promise<Subject>;
}

/** A target that keeps something from input to input. */
export function machine(options: MachineOptions): Target {
  const defaults = { corpus: [], share: 1, steps: 300, maxBytes: 4_096, types: {} };
  return { ...defaults, strict: false, single: false, ...options };
}

/** A decoder of text: its inputs are UTF-8, or as near to it as a program gets. */
export function textOf(input: Uint8Array): string {
  return new TextDecoder().decode(input);
}
