/**
 * `./denow task build [--target aarch64|x86_64|all] [--how auto|compile|pack] [--output DIR]`: one
 * executable file `dist/agent-linux-TARGET` for each target (default: this computer's), `SHA256SUMS`,
 * `manifest.json`, and the bundle as a folder, `dist/agent/`. How: docs/build.md.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { messageOf } from "../lib/core/errors.ts";
import type { Built } from "./build/launcher.ts";
import { type How, HOWS, make, type MakeOptions } from "./build/make.ts";
import { ALL_TARGETS, ownTarget, type Target } from "./build/targets.ts";

const ROOT = decodeURIComponent(new URL("../", import.meta.url).pathname).replace(/\/$/, "");

/** So many files of the bundle are listed by name, the largest. */
const LISTED = 5;

/**
 * Arguments → what to build.
 *
 * @throws {Error} where they are wrong, with a line for whoever typed them.
 */
export function parse(args: readonly string[], root: string): MakeOptions {
  const { values } = parseArgs({
    args: args.filter((word) => word !== "--"),
    options: {
      target: { type: "string", default: ownTarget() },
      how: { type: "string", default: "auto" },
      output: { type: "string", default: `${root}/dist` },
    },
  });
  const oneOf = <T extends string>(option: string, value: string, known: readonly T[]): T => {
    const found = known.find((word) => word === value);
    if (found === undefined) throw new Error(`--${option} ${value}: use ${known.join(", ")}`);
    return found;
  };
  const target = oneOf<Target | "all">("target", values.target, [...ALL_TARGETS, "all"]);
  return {
    root,
    output: values.output.startsWith("/") ? values.output : `${Deno.cwd()}/${values.output}`,
    targets: target === "all" ? ALL_TARGETS : [target],
    how: oneOf<How>("how", values.how, HOWS),
    store: `${root}/.deno/npm`,
  };
}

async function main(): Promise<number> {
  let options;
  try {
    options = parse(Deno.args, ROOT);
  } catch (error) {
    console.error(`build: ${messageOf(error)}`);
    return 2;
  }
  const { output } = options;
  try {
    const { manifest, bundled } = await make({ ...options, say: console.log });
    tellBundle(bundled);
    for (const { name, bytes } of manifest.files) row(bytes / 1e6, "MB", name);
    await start(`${output}/agent/agent`, manifest.agent);
    const own = manifest.files.find(({ target }) => target === ownTarget());
    if (own !== undefined) await start(`${output}/${own.name}`, manifest.agent);
  } catch (error) {
    console.error(`build: ${messageOf(error)}`);
    return 1;
  }
  return 0;
}

function tellBundle(files: readonly Built[]): void {
  for (const { name, bytes } of files.slice(0, LISTED)) row(bytes / 1024, "KiB", name);
  const entry = files.find(({ name }) => name === "main.js")?.bytes ?? 0;
  row(entry / 1024, "KiB", "main.js, which every command loads");
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  row(total / 1024, "KiB", `in all ${files.length} files of the bundle`);
}

function row(size: number, unit: string, what: string): void {
  console.log(`${size.toFixed(1).padStart(8)} ${unit}  ${what}`);
}

/** What does not start is no result. */
async function start(file: string, version: string): Promise<void> {
  const cache = await Deno.makeTempDir({ prefix: "agent-build-" });
  try {
    const { code, stdout, stderr } = await new Deno.Command(file, {
      args: ["version"],
      env: { AGENT_CACHE: cache },
      stdin: "null",
    }).output();
    const words = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    if (code !== 0 || !words.includes(version)) {
      throw new Error(`${file} version does not answer with ${version}: ${words.trim()}`);
    }
    console.log(`started: ${words.trim()}`);
  } finally {
    await Deno.remove(cache, { recursive: true });
  }
}

if (import.meta.main) Deno.exit(await main());
