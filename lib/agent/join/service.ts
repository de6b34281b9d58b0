/**
 * The service of this computer, for a join: where its unit is, where it takes its keys from, and how
 * it is started anew.
 *
 * @module
 */
import { AgentError, ExitCode, messageOf } from "../../core/errors.ts";
import { type Environment, variable } from "../config/paths.ts";

const UNIT = "agent.service";

/** An installed service. */
export interface InstalledService {
  readonly unit: string;
  /** Of the user's own service manager. */
  readonly user: boolean;
  /** Key files that its unit takes, by the name of their credential: `home.key`. */
  readonly credentials: ReadonlyMap<string, string>;
  /** Its state folder where the unit or systemd gives it one. */
  readonly stateDir: string;
}

/**
 * The system's service, or, for a user who has one, that user's; undefined where there is none.
 * `root`: prefix of all paths, for tests.
 */
export function findService(
  env: Environment,
  uid: number | null,
  root = "",
): InstalledService | undefined {
  const home = variable(env, "HOME");
  const folder = variable(env, "XDG_CONFIG_HOME") ?? (home && `${home}/.config`);
  const own = folder && uid !== 0 ? readUnit(`${root}${folder}/systemd/user/${UNIT}`) : undefined;
  if (own !== undefined) {
    const stateDir = variable(env, "XDG_STATE_HOME") ?? `${home}/.local/state`;
    return serviceOf(own, true, `${stateDir}/agent`);
  }
  const system = readUnit(`${root}/etc/systemd/system/${UNIT}`);
  return system === undefined ? undefined : serviceOf(system, false, "/var/lib/agent");
}

function serviceOf(text: string, user: boolean, stateDir: string): InstalledService {
  const credentials = new Map<string, string>();
  for (const [, name = "", path = ""] of text.matchAll(/^LoadCredential=([^:\n]+):(.+)$/gm)) {
    credentials.set(name.trim(), path.trim());
  }
  return { unit: UNIT, user, credentials, stateDir };
}

function readUnit(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new AgentError(`${path} cannot be read: ${messageOf(error)}`, ExitCode.Refused, {
      cause: error,
    });
  }
}

/**
 * Starts the service, also where it runs already.
 * @throws {AgentError} exit code 3 with what systemctl says.
 */
export async function restartService({ unit, user }: InstalledService): Promise<void> {
  const args = [...(user ? ["--user"] : []), "restart", unit];
  const hint = `see: journalctl ${user ? "--user " : ""}-u ${unit}`;
  let said: string;
  try {
    const { success, stderr } = await new Deno.Command("systemctl", { args, stdin: "null" })
      .output();
    if (success) return;
    said = new TextDecoder().decode(stderr).trim().split("\n").at(-1) ?? "";
  } catch (error) {
    said = messageOf(error);
  }
  throw new AgentError(
    `the network was joined, but the service did not start (${said}); ${hint}`,
    ExitCode.Unreachable,
  );
}
