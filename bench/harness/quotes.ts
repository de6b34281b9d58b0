/**
 * The figures that `README.md` quotes: a table between two markers, rendered from the kept results,
 * and a few round numbers in its prose that must not stray from them.
 *
 * @module
 */
import { table } from "./markdown.ts";
import { shown } from "./page.ts";
import type { MeasuredEntry } from "./report.ts";
import type { Result } from "./result.ts";
import { digits } from "./stats.ts";

/** Which figure, by the words under which its bench reports it. */
interface Source {
  readonly bench: string;
  readonly what: string;
  /** One of several figures of that thing. */
  readonly figure?: string;
  /** Where one thing is reported beside several references: the beginning of the one meant. */
  readonly beside?: string;
}

/** A row of the table. */
export interface Quote extends Source {
  readonly says: string;
}

/** A round number in the prose. */
export interface Claim extends Source {
  /** Words of the README with the number, as they stand there on one line. */
  readonly words: string;
  /** In the unit of the figure. */
  readonly value: number;
}

/** The prose may be off by this part of the figure. */
const ROUNDING = 0.15;

const BEGIN = "<!-- figures -->";
const END = "<!-- /figures -->";

/** The table's text. @throws {RangeError} for a figure that no kept result has. */
export function renderQuotes(
  quotes: readonly Quote[],
  results: ReadonlyMap<string, Result>,
): string {
  return table([
    ["what", "measured", "beside it, in the same run", "run"],
    ...quotes.map((quote) => {
      const { text, beside, result } = find(quote, results);
      const { date, quick, load: [begin] } = result;
      const run = `${date}, ${quick ? "quick" : "full"}, load ${digits(begin)}`;
      return [quote.says, text, beside, run];
    }),
  ]);
}

/** The page with the table between its markers. @throws {RangeError} where it has no markers. */
export function withQuotes(page: string, rendered: string): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) throw new RangeError(`no ${BEGIN} … ${END}`);
  return `${page.slice(0, begin + BEGIN.length)}\n\n${rendered}\n\n${page.slice(end)}`;
}

/** Claims whose words are not in the page, or whose number is not what was measured. */
export function wrongClaims(
  page: string,
  claims: readonly Claim[],
  results: ReadonlyMap<string, Result>,
): string[] {
  const text = page.replace(/\s+/g, " ");
  return claims.flatMap((claim) => {
    if (!text.includes(claim.words)) return [`"${claim.words}" is not in the page`];
    const { value } = find(claim, results);
    if (value !== null && Math.abs(claim.value - value) <= ROUNDING * value) return [];
    return [`"${claim.words}": measured was ${value}`];
  });
}

interface Found {
  readonly result: Result;
  readonly text: string;
  readonly beside: string;
  readonly value: number | null;
}

function find(source: Source, results: ReadonlyMap<string, Result>): Found {
  const { bench, what, figure } = source;
  const result = results.get(bench);
  for (const entry of result?.entries ?? []) {
    if (entry.kind === "note" || entry.what !== what || !result) continue;
    if (entry.kind === "measured") {
      const { reference } = entry;
      if (source.beside !== undefined && !reference?.what.startsWith(source.beside)) continue;
      const text = shown({ value: entry.median, unit: entry.unit });
      return { result, text, beside: besideOf(entry), value: entry.median };
    }
    const found = figure === undefined ? undefined : entry.figures[figure];
    if (!found) continue;
    const value = typeof found.value === "number" ? found.value : null;
    return { result, text: shown(found), beside: "", value };
  }
  const name = figure === undefined ? what : `${what}, ${figure}`;
  throw new RangeError(`the README quotes "${name}" of the bench ${bench}, which is not kept`);
}

function besideOf({ reference, unit, ratio }: MeasuredEntry): string {
  if (!reference || ratio === undefined) return "";
  return `${reference.what} ${shown({ value: reference.median, unit })}: ${digits(ratio)} ×`;
}
