/** `agent lsoe sessions` */
import type { LsoeSessionRow } from "../../http/api.ts";
import { labelText, peerText } from "../cables.ts";
import type { Call } from "../call.ts";
import type { Cell } from "../output/output.ts";
import { localClient } from "../sockets.ts";

export async function run({ globals, out }: Call): Promise<number> {
  const client = await localClient(globals);
  const { body } = await client.request("GET", "/v1/lsoe/sessions");
  const sessions: LsoeSessionRow[] = JSON.parse(body);
  if (sessions.length === 0) {
    out.note("no sessions; a peer appears when its cable carries and it speaks LSOE, too");
  }
  out.print(sessions, () => ({
    columns: ["INTERFACE", "PEER", "MAC", "STATE", "SINCE", "ADDRESSES"],
    rows: sessions.map((session) => [
      { text: session.interface, tone: "strong" },
      peerText({ ...session, peerMac: "-" }),
      session.peerMac,
      state(session),
      { seconds: session.sinceSeconds },
      [...session.addresses, labelText(session.labels)].join(" ").trim(),
    ]),
  }));
  return 0;
}

function state({ state, stale, carrier }: LsoeSessionRow): Cell {
  if (!carrier) return { text: "no carrier", tone: "bad" };
  if (stale) return { text: "silent", tone: "bad" };
  return { text: state, tone: state === "open" ? "good" : "dim" };
}
