/**
 * Text for people: aligned columns, relative times, and colour on a terminal.
 *
 * @module
 */
import type { JsonValue } from "../../http/api.ts";
import type { Cell, Output, View } from "./output.ts";
import { complain, writeAll } from "./stdio.ts";

/** How text comes out. */
export interface Look {
  readonly colour: boolean;
  /** Columns of the terminal; undefined where there is none, and nothing is cut. */
  readonly width: number | undefined;
  /** Now, in ms since 1970, for relative times. */
  readonly now: number;
}

export function textOutput(quiet: boolean): Output {
  const write = (lines: readonly string[]) => {
    if (lines.length > 0) writeAll(Deno.stdout, `${lines.join("\n")}\n`);
  };
  return {
    print: (_, view) => write(render(view(), currentLook())),
    line: (_, view) => write([renderLine(view(), currentLook())]),
    note: (text) => quiet || complain(text),
  };
}

/** Colour and width only on a terminal; never colour with `NO_COLOR` (no-color.org). */
function currentLook(): Look {
  const terminal = Deno.stdout.isTerminal();
  return {
    colour: terminal && !Deno.env.get("NO_COLOR") && Deno.env.get("TERM") !== "dumb",
    width: terminal ? terminalWidth() : undefined,
    now: Date.now(),
  };
}

function terminalWidth(): number | undefined {
  try {
    const { columns } = Deno.consoleSize();
    return columns > 0 ? columns : undefined;
  } catch {
    // A terminal that does not tell its size: nothing is cut.
    return undefined;
  }
}

/** The lines of a view. */
export function render(view: View, look: Look): string[] {
  if ("lines" in view) return view.lines.map((line) => renderLine(line, look));
  if (view.rows.length === 0) return [];
  const cells = [
    view.columns.map((text) => ({ text, tone: "dim" as const })),
    ...view.rows.map((row) => row.map((cell) => toned(cell, look))),
  ];
  const widths = view.columns.map((_, column) =>
    Math.max(...cells.map((row) => widthOf(row[column]?.text ?? "")))
  );
  return cells.map((row) => {
    let left = look.width ?? Infinity;
    return row.map((cell, column) => {
      const last = column === row.length - 1;
      const shown = cut(cell.text, left);
      left -= (widths[column] ?? 0) + 2;
      const padding = last ? "" : " ".repeat((widths[column] ?? 0) - widthOf(cell.text) + 2);
      return paint({ ...cell, text: shown }, look) + (left > -2 ? padding : "");
    }).join("").trimEnd();
  });
}

function renderLine(line: readonly Cell[], look: Look): string {
  return line.map((cell) => {
    if (typeof cell === "object" && "at" in cell) {
      return paint({ text: clock(cell.at), tone: "dim" }, look);
    }
    return paint(toned(cell, look), look);
  }).join(" ");
}

interface Toned {
  readonly text: string;
  readonly tone?: "strong" | "dim" | "good" | "bad";
}

function toned(cell: Cell, look: Look): Toned {
  if (typeof cell === "string") return { text: harmless(cell) };
  if (typeof cell === "number") return { text: String(cell) };
  if ("value" in cell) return { text: showValue(cell.value) };
  if ("ago" in cell) return { text: `${showSeconds(cell.ago)} ago`, tone: "dim" };
  if ("at" in cell) {
    return { text: `${showSeconds((look.now - Date.parse(cell.at)) / 1_000)} ago`, tone: "dim" };
  }
  if ("seconds" in cell) return { text: showSeconds(cell.seconds) };
  if ("bytes" in cell) return { text: showBytes(cell.bytes) };
  return { text: harmless(cell.text), tone: cell.tone };
}

const SGR = { strong: 1, dim: 2, good: 32, bad: 31 };

function paint({ text, tone }: Toned, { colour }: Look): string {
  return colour && tone !== undefined && text !== "" ? `\x1b[${SGR[tone]}m${text}\x1b[0m` : text;
}

/** Text without what could steer a terminal: control characters and changes of direction. */
export function harmless(text: string): string {
  // Nearly always; and the classes below are compiled from Unicode's tables when they are first used.
  if (/^[ -~]*$/.test(text)) return text;
  return text.replace(
    /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** A value as people read it: text bare where that is not mistaken for something else, else JSON. */
export function showValue(value: JsonValue): string {
  if (typeof value !== "string") return harmless(JSON.stringify(value));
  try {
    JSON.parse(value);
  } catch {
    if (value.trim() === value && value !== "") return harmless(value);
  }
  return harmless(JSON.stringify(value));
}

/** The largest two units of a span: `3s`, `5m 10s`, `3h 12m`, `2d 4h`. */
export function showSeconds(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  const units: [number, string][] = [[86_400, "d"], [3_600, "h"], [60, "m"], [1, "s"]];
  const first = Math.max(0, units.findIndex(([size]) => s >= size));
  if (s === 0) return "0s";
  const [size, name] = units[first] as [number, string];
  const [nextSize, nextName] = units[first + 1] ?? [0, ""];
  const rest = nextSize === 0 ? 0 : Math.floor((s % size) / nextSize);
  return `${Math.floor(s / size)}${name}${rest > 0 ? ` ${rest}${nextName}` : ""}`;
}

function showBytes(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${(bytes / 1e3).toFixed(1)} KB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Local time of day; with the date where that is not today's. */
export function clock(iso: string, now = new Date()): string {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return harmless(iso);
  const two = (n: number) => String(n).padStart(2, "0");
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return at.toDateString() === now.toDateString()
    ? time
    : `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${time}`;
}

/** Cells of a terminal; wide for East Asian characters and emoji, none for combining marks. */
export function widthOf(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let width = 0;
  for (const character of text) {
    if (/\p{Mn}|\p{Me}|\p{Cf}/u.test(character)) continue;
    width +=
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}|[\u{20000}-\u{3fffd}]/u
          .test(character)
        ? 2
        : 1;
  }
  return width;
}

function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  if (width < 1) return "";
  let out = "";
  let used = 0;
  for (const character of text) {
    used += widthOf(character);
    if (used > width - 1) break;
    out += character;
  }
  return `${out}…`;
}
