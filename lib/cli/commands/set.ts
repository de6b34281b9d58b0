/** `agent set KEY=VALUE… [--ttl 5m]` */
import type { SetReceipt } from "../../http/api.ts";
import type { Call } from "../call.ts";
import { durationTextOf } from "../durations.ts";
import { parseEntries } from "../entries.ts";
import { acknowledgement } from "../receipt.ts";
import { localClient, queryOf } from "../sockets.ts";

export async function run(call: Call): Promise<number> {
  const entries = parseEntries(call.positionals);
  const ttl = durationTextOf(call, "ttl");
  const query = queryOf(call.globals, ttl === undefined ? [] : [["ttl", ttl]]);
  const client = await localClient(call.globals);
  const { body } = await client.request("PUT", `/v1/state${query}`, JSON.stringify(entries));
  const receipt: SetReceipt = JSON.parse(body);
  call.out.print(receipt, () => ({
    lines: receipt.until === undefined ? [] : [[acknowledgement("set", receipt)]],
  }));
  return 0;
}
