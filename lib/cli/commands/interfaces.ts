/** `agent interfaces [--watch]` */
import type { InterfaceRow } from "../../http/api.ts";
import { type Call, hasFlag } from "../call.ts";
import type { Client } from "../client.ts";
import type { Cell } from "../output/output.ts";
import { pause, untilSignal } from "../signals.ts";
import { localClient } from "../sockets.ts";

/** With `--watch` the agent is asked this often, in ms. */
const EVERY = 1_000;

export async function run(call: Call): Promise<number> {
  const client = await localClient(call.globals);
  const rows = await read(client);
  if (hasFlag(call, "watch")) return await watch(call, client, rows);
  call.out.print(rows, () => ({
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

async function read(client: Client): Promise<InterfaceRow[]> {
  return JSON.parse((await client.request("GET", "/v1/interfaces")).body);
}

async function watch(call: Call, client: Client, first: InterfaceRow[]): Promise<number> {
  const stop = untilSignal();
  let before = new Map(first.map((row) => [row.name, row]));
  for (const row of first) show(call, "present", row);
  while (await pause(EVERY, stop)) {
    const now = new Map((await read(client)).map((row) => [row.name, row]));
    for (const [name, row] of now) {
      const was = before.get(name);
      if (was === undefined) show(call, "added", row);
      else if (JSON.stringify(was) !== JSON.stringify(row)) show(call, "changed", row);
    }
    for (const [name, row] of before) if (!now.has(name)) show(call, "removed", row);
    before = now;
  }
  return 0;
}

function show(call: Call, event: string, row: InterfaceRow): void {
  const at = new Date().toISOString();
  call.out.line({ event, at, ...row }, () => [
    { at },
    event,
    { text: row.name, tone: "strong" },
    state(row),
    row.mac,
    `mtu ${row.mtu}`,
    row.addresses.join(" "),
  ]);
}

function state({ up, running }: InterfaceRow): Cell {
  if (!up) return { text: "down", tone: "dim" };
  return running ? { text: "up", tone: "good" } : { text: "no carrier", tone: "bad" };
}
