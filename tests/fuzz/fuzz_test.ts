/** The fuzzer itself: it finds what it is there to find. */
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { Random } from "../../lib/core/mod.ts";
import { ByteReader, WireError } from "../../lib/wire/bytes.ts";
import { readCorpus } from "./corpus.ts";
import { Failure, failureAt, mix, run } from "./engine.ts";
import { mutate } from "./mutate.ts";
import { fuzzAll } from "./pool.ts";
import { decoder, type DecoderOptions, machine, type Subject, Tally } from "./target.ts";
import { pass } from "./time.ts";

/** Takes one byte length, then that many bytes, to the end. */
function sound(input: Uint8Array): Uint8Array {
  const reader = new ByteReader(input);
  const value = reader.take(reader.u8());
  if (reader.remaining > 0) throw new WireError("too long", reader.offset);
  return value;
}

function target(options: Partial<DecoderOptions<unknown>> = {}) {
  return decoder<unknown>({ name: "test/self", covers: [], decode: sound, ...options });
}

/** The failure that a run ends with. */
async function failureOf(running: Promise<unknown>): Promise<Failure> {
  try {
    await running;
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error("nothing failed");
}

const few = { seed: 5, inputs: 3_000 };

Deno.test("fuzz: a sound decoder passes, and both outcomes were seen", async () => {
  const { tally } = await run(target(), few);
  ok(tally.taken > 50 && tally.refused > 50, `${tally.taken} taken, ${tally.refused} refused`);
});

Deno.test("fuzz: an exception of another kind is found, with the input that does it", async () => {
  const decode = (input: Uint8Array) => {
    const value = sound(input);
    // A bug of the usual sort: one value is forgotten.
    if (value.length === 0) throw new TypeError("undefined is not an object");
    return value;
  };
  for (const each of [decode, (input: Uint8Array) => Promise.resolve(input).then(decode)]) {
    const { message, input } = await failureOf(run(target({ decode: each }), few));
    match(message, /^fuzz test\/self: it threw TypeError.*input 00$/);
    strictEqual(input?.toHex(), "00");
  }
});

Deno.test("fuzz: an offset outside the input, and a result that fails its check, are found", async () => {
  const far = (input: Uint8Array) => {
    if (input[0] !== 3) throw new WireError("far out", 1_000_000);
  };
  const wide = { corpus: ["self"] };
  match((await failureOf(run(target({ ...wide, decode: far }), few))).message, /offset 1000000/);
  const check = (_input: Uint8Array, result: unknown) =>
    strictEqual((result as Uint8Array).length, 3);
  match((await failureOf(run(target({ ...wide, check }), few))).message, /its result is wrong/);
});

Deno.test("fuzz: what is mended before it is decoded is told as it was decoded", async () => {
  const mend = (input: Uint8Array) => Uint8Array.of(input.length & 255, ...input);
  const decode = (input: Uint8Array) => {
    if (input.length === 9) throw new TypeError("nine");
    return sound(input);
  };
  const { input } = await failureOf(run(target({ mend, decode }), few));
  strictEqual(input?.length, 9);
});

Deno.test("fuzz: the corpus itself is held to its names", async () => {
  await rejects(run(target({ decode: () => null }), few), /self\/bad-\w+ was taken/);
  const refuseAll = () => {
    throw new WireError("no", 0);
  };
  await rejects(run(target({ decode: refuseAll }), few), /self\/\w+ was refused/);
  await rejects(run(target({ corpus: ["no such corpus"] }), few));
});

Deno.test("fuzz: an input that takes long is found, and a busy computer is not", async () => {
  let slow = 0;
  const decode = (input: Uint8Array) => {
    if (input.length > 20 && slow-- > 0) {
      const end = performance.now() + 30;
      while (performance.now() < end);
    }
  };
  const options = { decode, corpus: ["self"] };
  slow = 1;
  await run(target(options), { ...few, hangMs: 15 });
  slow = Infinity;
  const { message, input } = await failureOf(run(target(options), { ...few, hangMs: 15 }));
  match(message, /takes more than 15 ms/);
  ok(input && input.length > 20);
});

Deno.test("fuzz: what is kept from input to input is found", async () => {
  const kept: Uint8Array[] = [];
  const decode = (input: Uint8Array) => void kept.push(new Uint8Array(2_000), input);
  const options = { decode, corpus: ["self"] };
  const leaky = run(target(options), { ...few, leak: 2_000_000 });
  match((await failureOf(leaky)).message, /it holds \d{7} bytes more/);
  kept.length = 0;
  const clean = (input: Uint8Array) => new Uint8Array(2_000 + input.length);
  const { growth } = await run(target({ ...options, decode: clean }), { ...few, leak: 2_000_000 });
  ok(growth < 2_000_000);
});

Deno.test("fuzz: an allocation that no input justifies is found", async () => {
  const decode = (input: Uint8Array) => input.length > 30 ? new Uint8Array(100_000_000) : input;
  const { message } = await failureOf(run(target({ decode, corpus: ["self"] }), few));
  match(message, /it allocated 10\d{7} bytes/);
});

/** Breaks once it has had an input of three bytes, and later one that is empty. */
function fragile(): Subject {
  let had = false;
  return {
    step(input) {
      had ||= input.length === 3;
      if (had && input.length === 0) throw new TypeError("both");
    },
  };
}

Deno.test("fuzz: a machine that breaks is told in few steps, which do it again", async () => {
  const fuzzed = machine({ name: "test/fragile", covers: [], corpus: ["self"], begin: fragile });
  const { story, message } = await failureOf(run(fuzzed, few));
  match(message, /: both; 2 steps from seed \d+$/);
  ok(story);
  deepStrictEqual(story.steps.map(([, hex]) => hex.length), [6, 0]);
  const subject = await fuzzed.begin(story.seed, new Tally());
  const again = () => {
    for (const [seed, hex] of story.steps) {
      void subject.step(Uint8Array.fromHex(hex), new Random(seed));
    }
  };
  let broke = false;
  try {
    again();
  } catch {
    broke = true;
  }
  ok(broke);
});

Deno.test("fuzz: who only knows the number of an input can tell what was fed up to it", async () => {
  const fed: string[] = [];
  const listening = machine({
    name: "test/listening",
    covers: [],
    corpus: ["self"],
    begin: () => ({ step: (input) => void fed.push(input.toHex()) }),
  });
  const places: [number, number][] = [];
  const progress = (seed: number, step: number) => void places.push([seed, step]);
  await run(listening, { seed: 1, inputs: 20, progress });
  const [seed, step] = places.at(-1) as [number, number];
  const { story } = failureAt(listening, seed, step, "stuck");
  deepStrictEqual(story?.steps.map(([, hex]) => hex), fed);
});

Deno.test("fuzz: the same seed damages in the same way, and never beyond the limit", () => {
  const inputs = readCorpus("self").map(({ bytes }) => bytes);
  const before = inputs.map((bytes) => bytes.slice());
  const draw = (seed: number) => {
    const random = new Random(seed);
    return Array.from({ length: 500 }, () => mutate(random, inputs, 40).toHex());
  };
  deepStrictEqual(draw(1), draw(1));
  ok(draw(1).join() !== draw(2).join());
  ok(draw(3).every((hex) => hex.length <= 80));
  ok(new Set(draw(4)).size > 200, "damages differ");
  ok(draw(5).includes(before[0]?.toHex() ?? ""), "now and then there is none");
  deepStrictEqual(inputs, before, "the corpus is not changed");
  strictEqual(new Set(Array.from({ length: 1_000 }, (_, i) => mix(7, i))).size, 1_000);
});

Deno.test("fuzz: a machine that wants to be woken for ever is found", () => {
  let at = 10;
  const sane = { nextWake: () => at, wake: (now: number) => void (at = now + 10) };
  strictEqual(pass(sane, 0, 100), 100);
  const busy = { nextWake: () => 5, wake() {} };
  for (const machine of [busy, { nextWake: () => NaN, wake() {} }]) {
    let broke = false;
    try {
      pass(machine, 0, 10);
    } catch {
      broke = true;
    }
    ok(broke);
  }
});

Deno.test("fuzz: types that were not reached are named", () => {
  const tally = new Tally();
  tally.type("a", true);
  tally.type("b", false);
  deepStrictEqual(tally.missing({ taken: ["a", "b"], refused: ["b", "c"] }), [
    "b taken",
    "c refused",
  ]);
});

Deno.test("fuzz: an input that never ends is told from outside, and so is a loose promise", async () => {
  const options = { inputs: 2_000, seed: 1, threads: 1, protocols: ["self"], stuckMs: 300 };
  const stuck = await failureOf(fuzzAll({ ...options, only: "self/endless" }));
  match(stuck.message, /self\/endless: file one: one input does not end within 300 ms; input 01ff/);
  const damaged = await failureOf(fuzzAll({ ...options, only: "self/stuck" }));
  match(damaged.message, /self\/stuck: one input does not end within 300 ms; \d+ steps/);
  match(damaged.story?.steps.at(-1)?.[1] ?? "", /^05/);
  const loose = await failureOf(fuzzAll({ ...options, stuckMs: 20_000, only: "self/loose" }));
  match(loose.message, /self\/loose: a promise that nobody waits for was rejected: .*for me/);
});
