/** `agent help [COMMAND]` */
import { usage } from "../args.ts";
import type { Call } from "../call.ts";
import { helpFor, overview } from "../help.ts";
import { commands } from "../table.ts";

export async function run({ positionals, out }: Call): Promise<number> {
  const text = positionals.length === 0 ? overview() : await about(positionals.join(" "));
  out.print({ help: text }, () => ({ lines: text.split("\n").map((line) => [line]) }));
  return 0;
}

async function about(name: string): Promise<string> {
  const meant = commands.filter((command) =>
    command.name === name || command.name.startsWith(`${name} `)
  );
  if (meant.length > 0) return meant.map(helpFor).join("\n\n");
  const { didYouMean } = await import("../../agent/config/nearest.ts");
  const hint = didYouMean(name, commands.map((command) => command.name));
  throw usage(`unknown command "${name}"${hint || "; see: agent help"}`);
}
