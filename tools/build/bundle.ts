/**
 * The program as `deno bundle` makes it: `main.js`, and one chunk for everything that is imported
 * lazily, so that a light command loads no daemon code. What loads much is gathered again
 * (`gather.ts`). The same source gives the same bytes, in whatever folder it lies.
 *
 * `deno bundle` needs esbuild, which Deno itself fetches from the npm registry into its cache.
 *
 * @module
 */
import { gathered } from "./gather.ts";
import { sha256 } from "./sums.ts";

/** File name → text; `main.js` is where it starts. Sorted by name. */
export type Bundle = ReadonlyMap<string, string>;

/** Commands whose code is gathered. */
const HEAVY = ["run", "leafy_read"];

/** So many hexadecimal digits of a hash stand in the name of a chunk. */
const DIGITS = 12;

/** The name of another file of the bundle, as it stands in an import. */
const REFERENCE = /"\.\/([\w.-]+\.js)"/g;

/**
 * Bundles the program that starts at `entry`.
 *
 * @throws {Error} with the bundler's words.
 */
export async function bundle(entry: string): Promise<Bundle> {
  const path = await Deno.realPath(entry);
  const raw = await bundleFiles([path]);
  const main = path.replace(/^.*\//, "").replace(/\.ts$/, ".js");
  // What is gathered must not depend on the bundler's names either.
  const files = await gathered(await renamed(raw, main), HEAVY, bundleFiles);
  for (const [name, text] of files) {
    // A face that only passes names on may become a chunk without a word. An empty file is what a
    // power cut leaves, so the packed file would take it for damage, and unpack for ever.
    files.set(name, text === "" ? "\n" : lazily(text));
  }
  return await renamed(files, "main.js");
}

/** Bundles the programs that start at these files, which lie in one folder. Name → text. */
async function bundleFiles(
  entries: readonly string[],
  external: readonly string[] = [],
): Promise<Map<string, string>> {
  const folder = await Deno.makeTempDir({ prefix: "agent-bundle-" });
  try {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["bundle", "--quiet", "--minify", "--code-splitting", "--outdir", folder],
        ...external.flatMap((name) => ["--external", name]),
        ...entries,
      ],
      // The bundler looks for deno.json from here on upwards.
      cwd: (entries[0] as string).replace(/[^/]*$/, ""),
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).output();
    if (code !== 0) throw new Error(`deno bundle failed: ${new TextDecoder().decode(stderr)}`);
    const files = new Map<string, string>();
    for await (const { name } of Deno.readDir(folder)) {
      files.set(name, await Deno.readTextFile(`${folder}/${name}`));
    }
    return files;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/**
 * A chunk's text with the names of its lazy imports computed. Deno reads and analyses at start
 * whatever stands in a literal `import("./x.js")`, so a light command would pay for the daemon's
 * chunks. A computed name is looked at when it is imported.
 */
export function lazily(text: string): string {
  return text.replace(/\bimport\(("\.\/[\w.-]+\.js")\)/g, "import((0,String)($1))");
}

/**
 * The same bundle under names that its texts alone decide. The bundler's own names depend on the
 * folders that the source and the packages lie in.
 *
 * A name is a hash over the text, in which the name of another chunk stands for that chunk's text. As
 * chunks may import each other in circles, this begins with the names less their hashes, and goes on
 * until all names differ.
 */
export async function renamed(files: ReadonlyMap<string, string>, entry: string): Promise<Bundle> {
  const stem = (name: string) => name.replace(/(-([A-Z0-9]{8}|[0-9a-f]{12}))*\.js$/, "");
  const refer = (text: string, names: ReadonlyMap<string, string>) =>
    text.replace(REFERENCE, (all, name) => names.has(name) ? `"./${names.get(name)}"` : all);
  let names = new Map([...files.keys()].map((name) => [name, `${stem(name)}.js`]));
  for (let distinct = 0;;) {
    const next = new Map<string, string>();
    for (const [name, text] of files) {
      const hash = await sha256(new TextEncoder().encode(refer(text, names)));
      next.set(name, `${stem(name)}-${hash.slice(0, DIGITS)}.js`);
    }
    names = next;
    const count = new Set(names.values()).size;
    if (count === files.size) break;
    // The same text with the same neighbours: it does not matter which is which.
    if (count === distinct) {
      tellApart(names);
      break;
    }
    distinct = count;
  }
  names.set(entry, "main.js");
  return new Map(
    [...files].map(([name, text]) => [names.get(name) as string, refer(text, names)] as const)
      .sort(([a], [b]) => a < b ? -1 : 1),
  );
}

function tellApart(names: Map<string, string>): void {
  const seen = new Map<string, number>();
  for (const [name, label] of names) {
    const count = seen.get(label) ?? 0;
    seen.set(label, count + 1);
    if (count > 0) names.set(name, label.replace(/\.js$/, `-${count}.js`));
  }
}
