/** `agent watch [PREFIX] [--snapshot]` */
import { AgentError, ExitCode } from "../../core/errors.ts";
import type { StateEvent } from "../../http/api.ts";
import { type Call, hasFlag } from "../call.ts";
import type { Cell } from "../output/output.ts";
import { untilSignal } from "../signals.ts";
import { localClient, queryOf } from "../sockets.ts";

export async function run(call: Call): Promise<number> {
  const { globals, out } = call;
  const prefix = call.positionals[0];
  const query = queryOf(globals, [
    ...(prefix === undefined ? [] : [["prefix", prefix] as const]),
    ...(hasFlag(call, "snapshot") ? [["snapshot", "1"] as const] : []),
  ]);
  const client = await localClient(globals);
  const stop = untilSignal();
  let kind = "message";
  for await (const line of client.lines("GET", `/v1/events${query}`, stop)) {
    if (line === "") kind = "message";
    else if (line.startsWith("event: ")) kind = line.slice(7);
    else if (line.startsWith("data: ") && kind === "message") {
      const event: StateEvent = JSON.parse(line.slice(6));
      out.line(event, () => cells(event));
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

function cells({ node, key, value, at, event }: StateEvent): Cell[] {
  const change: Cell = event === "set" ? { value } : { text: event, tone: "bad" };
  return [{ at }, { text: node, tone: "strong" }, key, change];
}
