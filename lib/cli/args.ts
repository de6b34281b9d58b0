/**
 * Arguments → values. By hand and not by `parseArgs` of node:util: importing that costs 4 ms of a
 * start that takes 14, and it knows neither a flag whose value may be left out nor the word that was
 * probably meant. A test holds the two against each other.
 *
 * @module
 */
import { AgentError, ExitCode } from "../core/errors.ts";

/** One flag. */
export interface Flag {
  /** Without its hyphens. */
  readonly name: string;
  /** One letter. A value may follow at once or as the next argument: `-i5`, `-i 5`. */
  readonly short?: string;
  /** What stands for the value in help texts; without it the flag takes none. */
  readonly value?: string;
  /** The value may be left out; the next argument is taken for it where this says so. */
  readonly isValue?: (next: string) => boolean;
  /** May stand several times; all values count. Otherwise the last one does. */
  readonly repeated?: boolean;
  readonly help: string;
}

/** `true`: given without a value; `-vv` gives two of them. */
export type FlagValue = true | string;

/** What was on the command line. */
export interface Arguments {
  readonly positionals: string[];
  /** Every value that was given, in order. */
  readonly flags: Map<string, FlagValue[]>;
}

/**
 * Takes arguments apart. `flagsAfter` is asked for the known flags again after each positional,
 * because the command decides which there are. Flags end at `--`.
 *
 * @throws {AgentError} exit code 2
 */
export async function parseArguments(
  argv: readonly string[],
  flagsAfter: (positionals: readonly string[]) => readonly Flag[],
): Promise<Arguments> {
  const positionals: string[] = [];
  const flags = new Map<string, FlagValue[]>();
  let known = flagsAfter(positionals);
  const add = ({ name }: Flag, value: FlagValue) => {
    const values = flags.get(name);
    if (values === undefined) flags.set(name, [value]);
    else values.push(value);
  };
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i] as string;
    if (argument === "--") {
      positionals.push(...argv.slice(i + 1));
      break;
    }
    if (argument.startsWith("--")) {
      const equals = argument.indexOf("=");
      const name = equals < 0 ? argument.slice(2) : argument.slice(2, equals);
      const flag = known.find((flag) => flag.name === name);
      if (flag === undefined) throw await unknownFlag(`--${name}`, known);
      if (equals >= 0) {
        if (flag.value === undefined) throw usage(`--${name} takes no value`);
        add(flag, argument.slice(equals + 1));
      } else if (flag.value === undefined) add(flag, true);
      else {
        const next = argv[i + 1];
        if (flag.isValue !== undefined) {
          const taken = next !== undefined && flag.isValue(next);
          add(flag, taken ? next : true);
          if (taken) i++;
        } else if (next === undefined || (next.startsWith("-") && next !== "-")) {
          throw usage(`--${name} needs a value: --${name} ${flag.value}`);
        } else {
          add(flag, next);
          i++;
        }
      }
    } else if (argument.startsWith("-") && argument !== "-") {
      for (let at = 1; at < argument.length; at++) {
        const letter = argument[at] as string;
        const flag = known.find(({ short }) => short === letter);
        if (flag === undefined) throw await unknownFlag(`-${letter}`, known);
        if (flag.value === undefined) {
          add(flag, true);
          continue;
        }
        const next = argument.slice(at + 1) || argv[++i];
        if (next === undefined) throw usage(`-${letter} needs a value: -${letter} ${flag.value}`);
        add(flag, next);
        break;
      }
    } else {
      positionals.push(argument);
      known = flagsAfter(positionals);
    }
  }
  return { positionals, flags };
}

/** Wrong usage: exit code 2. */
export function usage(message: string): AgentError {
  return new AgentError(message, ExitCode.Usage);
}

async function unknownFlag(typed: string, known: readonly Flag[]): Promise<AgentError> {
  const { didYouMean } = await import("../agent/config/nearest.ts");
  const words = known.map(({ name }) => `--${name}`);
  return usage(
    `unknown flag ${typed}${didYouMean(typed, words) || "; see: agent help"}`,
  );
}
