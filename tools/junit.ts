/**
 * Reads what `deno test --junit-path` writes: which tests passed, failed, or were skipped.
 *
 * @module
 */

/** What became of one test. `filtered`: a `--filter` left it out, so it was never asked to run. */
export type Outcome = "passed" | "failed" | "skipped" | "filtered";

/** One test, or one step of a test (`parent > step`). */
export interface TestCase {
  /** The test file as Deno names it: `./tests/wire/tlv_test.ts`. */
  readonly file: string;
  readonly name: string;
  readonly outcome: Outcome;
}

const TEST_CASE = /<testcase\b([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g;
const ENTITIES: Record<string, string> = {
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&apos;": "'",
  "&amp;": "&",
};

/** All tests and steps of a report, in its order. */
export function parseJunit(xml: string): TestCase[] {
  const cases: TestCase[] = [];
  for (const [, attributes = "", body = ""] of xml.matchAll(TEST_CASE)) {
    cases.push({
      file: attribute(attributes, "classname") ?? "",
      name: attribute(attributes, "name") ?? "",
      outcome: outcome(attributes, body),
    });
  }
  return cases;
}

/** The tests without their steps: a step that fails fails its test, and is not counted again. */
export function withoutSteps(cases: readonly TestCase[]): TestCase[] {
  const names = new Set(cases.map((c) => `${c.file}\n${c.name}`));
  return cases.filter(({ file, name }) => {
    for (let at = name.indexOf(" > "); at >= 0; at = name.indexOf(" > ", at + 1)) {
      if (names.has(`${file}\n${name.slice(0, at)}`)) return false;
    }
    return true;
  });
}

function outcome(attributes: string, body: string): Outcome {
  if (/<(failure|error)\b/.test(body)) return "failed";
  if (!/<skipped\b/.test(body)) return "passed";
  // Deno gives an ignored test the time 0, and one that a filter left out no time at all.
  return attribute(attributes, "time") === undefined ? "filtered" : "skipped";
}

function attribute(attributes: string, name: string): string | undefined {
  const match = new RegExp(`(?:^|\\s)${name}="([^"]*)"`).exec(attributes);
  return match?.[1]?.replace(/&(?:lt|gt|quot|apos|amp);/g, (entity) => ENTITIES[entity] ?? entity);
}
