/**
 * What a bench says: lines for people, or one JSON value a line.
 *
 * @module
 */
import { digits, summarise, type Summary } from "./stats.ts";

/** What a figure has to reach. */
export interface Target {
  /** Upper limit, in the unit of the figure, or as a ratio to the reference. */
  readonly limit: number;
  /** What is held against it; the figure's median where nothing else is named. */
  readonly of?: "median" | "ratio";
}

/** Samples of one thing beside samples of what it is compared with, taken in turns. */
export interface Measurement {
  /** What was measured. */
  readonly what: string;
  readonly unit: string;
  readonly samples: readonly number[];
  /** Sample i was taken in the same round as sample i of the thing itself. */
  readonly reference?: { readonly what: string; readonly samples: readonly number[] };
  readonly target?: Target;
}

/** One figure of several that belong together. */
export interface Figure {
  readonly value: number | string | null;
  readonly unit?: string;
  /** It may not be above this. */
  readonly limit?: number;
}

/** Where lines go. */
export type Write = (line: string) => void;

/** Collects nothing: every line goes out as soon as it is known. */
export class Report {
  readonly #write: Write;
  readonly #json: boolean;
  #bench = "";
  /** Targets that were missed. */
  readonly missed: string[] = [];

  constructor(write: Write, json: boolean) {
    this.#write = write;
    this.#json = json;
  }

  /** What follows belongs to this bench. */
  begin(bench: string, title: string): void {
    this.#bench = bench;
    this.#say({ begin: title }, `\n${bench}: ${title}`);
  }

  /** A remark. */
  note(text: string): void {
    this.#say({ note: text }, `  ${text}`);
  }

  measured(m: Measurement): void {
    const { what, unit, reference, target } = m;
    const summary = summarise(m.samples);
    const beside = reference && summarise(reference.samples);
    // Within a round both had the same luck with this computer; so ratios first, then their median.
    const ratio = reference && summarise(ratios(m.samples, reference.samples)).median;
    const against = target?.of === "ratio" ? ratio : summary.median;
    const met = target && against !== undefined ? against <= target.limit : undefined;
    if (met === false) this.missed.push(`${this.#bench}: ${what}`);
    const lines = [row(what, summary, unit)];
    if (reference && beside && ratio !== undefined) {
      lines.push(row(`  ${reference.what}`, beside, unit), `    ratio ${digits(ratio)}`);
    }
    if (target) {
      const limit = target.of === "ratio"
        ? `a ratio of ${target.limit}`
        : `${target.limit} ${unit}`;
      lines.push(`    target: at most ${limit}: ${met ? "reached" : "MISSED"}`);
    }
    this.#say({
      what,
      unit,
      ...summary,
      ...(reference && { reference: { what: reference.what, ...beside }, ratio }),
      ...(target && { target: { limit: target.limit, of: target.of ?? "median", met } }),
    }, lines.map((line) => `  ${line}`).join("\n"));
  }

  /** Several figures of one thing, on one line. */
  figures(what: string, figures: Readonly<Record<string, Figure>>): void {
    const shown: string[] = [];
    const met: Record<string, boolean> = {};
    for (const [name, { value, unit, limit }] of Object.entries(figures)) {
      let text = `${typeof value === "number" ? digits(value) : value ?? "–"}`;
      text = unit ? `${name} ${text} ${unit}` : `${name} ${text}`;
      if (limit !== undefined && typeof value === "number") {
        met[name] = value <= limit;
        text += ` (target at most ${limit}: ${met[name] ? "reached" : "MISSED"})`;
        if (!met[name]) this.missed.push(`${this.#bench}: ${what}, ${name}`);
      }
      shown.push(text);
    }
    const values = Object.fromEntries(
      Object.entries(figures).map(([name, { value, unit, limit }]) => [
        name,
        { value, ...(unit && { unit }), ...(limit !== undefined && { limit, met: met[name] }) },
      ]),
    );
    this.#say({ what, figures: values }, [`  ${what}`, ...wrap(shown)].join("\n      "));
  }

  #say(json: Record<string, unknown>, text: string): void {
    this.#write(this.#json ? JSON.stringify({ bench: this.#bench, ...json }) : text);
  }
}

/** Joined with ` · ` to lines that fit a terminal; a word that does not is a line. */
function wrap(words: readonly string[]): string[] {
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last === undefined || last.length + word.length > 90) lines.push(word);
    else lines[lines.length - 1] = `${last} · ${word}`;
  }
  return lines;
}

/** Pair by pair; what has no partner is left out. */
function ratios(samples: readonly number[], references: readonly number[]): number[] {
  const length = Math.min(samples.length, references.length);
  return Array.from({ length }, (_, i) => (samples[i] as number) / (references[i] as number));
}

function row(what: string, { n, median, p10, p90 }: Summary, unit: string): string {
  const spread = `(p10 ${digits(p10)}, p90 ${digits(p90)}, n ${n})`;
  return `${what.padEnd(58)} ${digits(median).padStart(6)} ${unit}  ${spread}`;
}
