/** `agent outbox [--dismiss]` */
import type { OutboxView } from "../../http/api.ts";
import { type Call, hasFlag } from "../call.ts";
import type { Cell } from "../output/output.ts";
import { localClient } from "../sockets.ts";

export async function run(call: Call): Promise<number> {
  const client = await localClient(call.globals);
  const { body } = await client.request("GET", "/v1/outbox");
  const outbox: OutboxView = JSON.parse(body);
  call.out.print(outbox, () => ({ lines: lines(outbox) }));
  if (hasFlag(call, "dismiss") && outbox.undelivered.length > 0) {
    // Those that were shown, and no later ones.
    const shown = outbox.undelivered.map(({ notice }) => `notice=${notice}`).join("&");
    await client.request("DELETE", `/v1/outbox/undelivered?${shown}`);
  }
  return 0;
}

function lines({ waiting, messages, undelivered }: OutboxView): Cell[][] {
  const now = Date.now();
  const ago = (iso: string): Cell => ({ ago: (now - Date.parse(iso)) / 1_000 });
  const more = messages - waiting.length;
  return [
    ...waiting.map(({ id, to, state, since, bytes, name }): Cell[] => [
      { text: to, tone: "strong" },
      state,
      "since",
      ago(since),
      { bytes },
      ...(name === undefined ? [] : [name]),
      { text: id, tone: "dim" },
    ]),
    ...(more > 0 ? [[`and ${more} more`]] : []),
    ...undelivered.map(({ id, to, reason, at }): Cell[] => [
      { text: "not delivered:", tone: "bad" },
      { text: to, tone: "strong" },
      reason,
      ago(at),
      { text: id, tone: "dim" },
    ]),
  ];
}
