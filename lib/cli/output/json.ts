/**
 * JSON for scripts: one value, or one line a change.
 *
 * @module
 */
import type { Output } from "./output.ts";
import { complain, writeAll } from "./stdio.ts";

export function jsonOutput(quiet: boolean): Output {
  const write = (data: unknown) => writeAll(Deno.stdout, `${JSON.stringify(data)}\n`);
  return {
    print: write,
    line: write,
    note: (text) => quiet || complain(text),
  };
}
