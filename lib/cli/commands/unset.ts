/** `agent unset KEY…` */
import { ExitCode } from "../../core/errors.ts";
import type { Call } from "../call.ts";
import { complain } from "../output/stdio.ts";
import { localClient, queryOf } from "../sockets.ts";

export async function run({ positionals, globals, out }: Call): Promise<number> {
  const client = await localClient(globals);
  const query = queryOf(globals, positionals.map((key) => ["key", key] as const));
  const { body } = await client.request("DELETE", `/v1/state${query}`);
  const answer: { removed: string[]; missing: string[] } = JSON.parse(body);
  out.print(answer, () => ({ lines: [] }));
  if (answer.missing.length === 0) return ExitCode.Done;
  if (!globals.quiet) complain(`${answer.missing.join(", ")}: not set by this node`);
  return ExitCode.NotThere;
}
