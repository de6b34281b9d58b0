/** `agent peers` */
import type { PeerRow } from "../../http/api.ts";
import type { Call } from "../call.ts";
import { localClient, queryOf } from "../sockets.ts";

export async function run({ globals, out }: Call): Promise<number> {
  const client = await localClient(globals);
  const { body } = await client.request("GET", `/v1/peers${queryOf(globals)}`);
  const peers: PeerRow[] = JSON.parse(body);
  if (peers.length === 0) out.note("no peers; see: agent status");
  out.print(peers, () => ({
    columns: ["NODE", "OVER", "ADDRESS", "LAST HEARD", "STATE"],
    rows: peers.map(({ node, endpoint, address, lastContactSeconds, consistent }) => [
      { text: node, tone: "strong" },
      endpoint,
      address,
      { ago: lastContactSeconds },
      consistent ? { text: "agrees", tone: "good" } : { text: "synchronising", tone: "bad" },
    ]),
  }));
  return 0;
}
