/**
 * A real build for tests: the source as it is now, made into executable files in a temporary folder.
 * The runtimes come from the npm registry, once, into `.deno/npm/`.
 *
 * @module
 */
import { CannotFetch } from "../tools/build/npm.ts";
import { make, type MakeOptions, type Manifest } from "../tools/build/make.ts";
import type { Target } from "../tools/build/targets.ts";

export const ROOT = decodeURIComponent(new URL("../", import.meta.url).pathname)
  .replace(/\/$/, "");

/** Never a base binary: what is packed does not depend on who else was here. */
const NO_SOURCES = { file: undefined, denoDir: "/nonexistent", server: "http://127.0.0.1:9" };

/** Builds by packing, or says why that cannot be done here. */
export async function build(
  output: string,
  targets: readonly Target[],
  options: Partial<MakeOptions> = {},
): Promise<{ manifest: Manifest } | { unavailable: string }> {
  const store = `${ROOT}/.deno/npm`;
  try {
    return await make({
      root: ROOT,
      output,
      targets,
      how: "pack",
      store,
      sources: NO_SOURCES,
      ...options,
    });
  } catch (error) {
    const unavailable = unavailableBecause(error);
    if (unavailable === undefined) throw error;
    return { unavailable };
  }
}

/** Why something cannot be built here: no registry. Anything else is a fault, and `undefined`. */
export function unavailableBecause(error: unknown): string | undefined {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof CannotFetch) return message;
  // esbuild comes from the npm registry, too.
  const noBundler = /esbuild.*(fetch|download|install)|dns error|error sending request/is;
  if (noBundler.test(message)) return `no bundler: ${message.split("\n")[0]}`;
  return undefined;
}
