/** `agent news publish NAME TOPIC DATA` */
import { usage } from "../args.ts";
import type { Call } from "../call.ts";
import { localClient } from "../sockets.ts";
import { jsonOrText } from "../values.ts";

export async function run(call: Call): Promise<number> {
  const [name = "", topic = "", data = ""] = call.positionals;
  if (name === "") throw usage("a name has at least one character");
  const client = await localClient(call.globals);
  const news = JSON.stringify({ topic, data: jsonOrText(data) });
  await client.request("POST", `/v1/news/${encodeURIComponent(name)}`, news);
  return 0;
}
