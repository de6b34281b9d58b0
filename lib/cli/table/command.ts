/**
 * What a command of the table is made of, and words that several commands use.
 *
 * @module
 */
import type { Flag } from "../args.ts";
import type { CommandModule } from "../call.ts";

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

/** No arguments. */
export const none = { least: 0, most: 0, name: "" };
export const entries = { least: 1, most: Infinity, name: "KEY=VALUE" };
export const keys = { least: 0, most: Infinity, name: "[NODE:]KEY" };

export const ABOUT_KEYS =
  "KEY is a key of any node, NODE:KEY of one (its name or id), NODE: everything of it. A KEY that ends" +
  " in / means all that begins so.";
export const ABOUT_VALUES =
  "VALUE is JSON where it is valid JSON, else text: 21.5, true, [1,2], open. Durations are 250ms, 5s," +
  " 10m, 2h, or bare seconds.";

export const keyFile: Flag = { name: "key-file", value: "FILE", help: "file of the network key" };
