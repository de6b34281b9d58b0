/** `agent status` */
import type { StatusView } from "../../http/api.ts";
import type { Call } from "../call.ts";
import type { Cell } from "../output/output.ts";
import { localClient } from "../sockets.ts";

export async function run({ globals, out }: Call): Promise<number> {
  const client = await localClient(globals);
  const status: StatusView = JSON.parse((await client.request("GET", "/v1/status")).body);
  out.print(status, () => ({ lines: lines(status) }));
  return 0;
}

function lines(status: StatusView): Cell[][] {
  const { name, id, version, uptimeSeconds, rssBytes, networks, problems } = status;
  return [
    [
      { text: name, tone: "strong" },
      { text: id, tone: "dim" },
      `agent ${version}, up`,
      { seconds: uptimeSeconds },
      "with",
      { bytes: rssBytes },
    ],
    ...networks.map((network): Cell[] => [
      "network",
      { text: network.name, tone: "strong" },
      `(${network.profile}):`,
      count(network.nodes, "node") + ",",
      count(network.peers, "peer") + ",",
      network.consistent
        ? { text: "all agree;", tone: "good" }
        : { text: "synchronising;", tone: "bad" },
      network.keyId === undefined ? "not sealed;" : `key ${network.keyId};`,
      network.listen === undefined ? "not listening;" : `listening on ${network.listen};`,
      `${network.stateBytes} of ${network.stateLimitBytes} bytes published`,
    ]),
    ...problems.map((problem): Cell[] => [{ text: "problem:", tone: "bad" }, problem]),
  ];
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? "" : "s"}`;
}
