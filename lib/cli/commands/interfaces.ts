/** `agent interfaces [--watch]` */
import type { InterfaceEvent, InterfaceRow } from "../../http/api.ts";
import { type Call, hasFlag } from "../call.ts";
import { followEvents } from "../events.ts";
import type { Cell } from "../output/output.ts";
import { localClient } from "../sockets.ts";

export async function run(call: Call): Promise<number> {
  const { globals, out } = call;
  const client = await localClient(globals);
  if (hasFlag(call, "watch")) {
    return await followEvents<InterfaceEvent>(
      call,
      client,
      "/v1/events?topic=interfaces&snapshot=1",
      (event) => out.line(event, () => cells(event)),
    );
  }
  const rows: InterfaceRow[] = JSON.parse((await client.request("GET", "/v1/interfaces")).body);
  out.print(rows, () => ({
    columns: ["INTERFACE", "STATE", "MAC", "MTU", "ADDRESSES"],
    rows: rows.map((row) => [
      { text: row.name, tone: "strong" },
      state(row),
      row.mac,
      row.mtu,
      row.addresses.join(" "),
    ]),
  }));
  return 0;
}

function cells(event: InterfaceEvent): Cell[] {
  return [
    { at: event.at },
    event.event,
    { text: event.name, tone: "strong" },
    state(event),
    event.mac,
    `mtu ${event.mtu}`,
    event.addresses.join(" "),
  ];
}

function state({ up, running }: InterfaceRow): Cell {
  if (!up) return { text: "down", tone: "dim" };
  return running ? { text: "up", tone: "good" } : { text: "no carrier", tone: "bad" };
}
