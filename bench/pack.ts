/**
 * The self-extracting file beside the same program on the same runtime, run directly: what the script
 * in front costs at each start, and what the first start costs. Sizes, too.
 *
 * @module
 */
import { RUN_FLAGS } from "../tools/build/flags.ts";
import { make } from "../tools/build/make.ts";
import { ALL_TARGETS, ownTarget } from "../tools/build/targets.ts";
import { Agents } from "./harness/agents.ts";
import { type Bench, CannotMeasure, type Context, messageOf, ROOT } from "./harness/context.ts";
import { interleave, timed } from "./harness/rounds.ts";

/** ms. */
const VERSION_LIMIT = 40;
const STUB_LIMIT = 3;
const FIRST_LIMIT = 2_500;
/** Times the bundle run directly. */
const READ_LIMIT = 1.3;
const SIZE_LIMIT = 42;

export const bench: Bench = {
  name: "pack",
  title: "the self-extracting file, beside the bundle on the same runtime",
  about: `
The packed file beside the same bundle on the same runtime. The first start unpacks the runtime into a
cache; later ones find it there.
`,
  run,
};

async function run(context: Context): Promise<void> {
  const { report } = context;
  const folder = context.tempDir();
  const { files } = await build(folder);
  for (const { name, bytes, target } of files) {
    report.measured({
      what: `size of ${name}`,
      unit: "MB",
      samples: [bytes / 1e6],
      ...(target === "aarch64" && { target: { limit: SIZE_LIMIT } }),
    });
  }
  const file = `${folder}/agent-linux-${ownTarget()}`;
  const cache = `${folder}/cache`;
  const whole = (command: string, args: string[], env: Record<string, string>) => () =>
    timed(async () => {
      const { code, stderr } = await new Deno.Command(command, {
        args,
        env: { AGENT_CONFIG: "/dev/null", DENO_NO_UPDATE_CHECK: "1", ...env },
        cwd: folder,
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
      }).output();
      if (code === 0) return;
      throw new CannotMeasure(`${args.join(" ")}: ${new TextDecoder().decode(stderr).trim()}`);
    });

  const first: number[] = [];
  for (let i = 0; i < context.choose(7, 3); i++) {
    await Deno.remove(cache, { recursive: true }).catch(() => {});
    first.push(await whole(file, ["version"], { AGENT_CACHE: cache })());
  }
  report.measured({
    what: "agent version, first start",
    unit: "ms",
    samples: first,
    target: { limit: FIRST_LIMIT },
  });
  report.measured({
    what: "in the cache behind the first start",
    unit: "MB",
    samples: [bytesIn(cache) / 1e6],
  });

  const runtime = [...Deno.readDirSync(cache)].find(({ name }) => name.startsWith("runtime-"));
  const deno = `${cache}/${runtime?.name}/deno`;
  const direct = (...args: string[]) =>
    whole(deno, ["run", ...RUN_FLAGS, `${folder}/agent/main.js`, ...args], {
      DENO_DIR: `${folder}/deno`,
    });
  const packed = (...args: string[]) => whole(file, args, { AGENT_CACHE: cache });

  const agents = await Agents.prepare(context);
  const agent = agents.start({ name: "a" });
  await agent.ready();
  await agent.api.set("heating/target", 21.5);
  const read = ["--socket", agent.socket, "--leafy", "read", "a:heating/target"];
  const samples = await interleave(context.choose(100, 20), {
    directVersion: direct("version"),
    packedVersion: packed("version"),
    directRead: direct(...read),
    packedRead: packed(...read),
  });
  report.measured({
    what: "agent version",
    unit: "ms",
    samples: samples.packedVersion,
    reference: { what: "the bundle run directly", samples: samples.directVersion },
    target: { limit: VERSION_LIMIT },
  });
  report.measured({
    what: "what the script in front adds, in the same round",
    unit: "ms",
    samples: samples.packedVersion.map((ms, i) => ms - (samples.directVersion[i] ?? 0)),
    target: { limit: STUB_LIMIT },
  });
  report.measured({
    what: "agent --leafy read KEY",
    unit: "ms",
    samples: samples.packedRead,
    reference: { what: "the bundle run directly", samples: samples.directRead },
    target: { limit: READ_LIMIT, of: "ratio" },
  });
}

async function build(output: string) {
  try {
    const made = await make({
      root: ROOT.replace(/\/$/, ""),
      output,
      targets: ALL_TARGETS,
      how: "pack",
      store: `${ROOT}.deno/npm`,
    });
    return made.manifest;
  } catch (cause) {
    throw new CannotMeasure(`the files cannot be built: ${messageOf(cause)}`, { cause });
  }
}

/** Bytes of all files in a folder and below. */
function bytesIn(folder: string): number {
  let bytes = 0;
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    const path = `${folder}/${name}`;
    bytes += isDirectory ? bytesIn(path) : Deno.lstatSync(path).size;
  }
  return bytes;
}
