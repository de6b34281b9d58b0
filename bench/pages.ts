/**
 * The pages that are rendered from the kept results: `docs/performance.md`, its drawings, and the
 * figures of `README.md`. What the README quotes is listed here.
 *
 * @module
 */
import { ROOT } from "./harness/context.ts";
import { type Described, renderPage } from "./harness/page.ts";
import { type Claim, type Quote, renderQuotes, withQuotes } from "./harness/quotes.ts";
import { readResults, type Result } from "./harness/result.ts";

/** Where results are kept. */
export const RESULTS = `${ROOT}docs/performance`;

/** The table of the README. */
export const QUOTES: readonly Quote[] = [];

/** Round numbers in its prose. */
export const CLAIMS: readonly Claim[] = [];

/** Path from the root → text. */
export function pages(
  benches: readonly Described[],
  results: ReadonlyMap<string, Result>,
  readme: string,
): Map<string, string> {
  const all = new Map([["docs/performance.md", renderPage(benches, results)]]);
  for (const bench of benches) {
    const result = results.get(bench.name);
    if (!result) continue;
    for (const { file, svg } of bench.pictures?.(result) ?? []) {
      all.set(`docs/performance/${file}`, svg);
    }
  }
  return all.set("README.md", withQuotes(readme, renderQuotes(QUOTES, results)));
}

/** Writes the pages that differ. */
export async function writePages(benches: readonly Described[]): Promise<void> {
  const readme = await Deno.readTextFile(`${ROOT}README.md`);
  for (const [path, text] of pages(benches, readResults(RESULTS), readme)) {
    const before = await Deno.readTextFile(`${ROOT}${path}`).catch(() => undefined);
    if (before !== text) await Deno.writeTextFile(`${ROOT}${path}`, text);
  }
}
