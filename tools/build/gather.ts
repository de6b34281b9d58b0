/**
 * Few chunks instead of many. The bundler cuts a chunk for each set of entries that share something,
 * and as each command is an entry, the daemon consists of fifty: to find, read and link each of them
 * takes the runtime a tenth of a millisecond at every start. So what a large command loads is bundled
 * once more for it alone, from the chunks.
 *
 * It gets copies of what it shares with other commands, and no two copies meet in a process: a process
 * runs one command. What `main.js` loads itself stays outside and is never copied, so that the
 * classes of errors are the same for whoever throws and whoever catches.
 *
 * @module
 */

/** Bundles the programs that start at these files, without what is external. Name → text. */
export type Bundler = (
  entries: readonly string[],
  external: readonly string[],
) => Promise<Map<string, string>>;

/** Imports of other files of a bundle, with their names: what is loaded at once, and lazily. */
const AT_ONCE = /(?:from|import)"\.\/([\w.-]+\.js)"/g;
const LAZILY = /\bimport\("\.\/([\w.-]+\.js)"\)/g;

/**
 * The same bundle, with what each of `commands` loads gathered. `main.js` is where it starts; a
 * command that is not among the files does not matter. Names → texts.
 *
 * @throws {Error} with the bundler's words.
 */
export async function gathered(
  files: ReadonlyMap<string, string>,
  commands: readonly string[],
  bundle: Bundler,
): Promise<Map<string, string>> {
  const result = new Map(files);
  const stays = closure(files, ["main.js"]);
  for (const command of commands) {
    const first = [...files.keys()].find((name) =>
      name.replace(/-[0-9a-f]{12}\.js$/, "") === command
    );
    if (first === undefined || stays.has(first)) continue;
    const copies = await gather(files, first, stays, bundle);
    const own = (name: string) => `${command}_${name}`;
    for (const [name, text] of copies) {
      result.set(own(name), replaceNames(text, (name) => copies.has(name) ? own(name) : name));
    }
    for (const name of stays) {
      const text = result.get(name) as string;
      result.set(name, replaceNames(text, (name) => name === first ? own(name) : name));
    }
  }
  const used = closure(result, ["main.js"], true);
  return new Map([...result].filter(([name]) => used.has(name)));
}

async function gather(
  files: ReadonlyMap<string, string>,
  first: string,
  stays: ReadonlySet<string>,
  bundle: Bundler,
): Promise<Map<string, string>> {
  const entries = new Set([first]);
  // What is imported lazily from there on has copies too; the set grows while it is walked through.
  for (const entry of entries) {
    for (const name of closure(files, [entry])) {
      if (stays.has(name)) continue;
      for (const lazy of imports(files, name, LAZILY)) if (!stays.has(lazy)) entries.add(lazy);
    }
  }
  const folder = await Deno.makeTempDir({ prefix: "agent-gather-" });
  try {
    for (const [name, text] of files) await Deno.writeTextFile(`${folder}/${name}`, text);
    return await bundle(
      [...entries].sort().map((name) => `${folder}/${name}`),
      [...stays].sort().map((name) => `./${name}`),
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** All that is loaded with these files; with `lazy`, also all that they may load later. */
function closure(
  files: ReadonlyMap<string, string>,
  from: readonly string[],
  lazy = false,
): Set<string> {
  const seen = new Set(from);
  for (const name of seen) {
    for (const next of imports(files, name, AT_ONCE)) seen.add(next);
    if (lazy) { for (const next of imports(files, name, LAZILY)) seen.add(next); }
  }
  return seen;
}

function imports(files: ReadonlyMap<string, string>, name: string, kind: RegExp): string[] {
  return [...(files.get(name) ?? "").matchAll(kind)].map(([, name]) => name as string)
    .filter((name) => files.has(name));
}

function replaceNames(text: string, to: (name: string) => string): string {
  const rename = (all: string, name: string) => all.replace(name, to(name));
  return text.replace(AT_ONCE, rename).replace(LAZILY, rename);
}
