/** `agent nodes` */
import type { NodeRow } from "../../http/api.ts";
import type { Call } from "../call.ts";
import { localClient, queryOf } from "../sockets.ts";

export async function run({ globals, out }: Call): Promise<number> {
  const client = await localClient(globals);
  const { body } = await client.request("GET", `/v1/nodes${queryOf(globals)}`);
  const nodes: NodeRow[] = JSON.parse(body);
  out.print(nodes, () => ({
    columns: ["NODE", "ID", "NETWORK", "KEYS", "PUBLISHED"],
    rows: nodes.map(({ name, id, self, network, keys, ageSeconds }) => [
      { text: self ? `${name} (this node)` : name, tone: "strong" },
      { text: id, tone: "dim" },
      network,
      keys,
      { ago: ageSeconds },
    ]),
  }));
  return 0;
}
