/**
 * The bundle as a folder: its files and `agent`, a launcher for the Deno that built it.
 *
 * @module
 */
import { type Bundle, bundle } from "./bundle.ts";
import { RUN_FLAGS } from "./flags.ts";

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
  return await writeBundle(await bundle(entry), output);
}

/** Writes a bundle and its launcher into the folder `output`, instead of what is there. */
export async function writeBundle(files: Bundle, output: string): Promise<Built[]> {
  const parent = output.replace(/\/[^/]+$/, "");
  await Deno.mkdir(parent, { recursive: true });
  const fresh = await Deno.makeTempDir({ dir: parent, prefix: ".build-" });
  try {
    for (const [name, text] of files) await Deno.writeTextFile(`${fresh}/${name}`, text);
    await Deno.writeTextFile(`${fresh}/agent`, launcher(Deno.execPath()), { mode: 0o755 });
    await Deno.chmod(fresh, 0o755);
    await Deno.remove(output, { recursive: true }).catch(ignoreMissing);
    await Deno.rename(fresh, output);
  } catch (error) {
    await Deno.remove(fresh, { recursive: true }).catch(ignoreMissing);
    throw error;
  }
  const sizes: Built[] = [];
  for await (const { name } of Deno.readDir(output)) {
    sizes.push({ name, bytes: (await Deno.stat(`${output}/${name}`)).size });
  }
  return sizes.sort((a, b) => b.bytes - a.bytes);
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

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
