/**
 * The long run: `deno run -A tests/fuzz/long.ts [--inputs 10000000] [--seed N] [--only wire/]
 * [--threads 2]`. Prints what came of each target, and stops at the first that breaks its contract, with
 * the name of the file that keeps it from coming back.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { CORPUS, STORIES } from "./corpus.ts";
import { Failure } from "./engine.ts";
import { fuzzAll, type TargetResult } from "./pool.ts";
import { targetsOf } from "./registry.ts";

const { values } = parseArgs({
  options: {
    inputs: { type: "string", default: Deno.env.get("FUZZ_ITERATIONS") ?? "10000000" },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
    only: { type: "string", default: "" },
    threads: { type: "string", default: String(navigator.hardwareConcurrency) },
  },
});

/** Writes down what broke a target. Answers the name of the file. */
async function keep({ target: name, input, story }: Failure): Promise<string | undefined> {
  const target = (await targetsOf(name.slice(0, name.indexOf("/")))).find((t) => t.name === name);
  const mark = (bytes: Uint8Array) =>
    crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>)
      .then((hash) => new Uint8Array(hash).toHex().slice(0, 8));
  const [folder] = target?.corpus ?? [];
  if (input && target?.single && folder !== undefined) {
    const path = new URL(`${folder}/found-${await mark(input)}`, CORPUS);
    Deno.writeFileSync(path, input);
    return path.pathname;
  }
  if (!story) return undefined;
  const text = `${JSON.stringify(story, null, 1)}\n`;
  const file = `${name.replace("/", "-")}-${await mark(new TextEncoder().encode(text))}.json`;
  const path = new URL(`${STORIES}/${file}`, CORPUS);
  Deno.writeTextFileSync(path, text);
  return path.pathname;
}

function line({ target, tally, ms, growth }: TargetResult): string {
  const { inputs, taken, refused, types } = tally;
  const rate = Math.round(inputs / ms * 1_000);
  const reached = [...types].map(([name, { taken, refused }]) => `${name} ${taken}/${refused}`);
  const missing = tally.missing(target.types);
  return [
    target.name.padEnd(28),
    String(inputs).padStart(9),
    `${rate}/s`.padStart(10),
    `taken ${taken}`.padStart(15),
    `refused ${refused}`.padStart(17),
    `${Math.round(growth / 1_024)} KiB`.padStart(9),
    `  ${reached.join(", ")}`,
    missing.length > 0 ? `  MISSING ${missing.join(", ")}` : "",
  ].join("");
}

const seed = Number(values.seed);
const start = performance.now();
console.log(`seed ${seed}; per type: taken/refused`);
try {
  let last = start;
  let inputs = 0;
  const results = await fuzzAll({
    inputs: Number(values.inputs),
    seed,
    threads: Number(values.threads),
    only: values.only,
    done({ target }) {
      inputs++;
      if (performance.now() - last < 30_000) return;
      last = performance.now();
      const seconds = Math.round((last - start) / 1_000);
      console.log(`… ${seconds} s, ${inputs} jobs done, the last one of ${target.name}`);
    },
  });
  for (const result of results) console.log(line(result));
  const all = results.reduce((sum, { tally }) => sum + tally.inputs, 0);
  const seconds = (performance.now() - start) / 1_000;
  console.log(
    `${all} inputs in ${seconds.toFixed(1)} s, ${Math.round(all / seconds)}/s; nothing broke`,
  );
  if (results.some(({ target, tally }) => tally.missing(target.types).length > 0)) Deno.exit(1);
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  console.log(error.message.slice(0, 2_000));
  console.log((error.cause as Error | undefined)?.message ?? "");
  const file = await keep(error);
  if (file) {
    console.log(
      `kept in ${file}; mend the fault, and commit the file (as bad-… where it is refused)`,
    );
  }
  Deno.exit(1);
}
