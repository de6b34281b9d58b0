/**
 * `docs/performance.md` from the kept results: a section a bench, and what of all that missed its
 * target.
 *
 * @module
 */
import type { Bench } from "./context.ts";
import { describe } from "./machine.ts";
import { list, prose, table } from "./markdown.ts";
import type { Entry, FiguresEntry, KeptFigure, MeasuredEntry } from "./report.ts";
import type { Result } from "./result.ts";
import { digits } from "./stats.ts";

/** What the page says of a bench besides its result. */
export type Described = Pick<Bench, "name" | "title" | "about" | "pictures">;

/** Figures with more names than this stand below each other, fewer side by side. */
const WIDE = 12;

const HEAD = `
Written by \`./denow task bench --write [NAME…]\` from what the benches measured, which is kept in
\`docs/performance/\`: not edited by hand, and a test holds it against that. A bench that was
not run again keeps its result, with its date. \`./denow task bench [--quick] [NAME…]\` measures without
writing; \`--help\` lists the benches.

Each bench takes its reference in the same run, in turns with what it measures. "Ratio" is the median
over the rounds of measured / reference in one round, so that what disturbs this computer disturbs
both alike; ratios hold better than milliseconds. "Measured" is a median, with the 10th and the 90th
percentile behind it. Traffic stays on loopback and in network namespaces. Nothing was measured on a
Raspberry Pi.
`;

/** The whole page. `benches` in the order of their sections; one without a result is left out. */
export function renderPage(
  benches: readonly Described[],
  results: ReadonlyMap<string, Result>,
): string {
  const parts = ["# Performance", prose(HEAD)];
  const shown = benches.filter(({ name }) => results.has(name));
  // What is measured beside two references misses its target once.
  const missed = [...new Set(shown.flatMap(({ name }) => missedOf(results.get(name) as Result)))];
  if (missed.length > 0) parts.push("## Targets that were missed", list(missed));
  for (const bench of shown) parts.push(...section(bench, results.get(bench.name) as Result));
  return parts.join("\n\n") + "\n";
}

/** When, how and on what a result came about, in one line. */
export function circumstances(result: Result): string {
  const { date, quick, seconds, load: [begin, end], commit } = result;
  const how = `${quick ? "quick" : "full"} run of ${duration(seconds)}`;
  const at = commit === undefined ? "" : `, commit ${commit}`;
  const loads = `load ${begin.toFixed(1)} at its beginning, ${end.toFixed(1)} at its end`;
  return `${date}, ${how}${at}; ${loads}. ${describe(result.machine)}.`;
}

/** A value with its unit. */
export function shown({ value, unit }: Pick<KeptFigure, "value" | "unit">): string {
  if (value === null) return "–";
  const text = typeof value === "number" ? grouped(digits(value)) : value;
  return unit ? `${text} ${unit}` : text;
}

function section(bench: Described, result: Result): string[] {
  const parts = [`## ${bench.name}: ${bench.title}`, prose(circumstances(result))];
  if (bench.about !== undefined) parts.push(prose(bench.about));
  for (const { file, alt } of bench.pictures?.(result) ?? []) {
    parts.push(`![${alt}](performance/${file})`);
  }
  parts.push(...runs(result.entries).map(render));
  return parts;
}

/** What stands in one table or list. */
type Run =
  | { kind: "note"; rows: { text: string }[] }
  | { kind: "measured"; rows: MeasuredEntry[] }
  | { kind: "figures"; rows: FiguresEntry[] };

/** Remarks first, then everything that was measured beside a reference, then figures that fit together. */
function runs(entries: readonly Entry[]): Run[] {
  const notes = entries.filter((entry) => entry.kind === "note");
  const measured = entries.filter((entry) => entry.kind === "measured");
  const figures: FiguresEntry[][] = [];
  for (const entry of entries) {
    if (entry.kind !== "figures") continue;
    const fitting = figures.find((rows) => alike(rows, entry));
    if (fitting) fitting.push(entry);
    else figures.push([entry]);
  }
  return [
    ...(notes.length > 0 ? [{ kind: "note" as const, rows: notes }] : []),
    ...(measured.length > 0 ? [{ kind: "measured" as const, rows: measured }] : []),
    ...figures.map((rows) => ({ kind: "figures" as const, rows })),
  ];
}

