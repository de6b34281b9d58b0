/** `agent config check [FILE]` */
import { type Config, loadConfig } from "../../agent/config/config.ts";
import { readKeyFile, readSecret, readShspKey } from "../../agent/config/keys.ts";
import { ConfigMistakes } from "../../agent/config/parse.ts";
import { configCandidates } from "../../agent/config/paths.ts";
import { ownIndex } from "../../agent/config/ring.ts";
import { ExitCode, messageOf } from "../../core/errors.ts";
import type { Call } from "../call.ts";
import { report } from "../fail.ts";

export function run({ positionals, globals, out }: Call): number {
  const mistakes: unknown[] = [];
  const tried = <T>(work: () => T): T | undefined => {
    try {
      return work();
    } catch (error) {
      mistakes.push(...(error instanceof ConfigMistakes ? error.mistakes : [error]));
      return undefined;
    }
  };
  const config = tried(() =>
    loadConfig({
      path: positionals[0] ?? globals.config,
      overrides: { network: globals.network, socket: globals.socket },
    })
  );
  for (const { keyFiles, profile } of config?.networks ?? []) {
    for (const file of keyFiles) {
      tried(() => profile === "hncp" ? readShspKey(file) : readKeyFile(file));
    }
  }
  const tokenFile = config?.http.tokenFile;
  if (tokenFile !== undefined) tried(() => readSecret(tokenFile, { from: "config" }));
  const codes = mistakes.map((mistake) => report(mistake, globals.verbose));
  return config === undefined ? codes[0] ?? ExitCode.Config : codes[0] ?? tell(config, out);
}

function tell(config: Config, out: Call["out"]): number {
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
  return ExitCode.Done;
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
