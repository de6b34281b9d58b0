/** `agent man` */
import type { Call } from "../call.ts";
import { manPage } from "../man.ts";
import { commands, globalFlags } from "../table.ts";

export function run({ out }: Call): number {
  const page = manPage(commands, globalFlags);
  out.print({ page }, () => ({ lines: page.trimEnd().split("\n").map((line) => [line]) }));
  return 0;
}
