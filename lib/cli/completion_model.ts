/**
 * What shells are told to complete, from the command table: commands, flags, and of values those that
 * are known. One file a shell writes it down (`completion_bash.ts` …).
 *
 * @module
 */
import type { Flag } from "./args.ts";
import type { Command } from "./call.ts";

/** What can stand in a place. */
export type Kind =
  | { readonly kind: "nothing" | "file" | "folder" | "command" }
  /** Keys of the shared state, as the running agent tells them: own ones, or also `NODE:KEY`. */
  | { readonly kind: "keys"; readonly ofAll: boolean; readonly assign: boolean }
  | { readonly kind: "words"; readonly words: readonly string[] };

/** A flag, as far as a shell is concerned. */
export interface FlagModel {
  readonly name: string;
  readonly short: string | undefined;
  readonly help: string;
  /** What follows it; undefined where nothing must. */
  readonly value: Kind | undefined;
}

export interface CommandModel {
  /** One word, or two. */
  readonly name: string;
  readonly leafy: boolean;
  readonly help: string;
  readonly flags: readonly FlagModel[];
  readonly value: Kind;
}

export interface Model {
  readonly commands: readonly CommandModel[];
  /** First words of commands of two. */
  readonly groups: readonly string[];
  readonly flags: readonly FlagModel[];
}

/** The table, in the words of this file. */
export function modelOf(commands: readonly Command[], globalFlags: readonly Flag[]): Model {
  const names = commands.map(({ name }) => name);
  return {
    commands: commands.map((command) => ({
      name: command.name,
      leafy: command.leafy === true,
      help: command.summary,
      flags: command.flags.map(flagOf),
      value: command.arguments.most === 0 ? { kind: "nothing" } : kindOf(command.arguments.name),
    })),
    groups: [...new Set(names.filter((name) => name.includes(" ")).map((name) => firstWord(name)))],
    flags: globalFlags.map(flagOf),
  };
}

function flagOf({ name, short, help, value, isValue }: Flag): FlagModel {
  // A value that may be left out is not waited for.
  const follows = value !== undefined && isValue === undefined;
  return { name, short, help, value: follows ? kindOf(value) : undefined };
}

/** What a placeholder of the help texts stands for. */
function kindOf(placeholder: string): Kind {
  switch (placeholder) {
    case "FILE":
    case "PATH":
      return { kind: "file" };
    case "DIR":
      return { kind: "folder" };
    case "COMMAND":
      return { kind: "command" };
    case "[NODE:]KEY":
      return { kind: "keys", ofAll: true, assign: false };
    case "KEY":
    case "PREFIX":
      return { kind: "keys", ofAll: false, assign: false };
    case "KEY=VALUE":
      return { kind: "keys", ofAll: false, assign: true };
  }
  const words = placeholder.split("|");
  return words.length > 1 && words.every((word) => /^[\w-]+$/.test(word))
    ? { kind: "words", words }
    : { kind: "nothing" };
}

function firstWord(name: string): string {
  return name.split(" ")[0] as string;
}

/** A text as one word of any of the three shells. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** How the scripts name a kind to themselves. */
export function kindWord(kind: Kind): string {
  switch (kind.kind) {
    case "keys":
      return kind.assign ? "assign" : kind.ofAll ? "state" : "keys";
    case "words":
      return `words ${kind.words.join(" ")}`;
    default:
      return kind.kind;
  }
}

/**
 * Lists the keys of the state, of nodes or of all, from the columns that `agent get` prints: two
 * blanks stand between columns, so a key may contain one.
 */
export const KEY_COLUMNS = {
  /** `NODE:KEY` and `KEY`. */
  state: `NR > 1 { print $2; print $1 ":" $2; if (!seen[$1]++) print $1 ":" }`,
  keys: "NR > 1 { print $2 }",
  assign: `NR > 1 && $2 !~ /^agent\\// { print $2 "=" }`,
} as const;
