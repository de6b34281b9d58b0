/**
 * The difference of two short texts, line by line, as `diff -u` shows it.
 *
 * @module
 */

/** Lines around a change that are shown with it. */
const CONTEXT = 3;

interface Line {
  /** ` ` in both, `-` in the old one alone, `+` in the new one alone. */
  readonly mark: " " | "-" | "+";
  readonly text: string;
}

/** Unified diff, without a line end behind the last line; empty where nothing differs. */
export function unifiedDiff(
  before: string,
  after: string,
  names: readonly [before: string, after: string],
): string {
  const lines = compare(linesOf(before), linesOf(after));
  const hunks = hunksOf(lines);
  if (hunks.length === 0) return "";
  return [
    `--- ${names[0]}`,
    `+++ ${names[1]}`,
    ...hunks.flatMap(([from, to]) => hunk(lines, from, to)),
  ].join("\n");
}

function linesOf(text: string): string[] {
  if (text === "") return [];
  return (text.endsWith("\n") ? text.slice(0, -1) : text).split("\n");
}

/** By the longest common subsequence; its table is the product of the lengths, so for short texts. */
function compare(before: readonly string[], after: readonly string[]): Line[] {
  const width = after.length + 1;
  const common = new Uint32Array((before.length + 1) * width);
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      common[i * width + j] = before[i] === after[j]
        ? common[(i + 1) * width + j + 1]! + 1
        : Math.max(common[(i + 1) * width + j]!, common[i * width + j + 1]!);
    }
  }
  const lines: Line[] = [];
  let i = 0;
  let j = 0;
  while (i < before.length || j < after.length) {
    if (i < before.length && j < after.length && before[i] === after[j]) {
      lines.push({ mark: " ", text: before[i]! });
      i++;
      j++;
    } else if (
      j >= after.length ||
      (i < before.length && common[(i + 1) * width + j]! >= common[i * width + j + 1]!)
    ) lines.push({ mark: "-", text: before[i++]! });
    else lines.push({ mark: "+", text: after[j++]! });
  }
  return lines;
}

/** Runs of lines that are shown: changes with what is around them, joined where they touch. */
function hunksOf(lines: readonly Line[]): [from: number, to: number][] {
  const hunks: [number, number][] = [];
  lines.forEach(({ mark }, at) => {
    if (mark === " ") return;
    const from = Math.max(0, at - CONTEXT);
    const to = Math.min(lines.length, at + CONTEXT + 1);
    const last = hunks.at(-1);
    if (last !== undefined && from <= last[1]) last[1] = to;
    else hunks.push([from, to]);
  });
  return hunks;
}

function hunk(lines: readonly Line[], from: number, to: number): string[] {
  const count = (part: readonly Line[], not: "+" | "-") =>
    part.filter(({ mark }) => mark !== not).length;
  const shown = lines.slice(from, to);
  const range = (not: "+" | "-") => {
    const length = count(shown, not);
    // An empty range is named by the line before it.
    return `${count(lines.slice(0, from), not) + (length === 0 ? 0 : 1)},${length}`;
  };
  return [
    `@@ -${range("+")} +${range("-")} @@`,
    ...shown.map(({ mark, text }) => mark + text),
  ];
}
