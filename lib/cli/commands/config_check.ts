/** `agent config check [FILE]` */
import { type Config, loadConfig } from "../../agent/config/config.ts";
import { readKeyFile, readSecret, readShspKey } from "../../agent/config/keys.ts";
import { configCandidates } from "../../agent/config/paths.ts";
import { ownIndex } from "../../agent/config/ring.ts";
import { messageOf } from "../../core/errors.ts";
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
  const warnings = ringWarnings(config);
  out.print({
    file: config.path ?? null,
    ok: true,
    ...(warnings.length > 0 && { warnings }),
  }, () => ({
    lines: [[
      config.path === undefined
        ? `no config file (${configCandidates(Deno.env).join(", ")}): the defaults hold`
        : `${config.path}: nothing wrong`,
    ], ...warnings.map((line) => [line])],
  }));
  return 0;
}

/** The agent runs without a ring whose members are wrong; its start must not fail for it. */
function ringWarnings({ ring, agent }: Config): string[] {
  try {
    if (ring.enabled) ownIndex(ring, agent.name);
    return [];
  } catch (error) {
    return [`the ring will not run: ${messageOf(error)}`];
  }
}
