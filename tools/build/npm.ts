/**
 * The official runtimes, from the npm registry: fetched by npm (which knows the proxy, the registry and
 * the certificates of this network), verified against the sums in `targets.ts`, kept in `.deno/npm/`.
 *
 * @module
 */
import { integrity } from "./sums.ts";
import { DENO_VERSION, type TargetFacts } from "./targets.ts";

/** What has to come over the network cannot be had here. */
export class CannotFetch extends Error {
  override readonly name = "CannotFetch";
}

/** Where the tarball of a runtime is kept, in the folder `store`. */
function tarballPath(store: string, { runtime }: TargetFacts): string {
  return `${store}/${runtime.package.replace(/^@deno\//, "")}-${DENO_VERSION}.tgz`;
}

/**
 * The tarball of a target's runtime, verified.
 *
 * @param store folder that keeps it; whoever builds elsewhere may put the file there by hand.
 * @throws {CannotFetch} where npm cannot get it.
 * @throws {Error} where npm got something else.
 */
export async function runtimeTarball(
  store: string,
  facts: TargetFacts,
): Promise<Uint8Array<ArrayBuffer>> {
  const kept = tarballPath(store, facts);
  const old = await readIfThere(kept);
  if (old !== undefined && await integrity(old) === facts.runtime.integrity) return old;

  const name = `${facts.runtime.package}@${DENO_VERSION}`;
  await Deno.mkdir(store, { recursive: true });
  const folder = await Deno.makeTempDir({ dir: store, prefix: "tmp." });
  try {
    await npmPack(name, folder);
    const fetched = [...Deno.readDirSync(folder)].map((entry) => entry.name)
      .find((file) => file.endsWith(".tgz"));
    if (fetched === undefined) throw new CannotFetch(`npm pack ${name} left no tarball`);
    const bytes = await Deno.readFile(`${folder}/${fetched}`);
    const sum = await integrity(bytes);
    if (sum !== facts.runtime.integrity) {
      throw new Error(`${name} is ${sum}, not the pinned ${facts.runtime.integrity}`);
    }
    // One rename: another build sees the whole file or none.
    await Deno.rename(`${folder}/${fetched}`, kept);
    return bytes;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function npmPack(name: string, folder: string): Promise<void> {
  let output;
  try {
    output = await new Deno.Command("npm", {
      args: [
        ...["pack", name, "--pack-destination", folder, "--loglevel=error"],
        ...["--no-update-notifier", "--fetch-retries=1", "--fetch-timeout=120000"],
        ...["--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000"],
      ],
      // Not the project's folder: npm looks for a package.json upwards.
      cwd: folder,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).output();
  } catch (cause) {
    throw new CannotFetch(`npm is needed to fetch ${name}; run: apt-get install npm`, { cause });
  }
  if (output.success) return;
  const said = new TextDecoder().decode(output.stderr).trim().split("\n");
  const words = said.findLast((line) => /ERR!|error/.test(line)) ?? said.at(-1);
  throw new CannotFetch(`npm cannot fetch ${name}: ${words}`);
}

async function readIfThere(path: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