/** Whether at least half of all names are common to both. */
function alike(rows: readonly FiguresEntry[], entry: FiguresEntry): boolean {
  const before = new Set(rows.flatMap(({ figures }) => Object.keys(figures)));
  const names = Object.keys(entry.figures);
  const common = names.filter((name) => before.has(name)).length;
  return 2 * common >= new Set([...before, ...names]).size;
}

function render(run: Run): string {
  if (run.kind === "note") return list(run.rows.map(({ text }) => text));
  if (run.kind === "measured") return measuredTable(run.rows);
  const names = [...new Set(run.rows.flatMap(({ figures }) => Object.keys(figures)))];
  if (run.rows.length > 1 && names.length <= WIDE) {
    return table([
      ["", ...names],
      ...run.rows.map(({ what, figures }) => [what, ...names.map((name) => inCell(figures[name]))]),
    ]);
  }
  return run.rows.map(({ what, figures }) =>
    table([
      [what, "figure"],
      ...Object.entries(figures).map(([name, figure]) => [name, inCell(figure)]),
    ])
  ).join("\n\n");
}

function inCell(figure: KeptFigure | undefined): string {
  if (!figure) return "";
  const { limit, met } = figure;
  if (limit === undefined || met === undefined) return shown(figure);
  return `${shown(figure)} (≤ ${grouped(digits(limit))}: ${verdict(met)})`;
}

function measuredTable(rows: readonly MeasuredEntry[]): string {
  const some = (has: (row: MeasuredEntry) => unknown) => rows.some((row) => has(row) !== undefined);
  const beside = some(({ reference }) => reference);
  const target = some(({ target }) => target);
  return table([
    [
      ...["what", "measured", "p10 to p90 (n)"],
      ...(beside ? ["reference in the same run", "ratio"] : []),
      ...(target ? ["target"] : []),
    ],
    ...rows.map((row) => [
      row.what,
      shown({ value: row.median, unit: row.unit }),
      row.n === 1 ? "(1)" : `${grouped(digits(row.p10))} to ${grouped(digits(row.p90))} (${row.n})`,
      ...(beside ? [besideOf(row), row.ratio === undefined ? "" : `${digits(row.ratio)} ×`] : []),
      ...(target ? [targetOf(row)] : []),
    ]),
  ]);
}

function besideOf({ reference, unit }: MeasuredEntry): string {
  return reference ? `${reference.what}: ${shown({ value: reference.median, unit })}` : "";
}

function targetOf({ target, unit }: MeasuredEntry): string {
  if (!target) return "";
  const limit = target.of === "ratio" ? `${target.limit} ×` : `${target.limit} ${unit}`;
  return `≤ ${limit}: ${verdict(target.met)}`;
}

function verdict(met: boolean): string {
  return met ? "reached" : "**missed**";
}

/** A line for each target that a result missed. */
function missedOf({ bench, entries }: Result): string[] {
  return entries.flatMap((entry) => {
    if (entry.kind === "measured" && entry.target?.met === false) {
      const { what, target: { of, limit }, ratio = NaN, median, unit } = entry;
      const [is, may] = of === "ratio"
        ? [`${digits(ratio)} ×`, `${limit} ×`]
        : [shown({ value: median, unit }), `${limit} ${unit}`];
      return [`${bench}: ${what}: ${is}, and should be at most ${may}`];
    }
    if (entry.kind !== "figures") return [];
    return Object.entries(entry.figures).filter(([, { met }]) => met === false).map(
      ([name, figure]) => {
        const limit = shown({ value: figure.limit as number, ...unitOf(figure) });
        return `${bench}: ${entry.what}: ${name} ${shown(figure)}, and should be at most ${limit}`;
      },
    );
  });
}

function unitOf({ unit }: KeptFigure): { unit: string } | Record<never, never> {
  return unit === undefined ? {} : { unit };
}

/** 1334503 → 1 334 503. */
function grouped(number: string): string {
  return /^-?\d{5,}$/.test(number) ? number.replace(/\B(?=(\d{3})+$)/g, " ") : number;
}

function duration(seconds: number): string {
  return seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
}
