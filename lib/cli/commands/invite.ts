/** `agent invite [--for 10m] [--address HOST] [--list] [--revoke ID]` */
import type { Invitation, InviteRow } from "../../http/program_api.ts";
import { usage } from "../args.ts";
import { type Call, flagText, flagTexts, hasFlag } from "../call.ts";
import { durationTextOf } from "../durations.ts";
import { localClient, queryOf } from "../sockets.ts";

export async function run(call: Call): Promise<number> {
  const id = flagText(call, "revoke");
  if (id !== undefined && hasFlag(call, "list")) throw usage("give --list or --revoke, not both");
  if (id !== undefined) return await revoke(call, id);
  if (hasFlag(call, "list")) return await list(call);
  const { globals, out } = call;
  const body = { for: durationTextOf(call, "for"), addresses: flagTexts(call, "address") };
  const client = await localClient(globals);
  const answer = await client.request(
    "POST",
    `/v1/invites${queryOf(globals)}`,
    JSON.stringify(body),
  );
  const invitation: Invitation = JSON.parse(answer.body);
  out.print(invitation, () => ({ lines: [[invitation.line]] }));
  const minutes = new Date(invitation.expires);
  const two = (n: number) => String(n).padStart(2, "0");
  out.note(
    `good for one computer, until ${two(minutes.getHours())}:${two(minutes.getMinutes())}; ` +
      "whoever has this line can join, so pass it on in private",
  );
  return 0;
}

async function list({ globals, out }: Call): Promise<number> {
  const client = await localClient(globals);
  const { body } = await client.request("GET", `/v1/invites${queryOf(globals)}`);
  const rows: InviteRow[] = JSON.parse(body);
  out.print(rows, () => ({
    columns: ["ID", "NETWORK", "STATE", "ENDS", "BY"],
    rows: rows.map((row) => [
      row.id,
      row.network,
      row.state,
      new Date(row.expires).toLocaleTimeString("en-GB"),
      row.by ?? "",
    ]),
  }));
  return 0;
}

async function revoke({ globals, out }: Call, id: string): Promise<number> {
  const client = await localClient(globals);
  const { body } = await client.request("DELETE", `/v1/invites/${encodeURIComponent(id)}`);
  out.print(JSON.parse(body), () => ({ lines: [] }));
  return 0;
}
