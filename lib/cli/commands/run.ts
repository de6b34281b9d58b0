/** `agent run` */
import { type ConfigOverrides, loadConfig } from "../../agent/config/config.ts";
import { selfFile } from "../../agent/self.ts";
import { givingWay, Trial } from "../../agent/upgrade/trial.ts";
import { VERSION } from "../../agent/version.ts";
import { type Call, flagText, flagTexts } from "../call.ts";
import { complain } from "../output/stdio.ts";
import { untilSignal } from "../signals.ts";

export async function run(call: Call): Promise<number> {
  const trial = Trial.of(selfFile(), VERSION);
  try {
    const load = () => loadConfig({ path: call.globals.config, overrides: overridesOf(call) });
    const config = load();
    trial?.begin(config.agent.stateDir);
    const { runAgent } = await import("../../agent/mod.ts");
    return await runAgent({
      config,
      stop: untilSignal(),
      onReady: () => trial?.pass(),
      onReload: (listener) => Deno.addSignalListener("SIGHUP", () => listener(load)),
    });
  } catch (error) {
    const instead = trial?.giveWay();
    if (instead === undefined) throw error;
    complain(givingWay(VERSION, error, instead));
    const { execInPlace } = await import("../../../ffi/exec.ts");
    return execInPlace(instead, Deno.args);
  }
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
