/**
 * What a bench says: lines for people, or one JSON value a line; and the same as data, for the page
 * that is rendered from it.
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

/** A figure as it is kept: with `limit` goes whether it was met. */
export interface KeptFigure extends Figure {
  readonly met?: boolean;
}

/** A measurement in few numbers. */
export interface MeasuredEntry extends Summary {
  readonly kind: "measured";
  readonly what: string;
  readonly unit: string;
  readonly reference?: Summary & { readonly what: string };
  /** Median of the rounds' ratios to the reference. */
  readonly ratio?: number;
  readonly target?: {
    readonly limit: number;
    readonly of: "median" | "ratio";
    readonly met: boolean;
  };
}

/** Several figures of one thing. */
export interface FiguresEntry {
  readonly kind: "figures";
  readonly what: string;
  readonly figures: Readonly<Record<string, KeptFigure>>;
}

/** What a bench reported, in its order. */
export type Entry =
  | MeasuredEntry
  | FiguresEntry
  | { readonly kind: "note"; readonly text: string };

/** Where lines go. */
export type Write = (line: string) => void;

/** Every line goes out as soon as it is known; the entries of the bench that runs are kept. */
export class Report {
  readonly #write: Write;
  readonly #json: boolean;
  #bench = "";
  #entries: Entry[] = [];
  /** Targets that were missed. */
  readonly missed: string[] = [];

  constructor(write: Write, json: boolean) {
    this.#write = write;
    this.#json = json;
  }

  /** What the bench that runs has reported so far. */
  get entries(): readonly Entry[] {
    return this.#entries;
  }

  /** What follows belongs to this bench. */
  begin(bench: string, title: string): void {
    this.#bench = bench;
    this.#entries = [];
    this.#say({ begin: title }, `\n${bench}: ${title}`);
  }

  /** A remark. */
  note(text: string): void {
    this.#entries.push({ kind: "note", text });
    this.#say({ note: text }, `  ${text}`);
  }

  measured(m: Measurement): void {
    const entry = entryOf(m);
    const { kind: _, ...json } = entry;
    const { what, unit, reference, ratio, target } = entry;
    if (target?.met === false) this.missed.push(`${this.#bench}: ${what}`);
    const lines = [row(what, entry, unit)];
    if (reference && ratio !== undefined) {
      lines.push(row(`  ${reference.what}`, reference, unit), `    ratio ${digits(ratio)}`);
    }
    if (target) {
      const limit = target.of === "ratio"
        ? `a ratio of ${target.limit}`
        : `${target.limit} ${unit}`;
      lines.push(`    target: at most ${limit}: ${target.met ? "reached" : "MISSED"}`);
    }
    this.#entries.push(entry);
    this.#say(json, lines.map((line) => `  ${line}`).join("\n"));
  }

  /** Several figures of one thing, on one line. */
  figures(what: string, figures: Readonly<Record<string, Figure>>): void {
    const shown: string[] = [];
    const kept: Record<string, KeptFigure> = {};
    for (const [name, { value, unit, limit }] of Object.entries(figures)) {
      let text = `${typeof value === "number" ? digits(value) : value ?? "–"}`;
      text = unit ? `${name} ${text} ${unit}` : `${name} ${text}`;
      const met = limit !== undefined && typeof value === "number" ? value <= limit : undefined;
      if (met !== undefined) {
        text += ` (target at most ${limit}: ${met ? "reached" : "MISSED"})`;
        if (!met) this.missed.push(`${this.#bench}: ${what}, ${name}`);
      }
      shown.push(text);
      kept[name] = {
        value,
        ...(unit && { unit }),
        ...(limit !== undefined && { limit }),
        ...(met !== undefined && { met }),
      };
    }
    this.#entries.push({ kind: "figures", what, figures: kept });
    this.#say({ what, figures: kept }, [`  ${what}`, ...wrap(shown)].join("\n      "));
  }

  #say(json: Record<string, unknown>, text: string): void {
    this.#write(this.#json ? JSON.stringify({ bench: this.#bench, ...json }) : text);
  }
}

function entryOf({ what, unit, samples, reference, target }: Measurement): MeasuredEntry {
  const summary = summarise(samples);
  const beside = reference && { what: reference.what, ...summarise(reference.samples) };
  // Within a round both had the same luck with this computer; so ratios first, then their median.
  const ratio = reference && summarise(ratios(samples, reference.samples)).median;
  const against = target?.of === "ratio" ? ratio : summary.median;
  return {
    kind: "measured",
    what,
    unit,
    ...summary,
    ...(beside && { reference: beside }),
    ...(ratio !== undefined && { ratio }),
    ...(target && against !== undefined && {
      target: { limit: target.limit, of: target.of ?? "median", met: against <= target.limit },
    }),
  };
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
