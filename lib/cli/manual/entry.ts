/**
 * What the manual says of a command beyond its row in the table, and sentences that many commands
 * share. Only help texts, the manual page and docs/commands/ load this; a command that runs does not.
 *
 * @module
 */
import type { JsonValue } from "../../http/api.ts";

/** An example: what to type, and what for. */
export interface Example {
  /** One line of a shell. What follows a pipe or a `;` may be another program. */
  readonly line: string;
  readonly about: string;
}

/** What `--json` prints. */
export interface JsonShape {
  /** One value, or a line for each thing that is told. */
  readonly each: "value" | "line";
  /** An answer as it may look. Its type is checked against what the agent gives. */
  readonly example: JsonValue;
  /** What the example cannot show: members that may be missing, other values. */
  readonly note?: string;
}

/** The manual's part of a command. */
export interface Manual {
  /** Exit codes that mean something particular here; 0, 2, 70 and 78 mean the same everywhere. */
  readonly exits: readonly (readonly [code: number, meaning: string])[];
  readonly examples: readonly Example[];
  /** Missing where the command prints nothing, or text only. */
  readonly json?: JsonShape;
}

/** Manuals by the name of the command. */
export type Manuals = Readonly<Record<string, Manual>>;

/** Checks an example against the type that the agent gives, and hands it on as JSON. */
export function shape<T>(each: JsonShape["each"], example: T, note?: string): JsonShape {
  // What these types allow is JSON; they are interfaces, which have no index signature.
  return { each, example: example as JsonValue, ...(note !== undefined && { note }) };
}

/** Of commands that ask the running agent. */
export const ASKS: Manual["exits"] = [
  [3, "The agent is not running."],
  [4, "Its socket may not be used by this user, or the agent refused."],
];
