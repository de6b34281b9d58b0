/**
 * What a command is handed, and what it is.
 *
 * @module
 */
import type { Flag, FlagValue } from "./args.ts";
import type { Output } from "./output/output.ts";

/** Flags that stand before or after every command. */
export interface Globals {
  readonly config: string | undefined;
  readonly network: string | undefined;
  readonly socket: string | undefined;
  readonly json: boolean;
  readonly leafy: boolean;
  /** How often `-v` was given. */
  readonly verbose: number;
  readonly quiet: boolean;
}

/** One invocation. */
export interface Call {
  readonly positionals: readonly string[];
  readonly flags: ReadonlyMap<string, readonly FlagValue[]>;
  readonly globals: Globals;
  readonly out: Output;
  /** For commands that are about commands. */
  readonly table: CommandTable;
}

/** A module in `commands/`. Answers the exit code. */
export interface CommandModule {
  run(call: Call): number | Promise<number>;
}

/** One command. */
export interface Command {
  /** As it is typed; two words where commands are grouped. */
  readonly name: string;
  /** Only together with `--leafy`. */
  readonly leafy?: true;
  /** What follows the name in the usage line. */
  readonly usage: string;
  /** One line, for the list of commands. */
  readonly summary: string;
  /** Lines of `agent help NAME`, after usage and summary. */
  readonly details: readonly string[];
  readonly flags: readonly Flag[];
  /** How many arguments there must and may be, and what they are called. */
  readonly arguments: { readonly least: number; readonly most: number; readonly name: string };
  load(): Promise<CommandModule>;
}

/** All commands, in the order in which `agent help` lists them, and the flags of every command. */
export interface CommandTable {
  readonly commands: readonly Command[];
  readonly globalFlags: readonly Flag[];
}

/** Whether a flag was given. */
export function hasFlag(call: Call, name: string): boolean {
  return call.flags.has(name);
}

/** The value of a flag: the last one given; undefined where there is none. */
export function flagText(call: Call, name: string): string | undefined {
  const last = call.flags.get(name)?.at(-1);
  return last === true ? undefined : last;
}

/** All values of a flag that may stand several times; undefined where it was not given. */
export function flagTexts(call: Call, name: string): string[] | undefined {
  return call.flags.get(name)?.filter((value) => value !== true);
}
