/**
 * Where things stand on this computer: config file, state folder, socket. Every rule is here, and
 * nothing else, so that a light command can ask for the socket without loading the config.
 *
 * @module
 */

/** Environment variables; `Deno.env` is one. */
export interface Environment {
  get(name: string): string | undefined;
}

/** An environment variable, where an empty one counts as absent. */
export function variable(env: Environment, name: string): string | undefined {
  return env.get(name) || undefined;
}

/** `path` as an absolute path; a relative one is taken from `base`, `~/` from the home folder. */
export function absolutePath(path: string, base: string, env: Environment): string {
  const home = variable(env, "HOME");
  if (home !== undefined && (path === "~" || path.startsWith("~/"))) return home + path.slice(1);
  if (path.startsWith("/")) return path;
  const folder = base.endsWith("/") ? base : `${base}/`;
  return folder + path.replace(/^(?:\.\/+)+/, "");
}

/**
 * Config files that are looked for where `--config` and `$AGENT_CONFIG` name none, in this order:
 * `$XDG_CONFIG_HOME/agent/config.toml` (`~/.config/…` where that is not set) and
 * `/etc/agent/config.toml`.
 */
export function configCandidates(env: Environment): string[] {
  const home = variable(env, "HOME");
  const folder = variable(env, "XDG_CONFIG_HOME") ?? (home && `${home}/.config`);
  return [...(folder ? [`${folder}/agent/config.toml`] : []), "/etc/agent/config.toml"];
}

/** The config file that holds: the one named, else the first that is there, else undefined. */
export function findConfig(path: string | undefined, env: Environment): string | undefined {
  const named = path ?? variable(env, "AGENT_CONFIG");
  if (named !== undefined) return named;
  return configCandidates(env).find((candidate) => {
    try {
      return Deno.statSync(candidate).isFile;
    } catch {
      return false;
    }
  });
}

/**
 * The state folder where neither `--state-dir` nor `[agent] state_dir` names one: `$STATE_DIRECTORY`
 * (systemd; the first of several), `$XDG_STATE_HOME/agent`, `~/.local/state/agent`, and
 * `/var/lib/agent` where there is no home folder.
 */
export function defaultStateDir(env: Environment): string {
  const systemd = variable(env, "STATE_DIRECTORY")?.split(":")[0];
  if (systemd) return systemd;
  const xdg = variable(env, "XDG_STATE_HOME");
  if (xdg !== undefined) return `${xdg}/agent`;
  const home = variable(env, "HOME");
  return home === undefined ? "/var/lib/agent" : `${home}/.local/state/agent`;
}

/**
 * What `$XDG_RUNTIME_DIR` is in a login session, where there is one: cron does not set it, and its
 * commands should find the agent that was started from a login.
 */
function loginRuntimeDir(): string | undefined {
  const uid = Deno.uid();
  if (uid === null || uid === 0) return undefined;
  const path = `/run/user/${uid}`;
  try {
    return Deno.statSync(path).uid === uid ? path : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Sockets of the local API, in order of preference. `--socket`, else `$AGENT_SOCKET`, else
 * `[agent] socket` stands alone. Without any: `$XDG_RUNTIME_DIR/agent.sock`
 * (for a user without it `/run/user/UID`),
 * `$RUNTIME_DIRECTORY/agent.sock` (systemd), `/run/agent/agent.sock`, and `agent.sock` in the state
 * folder.
 *
 * The agent takes the first whose folder it can make and write; a client the first that answers. So
 * a user's command also finds the agent that the system started.
 */
export function socketCandidates(
  env: Environment,
  named: { flag?: string | undefined; config?: string | undefined },
  stateDir: string = defaultStateDir(env),
): string[] {
  const one = named.flag ?? variable(env, "AGENT_SOCKET") ?? named.config;
  if (one !== undefined) return [one];
  const folders = [
    variable(env, "XDG_RUNTIME_DIR") ?? loginRuntimeDir(),
    variable(env, "RUNTIME_DIRECTORY")?.split(":")[0],
    "/run/agent",
    stateDir,
  ];
  return [...new Set(folders.filter((folder) => folder).map((folder) => `${folder}/agent.sock`))];
}
