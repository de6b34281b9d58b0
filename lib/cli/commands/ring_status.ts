/** `agent ring status` */
import type { RingMemberRow, RingView } from "../../http/api.ts";
import type { Call } from "../call.ts";
import type { Cell } from "../output/output.ts";
import { askRing } from "../ring.ts";

export async function run({ globals, out }: Call): Promise<number> {
  const ring = await askRing(globals);
  if (ring.version === "0.1") {
    out.print(ring, () => ({ lines: summary(ring).map((line) => [line]) }));
    return 0;
  }
  for (const line of summary(ring)) out.note(line);
  out.print(ring, () => ({
    columns: ["", "MEMBER", "STATE", "SINCE", "SENT", "UNANSWERED", "LOST", "NO LINK", "ADDRESS"],
    rows: ring.members.map((one) => [
      one.index,
      { text: one.name, tone: "strong" },
      state(one),
      one.state === "self" ? "-" : { seconds: one.sinceSeconds },
      ...(one.state === "self" ? ["-", "-", "-", "-"] : [one.sent, one.unanswered]),
      ...(one.state === "self" ? [] : [bad(one.lost), bad(one.noLink)]),
      [one.address ?? (one.state === "self" ? ring.listen.join(" ") : "unknown"), one.trouble]
        .filter((text) => text !== "").join("; "),
    ]),
  }));
  return 0;
}

function summary(ring: RingView): string[] {
  const { version, index, name, listen, clients, fromClients, fromServers, logged } = ring;
  const lines = [
    version === "0.1"
      ? `logger (v0.1) on ${listen.join(" and ")}: ${logged} messages, ${clients} clients connected`
      : `server ${index} ("${name}"): ${logged} messages logged, ${fromClients} of them from clients` +
        ` and ${fromServers} from servers; ${clients} clients connected`,
    `logs in ${ring.logDir}`,
  ];
  if (ring.logLinesLost > 0) {
    lines.push(`${ring.logLinesLost} lines could not be written to the logs; is the disk full?`);
  }
  if (ring.refused > 0) {
    lines.push(`${ring.refused} bad lines or connections were refused; see error.log`);
  }
  if (ring.rerouted > 0) lines.push(`${ring.rerouted} copies went round a missing member`);
  return lines;
}

function state({ state, incoming }: RingMemberRow): Cell {
  if (state === "self") return { text: "this", tone: "dim" };
  if (state === "up") return { text: incoming ? "up" : "up (one way)", tone: "good" };
  return { text: incoming ? `${state} (one way)` : state, tone: "bad" };
}

function bad(count: number): Cell {
  return count === 0 ? 0 : { text: String(count), tone: "bad" };
}
