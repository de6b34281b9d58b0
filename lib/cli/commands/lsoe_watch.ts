/** `agent lsoe watch` */
import type { LsoeEventRow } from "../../http/api.ts";
import { labelText, peerText } from "../cables.ts";
import type { Call } from "../call.ts";
import { followEvents } from "../events.ts";
import type { Cell } from "../output/output.ts";
import { localClient } from "../sockets.ts";

export async function run(call: Call): Promise<number> {
  const client = await localClient(call.globals);
  return await followEvents<LsoeEventRow>(
    call,
    client,
    "/v1/events?topic=lsoe&snapshot=1",
    (event) => call.out.line(event, () => cells(event)),
  );
}

const TONES: Partial<Record<LsoeEventRow["event"], "good" | "bad">> = {
  opened: "good",
  linkUp: "good",
  closed: "bad",
  linkDown: "bad",
  macMoved: "bad",
  error: "bad",
  hopeless: "bad",
  noCarrier: "bad",
  carrier: "good",
};

function cells(event: LsoeEventRow): Cell[] {
  const { at, event: kind, addresses = [], labels = [], pairs = [], reason, direction } = event;
  const tone = TONES[kind];
  const moved = event.from !== undefined && event.to !== undefined;
  return [
    { at },
    tone === undefined ? kind : { text: kind, tone },
    ...(event.interface === undefined ? [] : [{ text: event.interface, tone: "strong" } as const]),
    ...(moved ? [event.peerMac ?? "", `from ${event.from} to ${event.to}`] : [peerText(event)]),
    ...(direction === undefined ? [] : [direction]),
    ...(reason === undefined ? [] : [reason]),
    ...addresses,
    ...(labels.length === 0 ? [] : [labelText(labels)]),
    ...(pairs.length === 0
      ? []
      : [pairs.map(({ local, remote }) => `${local} – ${remote}`).join(", ")]),
  ];
}
