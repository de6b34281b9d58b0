/** `agent completion bash|zsh|fish` */
import { usage } from "../args.ts";
import type { Call } from "../call.ts";
import { completionFor, SHELLS } from "../completion.ts";

export function run({ positionals, out, table }: Call): number {
  const shell = SHELLS.find((name) => name === positionals[0]);
  if (shell === undefined) throw usage(`"${positionals[0]}" is none of: ${SHELLS.join(", ")}`);
  const script = completionFor(shell, table.commands, table.globalFlags);
  out.print({ script }, () => ({ lines: script.trimEnd().split("\n").map((line) => [line]) }));
  return 0;
}
