/** `agent services` */
import type { ServiceRow } from "../../http/api.ts";
import type { Call } from "../call.ts";
import { localClient } from "../sockets.ts";

export async function run({ globals, out }: Call): Promise<number> {
  const client = await localClient(globals);
  const { body } = await client.request("GET", "/v1/services");
  const services: ServiceRow[] = JSON.parse(body);
  if (services.length === 0) out.note("no services; tell of one with: agent advertise NAME");
  out.print(services, () => ({
    columns: ["NAME", "ADDRESS", "NODE"],
    rows: services.map(({ name, address, node }) => [
      { text: name, tone: "strong" },
      address,
      node ?? "-",
    ]),
  }));
  return 0;
}
