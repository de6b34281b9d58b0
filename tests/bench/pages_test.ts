/** The page of figures and the README's, against the kept results; and how they are rendered. */
import { deepStrictEqual, doesNotMatch, match, ok, strictEqual, throws } from "node:assert/strict";
import { ROOT } from "../../bench/harness/context.ts";
import type { Machine } from "../../bench/harness/machine.ts";
import { renderPage } from "../../bench/harness/page.ts";
import { renderQuotes, withQuotes, wrongClaims } from "../../bench/harness/quotes.ts";
import { Report } from "../../bench/harness/report.ts";
import {
  decodeResult,
  encodeResult,
  readResults,
  type Result,
} from "../../bench/harness/result.ts";
import { allBenches } from "../../bench/main.ts";
import { CLAIMS, pages, RESULTS } from "../../bench/pages.ts";

Deno.test("docs/performance.md, its drawings and the README are as the kept results render", async () => {
  const readme = Deno.readTextFileSync(`${ROOT}README.md`);
  const results = readResults(RESULTS);
  for (const [path, text] of await pages(await allBenches(), results, readme)) {
    const same = Deno.readTextFileSync(`${ROOT}${path}`) === text;
    ok(same, `${path} is edited by hand, or stale: ./denow task bench --render`);
  }
  deepStrictEqual(wrongClaims(readme, CLAIMS, results), []);
});

Deno.test("every kept result is of a bench that there is, under its name", async () => {
  const names = (await allBenches()).map(({ name }) => name);
  for (const [bench, result] of readResults(RESULTS)) {
    ok(names.includes(bench), `docs/performance/${bench}.json`);
    strictEqual(encodeResult(result), Deno.readTextFileSync(`${RESULTS}/${bench}.json`));
  }
});

Deno.test("outside its table the README quotes no time, part or memory that was measured", () => {
  const readme = Deno.readTextFileSync(`${ROOT}README.md`);
  let prose = withQuotes(readme, "").replace(/```.*?```/gs, "").replace(/\s+/g, " ");
  for (const { words } of CLAIMS) prose = prose.replace(words, "");
  doesNotMatch(prose, /\d\s?(?:ms|µs|%|×|MB|GB)(?![A-Za-z])/);
});

const machine: Machine = {
  processor: "Abacus",
  cores: 1,
  system: "linux",
  runtime: "Deno 1",
  hashMbPerSecond: 7,
};

function resultOf(
  bench: string,
  work: (report: Report) => void,
  how: Partial<Result> = {},
): Result {
  const report = new Report(() => {}, false);
  report.begin(bench, "a title");
  work(report);
  const run = { bench, date: "2026-01-02", machine, load: [0.5, 1.5] as const, quick: false };
  return { ...run, seconds: 12, entries: report.entries, ...how };
}

const hop = resultOf("hop", (report) => {
  report.note("a remark");
  report.figures("a line", { cold: { value: 4_000, unit: "ms", limit: 3_000 } });
  report.measured({
    what: "one hop",
    unit: "ms",
    samples: [4, 4, 4],
    reference: { what: "TCP", samples: [2, 2, 2] },
    target: { limit: 5 },
  });
  report.figures("a ring", { cold: { value: 123_456, unit: "ms" } });
});
const old = resultOf("old", () => {}, { date: "2025-12-31", quick: true, commit: "12345678" });

Deno.test("the page: a section a bench, with when, how and on what, and what was missed", () => {
  const benches = ["old", "hop", "never run"].map((name) => ({ name, title: "x", about: "Why." }));
  const page = renderPage(benches, new Map([["hop", hop], ["old", old]]));
  match(page, /## old: x\n\n2025-12-31, quick run of 12 s, commit 12345678; load 0.5 .* Abacus/);
  match(page, /## hop: x\n\n2026-01-02, full run of 12 s; load 0.5 [^#]*Why\.\n\n- a remark\n/);
  match(page, /\| one hop \| 4 ms +\| 4 to 4 \(3\) +\| TCP: 2 ms +\| 2 × +\| ≤ 5 ms: reached \|/);
  match(page, /\| a line \| 4000 ms \(≤ 3000: \*\*missed\*\*\) \|\n\| a ring \| 123 456 ms +\|/);
  match(page, /missed\n\n- hop: a line: cold 4000 ms, and should be at most 3000 ms\n\n## old/);
  ok(!page.includes("never run"));
});

Deno.test("figures in the README: rendered between the markers, and never without a result", () => {
  const results = new Map([["hop", hop]]);
  const quotes = [
    { says: "a change", bench: "hop", what: "one hop" },
    { says: "a start", bench: "hop", what: "a line", figure: "cold" },
  ];
  const rendered = renderQuotes(quotes, results);
  match(rendered, /\| a change \| 4 ms +\| TCP 2 ms: 2 × +\| 2026-01-02, full, load 0.50 \|/);
  match(rendered, /\| a start {2}\| 4000 ms +\| +\| 2026-01-02, full, load 0.50 \|/);
  const page = "one\n\n<!-- figures -->\n\nold\n\n<!-- /figures -->\n\ntwo\n";
  strictEqual(withQuotes(page, "NEW"), page.replace("old", "NEW"));
  strictEqual(withQuotes(withQuotes(page, "NEW"), "NEW"), withQuotes(page, "NEW"));
  throws(() => withQuotes("no marker", "NEW"), RangeError);
  for (const what of ["two hops", "a line"]) {
    throws(() => renderQuotes([{ says: "", bench: "hop", what }], results), /which is not kept/);
  }
});

Deno.test("round numbers in prose are held against the results", () => {
  const results = new Map([["hop", hop]]);
  const claim = { bench: "hop", what: "one hop" };
  const wrong = (words: string, value: number) =>
    wrongClaims("It takes about\n4 ms.", [{ words, value, ...claim }], results);
  deepStrictEqual(wrong("about 4 ms", 4), []);
  deepStrictEqual(wrong("about 4 ms", 4.5), []);
  match(wrong("about 4 ms", 5)[0] ?? "", /measured was 4/);
  match(wrong("about 3 ms", 4)[0] ?? "", /not in the page/);
});

Deno.test("a result's file: written, read, and anything else refused", () => {
  deepStrictEqual(decodeResult(encodeResult(hop)), hop);
  const noisy = { ...hop, seconds: 1.23456789 };
  strictEqual(decodeResult(encodeResult(noisy)).seconds, 1.2346);
  for (const text of ["", "{}", '{"bench": "x"}', "[]", "null"]) {
    throws(() => decodeResult(text), SyntaxError, text);
  }
});
