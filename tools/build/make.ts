/**
 * The whole build: the bundle as a folder, one executable file for each target, their sums and a
 * manifest. Nothing in them tells when or in which folder they were made: the same commit gives the
 * same bytes.
 *
 * @module
 */
import { type BaseSources, findBase, ownSources } from "./base.ts";
import { type Bundle, bundle } from "./bundle.ts";
import { checkLargePages, compile, needsPadding, type PageCheck } from "./compile.ts";
import { type Built, writeBundle } from "./launcher.ts";
import { runtimeTarball } from "./npm.ts";
import { pack } from "./pack.ts";
import { sha256 } from "./sums.ts";
import { DENO_VERSION, type Target, TARGETS } from "./targets.ts";

/** How a file is made; `auto` compiles where a base binary can be had, and packs otherwise. */
export const HOWS = ["auto", "compile", "pack"] as const;
export type How = typeof HOWS[number];

/** What to build, and where. */
export interface MakeOptions {
  /** Folder of the project. */
  readonly root: string;
  /** Folder for the results. */
  readonly output: string;
  readonly targets: readonly Target[];
  readonly how: How;
  /** Folder that keeps the downloaded runtimes. */
  readonly store: string;
  readonly sources?: BaseSources;
  /** Is told what happens, a line at a time. */
  readonly say?: (line: string) => void;
}

/** One file, in the manifest. */
export interface MadeFile {
  readonly name: string;
  readonly target: Target;
  readonly how: "compile" | "pack";
  readonly bytes: number;
  readonly sha256: string;
  /** What it runs on: a packed runtime, or the base binary that the program was embedded in. */
  readonly runtime: Readonly<Record<string, string | boolean>>;
}

/** `manifest.json`. */
export interface Manifest {
  readonly agent: string;
  /** Of the source, with `-dirty` where it was changed; missing where it is not known. */
  readonly commit?: string;
  readonly deno: string;
  readonly program: { readonly files: number; readonly bytes: number };
  readonly files: readonly MadeFile[];
}

/**
 * Builds. The files of an earlier build are replaced, or removed where they are not built now, and
 * only once everything new is there.
 *
 * @throws {Error} where something cannot be built; `output` then is as it was.
 */
export async function make(
  options: MakeOptions,
): Promise<{ manifest: Manifest; bundled: Built[] }> {
  const { root, output, targets, say = () => {} } = options;
  if (Deno.version.deno !== DENO_VERSION) {
    throw new Error(
      `this is Deno ${Deno.version.deno}, and the build needs ${DENO_VERSION}; run: ./denow task build`,
    );
  }
  const { version } = JSON.parse(await Deno.readTextFile(`${root}/deno.json`)) as {
    version: string;
  };
  const program = await bundle(`${root}/main.ts`);
  await Deno.mkdir(output, { recursive: true });
  const fresh = await Deno.makeTempDir({ dir: output, prefix: ".build-" });
  try {
    const files: MadeFile[] = [];
    for (const target of targets) {
      files.push(await makeOne(options, target, version, program, fresh, say));
    }
    const texts = [...program.values()];
    const commit = await commitOf(root);
    const manifest: Manifest = {
      agent: version,
      ...(commit !== undefined && { commit }),
      deno: DENO_VERSION,
      program: {
        files: texts.length,
        bytes: texts.reduce((sum, text) => sum + new TextEncoder().encode(text).length, 0),
      },
      files,
    };
    await Deno.writeTextFile(`${fresh}/manifest.json`, `${JSON.stringify(manifest, null, 2)}\n`);
    const sums = files.map(({ sha256, name }) => `${sha256}  ${name}\n`).join("");
    await Deno.writeTextFile(`${fresh}/SHA256SUMS`, sums);

    const bundled = await writeBundle(program, `${output}/agent`);
    const made = new Set([...Deno.readDirSync(fresh)].map(({ name }) => name));
    for (const { name } of [...Deno.readDirSync(output)]) {
      if (name.startsWith("agent-linux-") && !made.has(name)) {
        await Deno.remove(`${output}/${name}`);
      }
    }
    for (const name of made) await Deno.rename(`${fresh}/${name}`, `${output}/${name}`);
    return { manifest, bundled };
  } finally {
    await Deno.remove(fresh, { recursive: true });
  }
}

async function makeOne(
  { how, store, sources }: MakeOptions,
  target: Target,
  version: string,
  program: Bundle,
  folder: string,
  say: (line: string) => void,
): Promise<MadeFile> {
  const name = `agent-linux-${target}`;
  const path = `${folder}/${name}`;
  const facts = TARGETS[target];
  let runtime: MadeFile["runtime"] | undefined;
  if (how !== "pack") {
    const found = await findBase(target, sources ?? await ownSources());
    if ("base" in found) {
      const { base } = found;
      await compile({ target, program, base: base.bytes }, path);
      const pages = needsPadding(target) ? await checkLargePages(path) : undefined;
      if (typeof pages === "object") {
        throw new Error(`${name} does not load with pages of 16 KiB: ${pages.failed}`);
      }
      say(`${name}: compiled, on the base binary of ${base.from}${pageWords(pages)}`);
      runtime = {
        from: base.from,
        sha256: await sha256(base.bytes),
        padded: needsPadding(target),
      };
    } else if (how === "compile") {
      throw new Error(`there is no base binary for ${target}: ${found.why}; or use --how pack`);
    } else {
      say(`${name}: packed, as there is no base binary for deno compile: ${found.why}`);
    }
  } else say(`${name}: packed`);

  if (runtime === undefined) {
    const tarball = await runtimeTarball(store, facts);
    const { package: from, integrity, sha256: runtimeSha256 } = facts.runtime;
    const packed = await pack({ target, version, program, runtime: tarball, runtimeSha256 });
    await Deno.writeFile(path, packed.bytes, { mode: 0o755 });
    await Deno.chmod(path, 0o755);
    runtime = { from: `${from}@${DENO_VERSION}`, integrity, sha256: runtimeSha256 };
    const bytes = packed.bytes;
    return { name, target, how: "pack", bytes: bytes.length, sha256: await sha256(bytes), runtime };
  }
  const bytes = await Deno.readFile(path);
  return {
    name,
    target,
    how: "compile",
    bytes: bytes.length,
    sha256: await sha256(bytes),
    runtime,
  };
}

function pageWords(pages: PageCheck | undefined): string {
  if (pages === undefined) return "";
  return pages === "passed"
    ? "; it loads with pages of 16 KiB"
    : "; whether it loads with pages of 16 KiB was not tried: qemu-aarch64-static is not here";
}

/** Of the source in `root`, if that is the top of a git repository. */
async function commitOf(root: string): Promise<string | undefined> {
  const git = async (...args: string[]) => {
    try {
      const { success, stdout } = await new Deno.Command("git", {
        args: ["-C", root, ...args],
        stdin: "null",
        stderr: "null",
      }).output();
      return success ? new TextDecoder().decode(stdout).trim() : undefined;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
  };
  const top = await git("rev-parse", "--show-toplevel");
  if (top === undefined || top !== await Deno.realPath(root)) return undefined;
  return await git("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*");
}
