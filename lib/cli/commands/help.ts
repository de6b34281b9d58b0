/** `agent help [COMMAND]` */
import { usage } from "../args.ts";
import type { Call, CommandTable } from "../call.ts";
import { helpFor, overview } from "../help.ts";

export async function run({ positionals, out, table }: Call): Promise<number> {
  const text = positionals.length === 0
    ? overview(table)
    : await about(table, positionals.join(" "));
  out.print({ help: text }, () => ({ lines: text.split("\n").map((line) => [line]) }));
  return 0;
}

async function about({ commands }: CommandTable, name: string): Promise<string> {
  const meant = commands.filter((command) =>
    command.name === name || command.name.startsWith(`${name} `)
  );
  if (meant.length > 0) return meant.map(helpFor).join("\n\n");
  const { didYouMean } = await import("../../agent/config/nearest.ts");
  const hint = didYouMean(name, commands.map((command) => command.name));
  throw usage(`unknown command "${name}"${hint || "; see: agent help"}`);
}
