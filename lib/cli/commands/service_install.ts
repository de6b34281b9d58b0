/** `agent service install` */
import { Host, installService } from "../../agent/service/mod.ts";
import { thisProgram } from "../../agent/service/program.ts";
import { type Call, flagText, hasFlag } from "../call.ts";
import { show } from "../service.ts";

export async function run(call: Call): Promise<number> {
  const { config, network } = call.globals;
  const report = await installService(new Host(), {
    user: hasFlag(call, "user"),
    print: hasFlag(call, "print"),
    force: hasFlag(call, "force"),
    name: flagText(call, "name"),
    network,
    config,
    program: thisProgram(),
    cwd: Deno.cwd(),
  });
  return show(call, report);
}
