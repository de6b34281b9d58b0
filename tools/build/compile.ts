/**
 * One file by `deno compile`: a base binary with the program embedded in it.
 *
 * For aarch64 the base is padded first (`elf.ts`), or the file would crash on kernels with pages of
 * 16 KiB, which a Raspberry Pi 5 boots.
 *
 * @module
 */
import type { Bundle } from "./bundle.ts";
import { padLastSegment } from "./elf.ts";
import { type Target, TARGETS } from "./targets.ts";

/** What is compiled. */
export interface CompileParts {
  readonly target: Target;
  readonly program: Bundle;
  readonly base: Uint8Array<ArrayBuffer>;
}

/** Processors whose kernels may have larger pages than 4 KiB. */
const PADDED: ReadonlySet<Target> = new Set(["aarch64"]);

/** Does the base of this target have to be padded? */
export function needsPadding(target: Target): boolean {
  return PADDED.has(target);
}

/**
 * Compiles into the file `output`. The same parts and the same file name give the same bytes.
 *
 * @param pad whether the base is padded; otherwise than by default only to see what happens.
 * @throws {Error} with the compiler's words.
 */
export async function compile(
  { target, program, base }: CompileParts,
  output: string,
  pad: boolean = needsPadding(target),
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "agent-compile-" });
  try {
    await Deno.mkdir(`${folder}/program`);
    for (const [name, text] of program) {
      const path = `${folder}/program/${name}`;
      await Deno.writeTextFile(path, text);
      // The times of the files are embedded too.
      await Deno.utime(path, 0, 0);
    }
    const basePath = `${folder}/base`;
    await Deno.writeFile(basePath, pad ? padLastSegment(base) : base, { mode: 0o755 });
    // The name of the file is embedded too.
    const result = `${folder}/${output.replace(/^.*\//, "")}`;
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["compile", "--quiet", "--no-config", "--no-lock", "--no-check", "--cached-only"],
        ...["--no-remote", "--no-npm", "--no-code-cache", "--no-prompt", "--unstable-net", "-A"],
        ...["--target", TARGETS[target].triple, "--output", result],
        // The compiler does not see what is imported lazily.
        ...["--include", `${folder}/program`, `${folder}/program/main.js`],
      ],
      cwd: folder,
      env: { DENORT_BIN: basePath },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).output();
    if (code !== 0) throw new Error(`deno compile failed: ${new TextDecoder().decode(stderr)}`);
    await Deno.copyFile(result, output);
    await Deno.chmod(output, 0o755);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** What became of the check for pages of 16 KiB. */
export type PageCheck = "passed" | "not run" | { readonly failed: string };

/**
 * Does an aarch64 file load where pages have 16 KiB? Only loading is looked at; qemu-user need not be
 * there, nor anything else of aarch64.
 */
export async function checkLargePages(file: string): Promise<PageCheck> {
  let output;
  try {
    output = await new Deno.Command("qemu-aarch64-static", {
      args: ["-p", "16384", file, "--version"],
      env: { QEMU_LD_PREFIX: "/usr/aarch64-linux-gnu", DENO_NO_UPDATE_CHECK: "1" },
      stdin: "null",
    }).output();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "not run";
    throw error;
  }
  const said = new TextDecoder().decode(output.stderr).trim();
  // The libraries of aarch64 are not here.
  if (/Could not open '.*ld-linux-aarch64/.test(said)) return "not run";
  return output.success ? "passed" : { failed: said.split("\n")[0] ?? `exit ${output.code}` };
}
