/** `agent unadvertise NAME` */
import type { Call } from "../call.ts";
import { servicePath } from "../nearby.ts";
import { localClient } from "../sockets.ts";

export async function run({ positionals: [name = ""], globals }: Call): Promise<number> {
  const client = await localClient(globals);
  await client.request("DELETE", servicePath(name));
  return 0;
}
