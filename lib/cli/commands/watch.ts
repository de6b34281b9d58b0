/** `agent watch [PREFIX] [--snapshot]` */
import type { StateEvent } from "../../http/api.ts";
import { type Call, hasFlag } from "../call.ts";
import { followEvents } from "../events.ts";
import type { Cell } from "../output/output.ts";
import { localClient, queryOf } from "../sockets.ts";

export async function run(call: Call): Promise<number> {
  const { globals, out } = call;
  const prefix = call.positionals[0];
  const query = queryOf(globals, [
    ...(prefix === undefined ? [] : [["prefix", prefix] as const]),
    ...(hasFlag(call, "snapshot") ? [["snapshot", "1"] as const] : []),
  ]);
  const client = await localClient(globals);
  return await followEvents<StateEvent>(
    call,
    client,
    `/v1/events${query}`,
    (event) => out.line(event, () => cells(event)),
  );
}

function cells({ node, key, value, at, event }: StateEvent): Cell[] {
  const change: Cell = event === "set" ? { value } : { text: event, tone: "bad" };
  return [{ at }, { text: node, tone: "strong" }, key, change];
}
