/**
 * Floor 5: the command line. argv → one command → exit code. One file a command in `commands/`;
 * how answers look is the business of `output/`.
 *
 * Every exit code is one of `lib/core/errors.ts`, or 70 (EX_SOFTWARE) for a fault of this program.
 * Commands that follow something (`watch`, a continual `publish`) end with 0 on SIGINT and SIGTERM,
 * because that is how they are meant to end. When the reader of stdout goes away, the command ends
 * in silence with 0.
 *
 * @module
 */
import { type Arguments, type Flag, parseArguments, usage } from "./args.ts";
import type { Call, Command, CommandTable, Globals } from "./call.ts";
import type { Output } from "./output/output.ts";
import { commands, findCommand, globalFlags } from "./table.ts";

const table: CommandTable = { commands, globalFlags };

/** Runs a command line and answers the exit code. Never throws. */
export async function main(argv: readonly string[]): Promise<number> {
  let verbose = 0;
  try {
    globalThis.addEventListener("unhandledrejection", (event) => {
      event.preventDefault();
      end(event.reason, verbose);
    });
    const parsed = await parseArguments(argv, flagsAfter);
    // What people try first with a program that they do not know.
    if (parsed.flags.has("version")) parsed.positionals.splice(0, Infinity, "version");
    const globals = globalsOf(parsed);
    verbose = globals.verbose;
    return await dispatch(parsed, globals);
  } catch (error) {
    return await fail(error, verbose);
  }
}

async function fail(error: unknown, verbose: number): Promise<number> {
  if (error instanceof Deno.errors.BrokenPipe) return 0;
  const { report } = await import("./fail.ts");
  return report(error, verbose);
}

async function end(error: unknown, verbose: number): Promise<void> {
  Deno.exit(await fail(error, verbose));
}

/** Before the command is known only global flags are; afterwards also its own. */
function flagsAfter(positionals: readonly string[]): readonly Flag[] {
  const found = findCommand(positionals);
  return found === undefined ? globalFlags : [...globalFlags, ...found.command.flags];
}

function globalsOf({ flags }: Arguments): Globals {
  const text = (name: string) => {
    const last = flags.get(name)?.at(-1);
    return last === true ? undefined : last;
  };
  return {
    config: text("config"),
    network: text("network"),
    socket: text("socket"),
    json: flags.has("json"),
    leafy: flags.has("leafy"),
    verbose: flags.get("verbose")?.length ?? 0,
    quiet: flags.has("quiet"),
  };
}

async function dispatch(parsed: Arguments, globals: Globals): Promise<number> {
  const { positionals, flags } = parsed;
  const out = await outputFor(globals);
  const found = findCommand(positionals);
  if (found === undefined) {
    if (positionals.length > 0) throw await unknownCommand(positionals);
    const { overview } = await import("./help.ts");
    if (flags.has("help")) {
      const text = overview(table);
      out.print({ help: text }, () => ({ lines: text.split("\n").map((line) => [line]) }));
      return 0;
    }
    const { writeAll } = await import("./output/stdio.ts");
    writeAll(Deno.stderr, `${overview(table)}\n`);
    return 2;
  }
  const { command, words } = found;
  if (flags.has("help")) {
    const { helpFor } = await import("./help.ts");
    const text = helpFor(command);
    out.print({ help: text }, () => ({ lines: text.split("\n").map((line) => [line]) }));
    return 0;
  }
  checkLeafy(command, globals.leafy);
  const rest = positionals.slice(words);
  checkCount(command, rest);
  const call: Call = { positionals: rest, flags, globals, out, table };
  return await (await command.load()).run(call);
}

async function outputFor({ json, quiet }: Globals): Promise<Output> {
  if (json) return (await import("./output/json.ts")).jsonOutput(quiet);
  return (await import("./output/text.ts")).textOutput(quiet);
}

function checkLeafy({ name, leafy }: Command, asked: boolean): void {
  if (leafy && !asked) throw usage(`${name} needs --leafy: agent --leafy ${name}`);
  if (asked && !leafy) {
    const instead: Record<string, string> = { get: "read", set: "publish" };
    const hint = instead[name] ?? commands.filter((c) => c.leafy).map((c) => c.name).join(" or ");
    throw usage(`${name} has no leafy form; try: agent --leafy ${hint}`);
  }
}

function checkCount({ name, arguments: wanted }: Command, given: readonly string[]): void {
  if (given.length < wanted.least) {
    throw usage(`${name} needs ${wanted.name}; see: agent help ${name}`);
  }
  if (given.length > wanted.most) {
    throw usage(`unexpected argument "${given[wanted.most]}"; see: agent help ${name}`);
  }
}

async function unknownCommand(positionals: readonly string[]): Promise<Error> {
  const { didYouMean } = await import("../agent/config/nearest.ts");
  const [first = "", second] = positionals;
  const group = commands.map(({ name }) => name).filter((name) => name.startsWith(`${first} `));
  if (group.length > 0) {
    const typed = second === undefined ? first : `${first} ${second}`;
    const hint = didYouMean(typed, group);
    return second !== undefined && hint !== "" ? usage(`unknown command "${typed}"${hint}`) : usage(
      `${first} needs one of: ${group.map((name) => name.slice(first.length + 1)).join(", ")}`,
    );
  }
  const names = commands.map(({ name }) => name);
  return usage(
    `unknown command "${first}"${didYouMean(first, names) || "; see: agent help"}`,
  );
}
