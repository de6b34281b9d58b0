/**
 * The command line of the agent: `agent [FLAGS] COMMAND …`. Loads next to nothing itself; each
 * command brings what it needs.
 *
 * @module
 */
import { main } from "./lib/cli/mod.ts";

if (import.meta.main) Deno.exit(await main(Deno.args));
