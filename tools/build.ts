/**
 * `./denow task build`: bundles the program into `dist/agent/`: `main.js`, one chunk for everything
 * that is imported lazily, and `agent`, a launcher for the pinned Deno.
 *
 * `deno bundle` needs esbuild, which Deno itself fetches from the npm registry into its cache.
 *
 * @module
 */

const ROOT = decodeURIComponent(new URL("../", import.meta.url).pathname);

/** What the bundle runs with: nothing is looked up or fetched, so starting costs no more than it must. */
const RUN_FLAGS = [
  "--quiet",
  "--no-config",
  "--no-lock",
  "--no-remote",
  "--no-npm",
  "--cached-only",
  "--no-prompt",
  "--unstable-net",
  "-A",
];

/** So many files are listed by name, the largest. */
const LISTED = 5;

/** One file of the result. */
export interface Built {
  readonly name: string;
  readonly bytes: number;
}

/**
 * Bundles `entry` into the folder `output`, which holds the old or the new files whatever happens.
 * Files come back with the largest first.
 *
 * @throws {Error} with the bundler's words.
 */
export async function build(entry: string, output: string): Promise<Built[]> {
  const parent = output.replace(/\/[^/]+$/, "");
  await Deno.mkdir(parent, { recursive: true });
  const fresh = await Deno.makeTempDir({ dir: parent, prefix: ".build-" });
  try {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["bundle", "--quiet", "--minify", "--code-splitting", "--outdir", fresh, entry],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).output();
    if (code !== 0) throw new Error(`deno bundle failed: ${new TextDecoder().decode(stderr)}`);
    const main = `${fresh}/${entry.replace(/^.*\//, "").replace(/\.ts$/, ".js")}`;
    if (main !== `${fresh}/main.js`) await Deno.rename(main, `${fresh}/main.js`);
    await hideLazyImports(fresh);
    await Deno.writeTextFile(`${fresh}/agent`, launcher(Deno.execPath()), { mode: 0o755 });
    await Deno.chmod(fresh, 0o755);
    await Deno.remove(output, { recursive: true }).catch(ignoreMissing);
    await Deno.rename(fresh, output);
  } catch (error) {
    await Deno.remove(fresh, { recursive: true }).catch(ignoreMissing);
    throw error;
  }
  return (await sizes(output)).sort((a, b) => b.bytes - a.bytes);
}

/**
 * Deno reads and analyses at start whatever stands in a literal `import("./x.js")`, so a light
 * command would pay for the daemon's chunks. A computed name is looked at when it is imported.
 */
async function hideLazyImports(folder: string): Promise<void> {
  for (const { name } of await sizes(folder)) {
    const text = await Deno.readTextFile(`${folder}/${name}`);
    await Deno.writeTextFile(`${folder}/${name}`, lazily(text));
  }
}

/** A chunk's text with the names of its lazy imports computed. */
export function lazily(text: string): string {
  return text.replace(/\bimport\(("\.\/[\w.-]+\.js")\)/g, "import((0,String)($1))");
}

/**
 * The launcher: execs Deno on the `main.js` beside it, so that process id, signals and exit code are
 * the program's own. It forks nothing in the usual case.
 *
 * @param deno the runtime that it was built with; `$DENO` overrules it.
 */
export function launcher(deno: string): string {
  return `#!/bin/sh
# The bundled agent on the Deno that built it; set DENO to use another one.
self=$0
case $self in */*) ;; *) self=$(command -v -- "$self") || self=./$0 ;; esac
[ ! -h "$self" ] || self=$(readlink -f -- "$self")
built_with=${quote(deno)}
deno=\${DENO:-$built_with}
[ -x "$deno" ] || deno=$(command -v deno) || {
  echo "agent: the Deno that built this is gone; set DENO, or run ./denow task build again" >&2
  exit 126
}
export DENO_NO_UPDATE_CHECK=1
exec "$deno" run ${RUN_FLAGS.join(" ")} "\${self%/*}/main.js" "$@"
`;
}

/** A text as one word of a shell. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

async function sizes(folder: string): Promise<Built[]> {
  const files: Built[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    files.push({ name, bytes: (await Deno.stat(`${folder}/${name}`)).size });
  }
  return files;
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

async function main(): Promise<number> {
  const output = `${ROOT}dist/agent`;
  const files = await build(`${ROOT}main.ts`, output);
  const row = (bytes: number, what: string) =>
    console.log(`${(bytes / 1024).toFixed(1).padStart(8)} KiB  ${what}`);
  for (const { name, bytes } of files.slice(0, LISTED)) row(bytes, name);
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  row(
    files.find(({ name }) => name === "main.js")?.bytes ?? 0,
    "main.js, which every command loads",
  );
  row(total, `in all ${files.length} files of dist/agent/`);

  // A bundle that does not start is no result.
  const { version } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`));
  const started = await new Deno.Command(`${output}/agent`, { args: ["version"] }).output();
  const words = new TextDecoder().decode(started.stdout) + new TextDecoder().decode(started.stderr);
  if (started.code !== 0 || !words.includes(version)) {
    console.error(`build: dist/agent/agent version does not answer with ${version}: ${words}`);
    return 1;
  }
  console.log(`started: ${words.trim()}`);
  return 0;
}

if (import.meta.main) Deno.exit(await main());
