/** `agent config check [FILE]` */
import { loadConfig } from "../../agent/config.ts";
import { readKeyFile, readSecret, readShspKey } from "../../agent/config_keys.ts";
import { configCandidates } from "../../agent/config_paths.ts";
import type { Call } from "../call.ts";

export function run({ positionals, globals, out }: Call): number {
  const config = loadConfig({
    path: positionals[0] ?? globals.config,
    overrides: { network: globals.network, socket: globals.socket },
  });
  for (const { keyFiles, profile } of config.networks) {
    keyFiles.forEach(profile === "hncp" ? readShspKey : readKeyFile);
  }
  const { tokenFile } = config.http;
  if (tokenFile !== undefined) readSecret(tokenFile, { from: "config" });
  out.print({
    file: config.path ?? null,
    ok: true,
  }, () => ({
    lines: [[
      config.path === undefined
        ? `no config file (${configCandidates(Deno.env).join(", ")}): the defaults hold`
        : `${config.path}: nothing wrong`,
    ]],
  }));
  return 0;
}
