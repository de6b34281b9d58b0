/**
 * Test vectors: files of `$VECTORS_DIR` if they are there, else of `tests/vectors/`.
 *
 * @module
 */

/** The parsed JSON of a vector file. */
export function readVectors<T>(name: string): T {
  const own = new URL(`../vectors/${name}`, import.meta.url);
  const given = Deno.env.get("VECTORS_DIR");
  let text: string | undefined;
  if (given) {
    try {
      text = Deno.readTextFileSync(`${given}/${name}`);
    } catch (error) {
      // Another set of vectors need not have every file; ours has.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return JSON.parse(text ?? Deno.readTextFileSync(own)) as T;
}
