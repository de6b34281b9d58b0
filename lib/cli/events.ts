/**
 * Following the agent's event stream: `watch`, `interfaces --watch`, `lsoe watch`.
 *
 * @module
 */
import { AgentError, ExitCode } from "../core/errors.ts";
import type { Call } from "./call.ts";
import type { Client } from "./client.ts";
import { untilSignal } from "./signals.ts";

/**
 * Hands each event of `path` to `show`, until a signal comes; the exit code.
 * @throws {AgentError} exit 3 where the agent ends it.
 */
export async function followEvents<T>(
  { globals, out }: Call,
  client: Client,
  path: string,
  show: (event: T) => void,
): Promise<number> {
  const stop = untilSignal();
  let kind = "message";
  for await (const line of client.lines("GET", path, stop)) {
    if (line === "") kind = "message";
    else if (line.startsWith("event: ")) kind = line.slice(7);
    else if (line.startsWith("data: ") && kind === "message") {
      show(JSON.parse(line.slice(6)));
    } else if (kind === "dropped") {
      throw new AgentError(
        "the agent dropped this watch, because its output was read too slowly",
        ExitCode.Unreachable,
      );
    }
    if (kind === "ready" && line !== "" && globals.verbose > 0) out.note("watching");
  }
  if (stop.aborted) return ExitCode.Done;
  throw new AgentError("the agent has stopped; start it with: agent run", ExitCode.Unreachable);
}
