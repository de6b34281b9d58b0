/** `agent service remove` */
import { Host, removeService } from "../../agent/service/mod.ts";
import { type Call, hasFlag } from "../call.ts";
import { show } from "../service.ts";

export async function run(call: Call): Promise<number> {
  const report = await removeService(new Host(), {
    user: hasFlag(call, "user"),
    print: hasFlag(call, "print"),
    purge: hasFlag(call, "purge"),
    config: call.globals.config,
    cwd: Deno.cwd(),
  });
  return show(call, report);
}
