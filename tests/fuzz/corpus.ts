/**
 * What lies in `tests/fuzz/corpus/`: inputs to begin with, one folder a format, and stories, which are
 * sequences of inputs that once broke a machine.
 *
 * Files named `bad-…` must be refused as they are, all others must be taken. Stories are JSON, so that
 * they can be read: the seed of the subject, and for each step a seed and the input in hexadecimal.
 *
 * @module
 */

/** The folder. */
export const CORPUS = new URL("corpus/", import.meta.url);
/** Folder of the stories in the corpus; the folders of the formats lie beside it. */
export const STORIES = "stories";

/** Replays to the same end whatever becomes of the fuzzer, as long as its target means the same. */
export interface Story {
  readonly target: string;
  /** What went wrong, for people. */
  readonly why: string;
  readonly seed: number;
  readonly steps: readonly (readonly [seed: number, hex: string])[];
}

/** The files of a corpus, in the order of their names. */
export function readCorpus(corpus: string): { name: string; bytes: Uint8Array }[] {
  const folder = new URL(`${corpus}/`, CORPUS);
  const names = [...Deno.readDirSync(folder)].filter((e) => e.isFile).map((e) => e.name).sort();
  return names.map((name) => ({ name, bytes: Deno.readFileSync(new URL(name, folder)) }));
}

/** All folders of inputs. */
export function corpora(): string[] {
  return [...Deno.readDirSync(CORPUS)].filter((e) => e.isDirectory && e.name !== STORIES)
    .map(({ name }) => name).sort();
}

/** The stories of a target, by name of the file. */
export function readStories(target: string): [file: string, story: Story][] {
  const folder = new URL(`${STORIES}/`, CORPUS);
  const all = [...Deno.readDirSync(folder)].map(({ name }) => name)
    .filter((name) => name.endsWith(".json")).sort().map((
      name,
    ): [string, Story] => [name, JSON.parse(Deno.readTextFileSync(new URL(name, folder)))]);
  return all.filter(([, story]) => story.target === target);
}

/** For the scripts that write the corpus. */
export function writeCorpus(corpus: string, files: Record<string, Uint8Array>): void {
  Deno.mkdirSync(new URL(`${corpus}/`, CORPUS), { recursive: true });
  for (const [name, bytes] of Object.entries(files)) {
    Deno.writeFileSync(new URL(`${corpus}/${name}`, CORPUS), bytes);
  }
}
