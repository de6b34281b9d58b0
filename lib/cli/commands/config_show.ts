/** `agent config show [--defaults]` */
import { loadConfig } from "../../agent/config/config.ts";
import { effective, renderDefaults, renderEffective } from "../../agent/config/render.ts";
import { type Call, hasFlag } from "../call.ts";

export function run(call: Call): number {
  const lines = (text: string) => text.trimEnd().split("\n").map((line) => [line]);
  const { out, globals } = call;
  if (hasFlag(call, "defaults")) {
    const text = renderDefaults();
    out.print({ text }, () => ({ lines: lines(text) }));
    return 0;
  }
  const config = loadConfig({
    path: globals.config,
    overrides: { network: globals.network, socket: globals.socket },
  });
  out.print(effective(config), () => ({ lines: lines(renderEffective(config)) }));
  return 0;
}
