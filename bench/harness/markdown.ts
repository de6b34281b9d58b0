/**
 * Markdown as `deno fmt` leaves it, so that a page that is written here needs no formatting.
 *
 * @module
 */

/** Columns of a line of prose. */
const WIDTH = 100;
/** A code span is one word, with its blanks. */
const WORDS = /(?:`[^`]*`|[^\s`])+/g;

/** Prose in lines of at most 100 columns; paragraphs are parted by an empty line. */
export function prose(text: string): string {
  return text.trim().split(/\n\s*\n/).map((paragraph) => fill(paragraph)).join("\n\n");
}

/** A list, an item a line where it fits. */
export function list(items: readonly string[]): string {
  return items.map((item) => `- ${fill(item, 2)}`).join("\n");
}

/** A table with its columns padded. The first row is the head. */
export function table(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows.map((row) => row.map(cell));
  const widths = head.map((_, i) => Math.max(3, ...rows.map((row) => cell(row[i] ?? "").length)));
  const line = (row: readonly string[]) =>
    `| ${widths.map((width, i) => (row[i] ?? "").padEnd(width)).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [line(head), rule, ...body.map(line)].join("\n");
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replace(/\s+/g, " ").trim();
}

function fill(text: string, indent = 0): string {
  const lines: string[] = [];
  for (const word of text.match(WORDS) ?? []) {
    const last = lines.at(-1);
    if (last !== undefined && indent + last.length + 1 + word.length <= WIDTH) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else lines.push(word);
  }
  return lines.join(`\n${" ".repeat(indent)}`);
}
