/**
 * What a row of the schema is made of.
 *
 * @module
 */
import { AgentError, ExitCode } from "../../core/errors.ts";
import { nodeNameProblem } from "../../state/names.ts";
import { integer, text, type ValueType, type Written, WrongValue } from "./types.ts";

/** One key. */
export interface Row<T> {
  readonly type: ValueType<T>;
  /** The default as it would stand in the file; undefined where `absent` says what holds. */
  readonly fallback: Written | undefined;
  /** What holds without the key where that is not a plain value. */
  readonly absent?: string;
  /** What to show in the commented file where there is no fallback. */
  readonly example?: Written;
  /** A reload does not take it over; a text: only in networks of that profile. */
  readonly atStart?: boolean | "hncp";
  /** Other names that are taken too. */
  readonly aliases?: readonly string[];
  /** For people: unit, meaning, and what it trades. */
  readonly doc: string;
}

/** A table of the config. */
export interface Section {
  readonly name: string;
  /** Written with double brackets, and may stand several times. */
  readonly repeated: boolean;
  readonly doc: string;
  readonly rows: Readonly<Record<string, Row<unknown>>>;
}

/** The values of a table after parsing: its defaults filled in. */
export type Values<Rows> = {
  readonly [K in keyof Rows]: Rows[K] extends Row<infer T> ? T : never;
};

/** A key with a plain default. */
export function key<T>(type: ValueType<T>, fallback: Written, doc: string): Row<T> {
  return { type, fallback, doc };
}

/** A key without a plain default; `absent` says what holds without it. */
export function open<T>(
  type: ValueType<T>,
  absent: string,
  example: Written,
  doc: string,
  aliases: readonly string[] = [],
): Row<T | undefined> {
  return { type, fallback: undefined, absent, example, aliases, doc };
}

/** The same key, which holds from the start of the agent on. */
export function atStart<T>(row: Row<T>, where: true | "hncp" = true): Row<T> {
  return { ...row, atStart: where };
}

/**
 * The value of a flag of the command line; undefined where it was not given.
 * @throws {AgentError} exit code 2
 */
export function flag<T>(name: string, type: ValueType<T>, typed: unknown): T | undefined {
  if (typed === undefined) return undefined;
  try {
    return type.parse(typed);
  } catch (error) {
    if (!(error instanceof WrongValue)) throw error;
    throw new AgentError(`${name} ${error.message}`, ExitCode.Usage, { cause: error });
  }
}

/** What may stand before the colon of NODE:KEY, also `NAME~ab12` or an id. */
export const nodeName = text(
  "a name of 1 to 63 characters without space, colon or slash",
  /^[^\s:/\p{Cc}]{1,63}$/u,
);
/** The name that a node gives itself: one that others show as it is, instead of the node's id. */
export const ownName: ValueType<string> = {
  ...nodeName,
  parse(value) {
    const name = nodeName.parse(value);
    const problem = nodeNameProblem(name);
    if (problem === undefined) return name;
    throw new WrongValue(
      `${JSON.stringify(name)} ${problem}, so others would show this node by its id; ` +
        "choose another name",
    );
  },
};
/** A pattern over interface names: `*` any characters, `?` one. */
export const glob = text(
  'an interface name, perhaps with * or ?, such as "eth*"',
  /^[^\s/\p{Cc}]{1,64}$/u,
);
/** A UDP or TCP port. */
export const port = integer(1, 65_535);
