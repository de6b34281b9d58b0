/**
 * Help texts, made from the command table and the manual.
 *
 * @module
 */
import type { Flag } from "./args.ts";
import type { Command, CommandTable } from "./call.ts";
import { jsonLines, type Manual, manualOf, sentence, typed } from "./manual.ts";

const WIDTH = 100;

/** `agent help`. */
export function overview({ commands, globalFlags }: CommandTable): string {
  const rows = commands.map((command) => [typed(command), command.summary] as const);
  return [
    "agent: your Pis share state, find each other, and need no server.",
    "",
    "Usage: agent [FLAGS] COMMAND …",
    "",
    ...columns(rows),
    "",
    "Flags, before or after the command:",
    ...columns(globalFlags.map(flagRow)),
    "",
    "More: agent help COMMAND. Exit codes: 0 done, 1 not there, 2 wrong usage, 3 no agent or node",
    "answers, 4 refused, 78 wrong config.",
  ].join("\n");
}

/** `agent help COMMAND`. */
export function helpFor(command: Command): string {
  const { usage, summary, details, flags } = command;
  return [
    `Usage: agent ${typed(command)} ${usage}`.trimEnd(),
    "",
    ...wrap(sentence(summary)),
    ...details.flatMap((paragraph) => ["", ...wrap(paragraph)]),
    ...(flags.length === 0 ? [] : ["", ...columns(flags.map(flagRow))]),
    ...aboutManual(manualOf(command.name)),
    "",
    "Global flags: agent help",
  ].join("\n");
}

function aboutManual({ exits, examples, json }: Manual): string[] {
  const shown = json && jsonLines(json.example, WIDTH - 2).map((line) => `  ${line}`);
  return [
    ...(exits.length === 0 ? [] : ["", "Exit codes besides 0, 2, 70 and 78:"]),
    ...exits.flatMap(([code, meaning]) =>
      wrap(meaning, WIDTH - 6).map((line, i) =>
        `  ${i === 0 ? String(code).padEnd(4) : "    "}${line}`
      )
    ),
    ...(json === undefined ? [] : [
      "",
      json.each === "line" ? "With --json, a line each:" : "With --json:",
      ...shown ?? [],
      ...(json.note === undefined ? [] : wrap(json.note, WIDTH - 2).map((line) => `  ${line}`)),
    ]),
    "",
    examples.length === 1 ? "Example:" : "Examples:",
    ...examples.flatMap(({ line, about }) => [`  # ${about}`, `  ${line}`]),
  ];
}

function flagRow({ name, short, value, help }: Flag): readonly [string, string] {
  return [`${short ? `-${short}, ` : ""}--${name}${value ? ` ${value}` : ""}`, help];
}

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}

function wrap(text: string, width = WIDTH): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line += line === "" ? word : ` ${word}`;
  }
  return [...lines, line];
}
