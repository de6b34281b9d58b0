/** `agent run` */
import { type ConfigOverrides, loadConfig } from "../../agent/config/config.ts";
import { type Call, flagText, flagTexts } from "../call.ts";
import { untilSignal } from "../signals.ts";

export async function run(call: Call): Promise<number> {
  const load = () => loadConfig({ path: call.globals.config, overrides: overridesOf(call) });
  const config = load();
  const { runAgent } = await import("../../agent/mod.ts");
  return await runAgent({
    config,
    stop: untilSignal(),
    onReload: (listener) => Deno.addSignalListener("SIGHUP", () => listener(load)),
  });
}

function overridesOf(call: Call): ConfigOverrides {
  const { network, socket, verbose, quiet } = call.globals;
  return {
    name: flagText(call, "name"),
    stateDir: flagText(call, "state-dir"),
    socket,
    logLevel: verbose > 0 ? "debug" : quiet ? "warning" : undefined,
    network,
    keyFile: flagText(call, "key-file"),
    listen: flagText(call, "listen"),
    connect: flagTexts(call, "connect"),
    interfaces: flagText(call, "interfaces"),
  };
}
