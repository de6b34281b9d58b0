/** `agent man` */
import type { Call } from "../call.ts";
import { manPage } from "../man.ts";

export function run({ out, table }: Call): number {
  const page = manPage(table.commands, table.globalFlags);
  out.print({ page }, () => ({ lines: page.trimEnd().split("\n").map((line) => [line]) }));
  return 0;
}
