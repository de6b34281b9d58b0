/** `agent advertise NAME [ADDRESS] [--ttl 20s] [--if-new]` */
import type { FoundService } from "../../http/api.ts";
import { type Call, hasFlag } from "../call.ts";
import { durationTextOf } from "../durations.ts";
import { servicePath } from "../nearby.ts";
import { localClient } from "../sockets.ts";

export async function run(call: Call): Promise<number> {
  const [name = "", address] = call.positionals;
  const ttl = durationTextOf(call, "ttl");
  const request = { address, ttl, failIfExists: hasFlag(call, "if-new") };
  const client = await localClient(call.globals);
  const { body } = await client.request("PUT", servicePath(name), JSON.stringify(request));
  const told: FoundService = JSON.parse(body);
  call.out.print(
    { name: told.name, address: told.address },
    () => ({ lines: [[{ text: told.name, tone: "strong" }, `at ${told.address}`]] }),
  );
  return 0;
}
