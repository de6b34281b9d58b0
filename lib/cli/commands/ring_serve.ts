/** `agent ring serve` */
import { loadConfig } from "../../agent/config/config.ts";
import { listenAddress } from "../../agent/config/types.ts";
import { type Call, flagText, hasFlag } from "../call.ts";
import { absolute, membersOf, parsed, wholeNumber } from "../ring.ts";
import { untilSignal } from "../signals.ts";

export async function run(call: Call): Promise<number> {
  const { globals } = call;
  const name = flagText(call, "name");
  const config = loadConfig({
    path: globals.config,
    overrides: {
      name,
      socket: globals.socket,
      logLevel: globals.verbose > 0 ? "debug" : globals.quiet ? "warning" : undefined,
    },
  });
  const index = flagText(call, "index");
  const listen = flagText(call, "listen");
  const logDir = flagText(call, "log-dir");
  const version = hasFlag(call, "v0.1") ? "0.1" : "0.2.2";
  const { ring } = config;
  const { serveRing } = await import("../../agent/ring/serve.ts");
  return await serveRing({
    config,
    version,
    table: {
      ...ring,
      // The config's listen is the ring's.
      listen: version === "0.1" ? undefined : ring.listen,
      ...(listen !== undefined && { listen: parsed("--listen", listenAddress, listen) }),
      members: membersOf(call) ?? ring.members,
      index: index === undefined ? ring.index : wholeNumber("--index", index, 0, 70),
      log_dir: logDir === undefined ? ring.log_dir : absolute(logDir),
      allow_shutdown: ring.allow_shutdown || hasFlag(call, "allow-shutdown"),
    },
    name: config.agent.name,
    stop: untilSignal(),
    onHangUp: (listener) => Deno.addSignalListener("SIGHUP", listener),
  });
}
