/**
 * What is on this computer already, as far as a service needs to know it. Changes nothing.
 *
 * @module
 */
import { AgentError, ExitCode } from "../../core/errors.ts";
import { parseConfig, type ParsedConfig } from "../config/parse.ts";
import { absolutePath, type Environment, variable } from "../config/paths.ts";
import type { Host } from "./host.ts";
import { isEdited, SERVICE_USER, UNIT_NAME } from "./unit.ts";

/** Where the parts of a service stand. */
export interface Places {
  readonly unit: string;
  /** Folder of a new config and of new keys. */
  readonly folder: string;
  readonly config: string;
  readonly stateDir: string;
  readonly cacheDir: string;
}

/** A key file that a network of the config uses, or will. */
export interface KeyPlace {
  readonly network: string;
  readonly path: string;
  readonly isThere: boolean;
  /** The config names it, so that no other place will do. */
  readonly named: boolean;
  /** Profile `native`: a key of 32 bytes, which can be made. */
  readonly canBeMade: boolean;
}

/** A key of the person who called sudo, from running the agent by hand. */
export interface OwnKey {
  readonly owner: string;
  readonly network: string;
  readonly path: string;
}

export interface Facts {
  readonly user: boolean;
  readonly places: Places;
  /** Text of the unit that is there. */
  readonly unit: string | undefined;
  /** Somebody changed it by hand. */
  readonly edited: boolean;
  /** The config that is there. */
  readonly config: ParsedConfig | undefined;
  /** The config that is there, or the folder of the one to come, is for everybody to read. */
  readonly configIsOpen: boolean;
  readonly keys: readonly KeyPlace[];
  readonly ownKey: OwnKey | undefined;
  /** The system user is there. */
  readonly hasUser: boolean;
  readonly enabled: boolean;
  readonly active: boolean;
}

export interface FactsWanted {
  readonly user: boolean;
  readonly config: string | undefined;
  readonly network: string | undefined;
  readonly cwd: string;
  /** What is wrong with config or keys is no reason to stop: the service is to go anyway. */
  readonly broken?: true;
}

/** The places of the system's service, or of a user's. */
function placesOf({ user, config, cwd }: FactsWanted, env: Environment): Places {
  const named = config === undefined ? undefined : absolutePath(config, cwd, env);
  if (!user) {
    return {
      unit: `/etc/systemd/system/${UNIT_NAME}`,
      folder: "/etc/agent",
      config: named ?? "/etc/agent/config.toml",
      stateDir: "/var/lib/agent",
      cacheDir: "/var/cache/agent",
    };
  }
  const home = variable(env, "HOME");
  if (home === undefined) {
    throw new AgentError("--user needs a home folder: set HOME", ExitCode.Refused);
  }
  const configHome = variable(env, "XDG_CONFIG_HOME") ?? `${home}/.config`;
  return {
    unit: `${configHome}/systemd/user/${UNIT_NAME}`,
    folder: `${configHome}/agent`,
    config: named ?? `${configHome}/agent/config.toml`,
    stateDir: `${variable(env, "XDG_STATE_HOME") ?? `${home}/.local/state`}/agent`,
    cacheDir: `${variable(env, "XDG_CACHE_HOME") ?? `${home}/.cache`}/agent`,
  };
}

/**
 * Looks around.
 * @throws {AgentError} exit code 78 for a wrong config, 4 for what cannot be read
 */
export async function gatherFacts(host: Host, wanted: FactsWanted): Promise<Facts> {
  const places = placesOf(wanted, host.env);
  const unit = host.readText(places.unit);
  const text = host.readText(places.config);
  const config = readConfig(text, places.config, wanted.broken);
  const ownKey = wanted.broken || wanted.user || config !== undefined
    ? undefined
    : ownKeyOf(host, wanted.network);
  const state = await serviceState(host, wanted.user);
  return {
    user: wanted.user,
    places,
    unit,
    edited: unit !== undefined && await isEdited(unit),
    config,
    configIsOpen: config === undefined || openToAll(host, READ)(places.config),
    keys: keysOf(host, places, config, {
      user: wanted.user,
      broken: wanted.broken === true,
      network: wanted.network ?? ownKey?.network ?? DEFAULT_NETWORK,
    }),
    ownKey,
    hasUser: accountOf(host, SERVICE_USER) !== undefined,
    ...state,
  };
}

const DEFAULT_NETWORK = "home";

function readConfig(text: string | undefined, path: string, broken: true | undefined) {
  if (text === undefined) return undefined;
  try {
    return parseConfig(text, path);
  } catch (error) {
    if (broken) return undefined;
    throw error;
  }
}

function keysOf(
  host: Host,
  places: Places,
  config: ParsedConfig | undefined,
  { user, broken, network: newNetwork }: { user: boolean; broken: boolean; network: string },
): KeyPlace[] {
  const networks = config?.network ?? [];
  const folder = places.config.slice(0, places.config.lastIndexOf("/") + 1);
  const place = (network: string, path: string, named: boolean, canBeMade: boolean): KeyPlace => ({
    network,
    path,
    isThere: broken ? host.stat(path) !== undefined : checkSecret(host, path),
    named,
    canBeMade,
  });
  const unnamed = (network: string) => {
    // The one that this agent made when it ran by itself; else one that is, or comes, in our folder.
    const made = `${config?.agent.state_dir ?? places.stateDir}/${network}.key`;
    // Without credentials, a config that names no key leaves no other place.
    const only = user && config !== undefined;
    if (only || host.stat(made) !== undefined) return [place(network, made, false, true)];
    const candidates = [`${places.folder}/${network}.key`, `${places.folder}/network.key`];
    const there = candidates.find((path) => host.stat(path) !== undefined);
    return [place(network, there ?? candidates[0] as string, false, true)];
  };
  if (networks.length === 0) return unnamed(newNetwork);
  return networks.flatMap(({ name, profile, key_file, keys }) => {
    const named = keys ?? (key_file === undefined ? [] : [key_file]);
    if (named.length > 0) {
      return named.map((path) =>
        // Of several keys none can be made up: they are those of a network that there is.
        place(name, absolutePath(path, folder, host.env), true, profile === "native" && !keys)
      );
    }
    return profile === "native" ? unnamed(name) : [];
  });
}

/** Whether a key is there. */
function checkSecret(host: Host, path: string): boolean {
  const info = host.stat(path);
  if (info === undefined) return false;
  if (!info.isFile) throw new AgentError(`${path} is not a file`, ExitCode.Refused);
  if (info.mode !== null && (info.mode & 0o077) !== 0) {
    throw new AgentError(
      `${path} is readable by others; run: chmod 600 ${path}`,
      ExitCode.Refused,
    );
  }
  return true;
}

/** Who ran the agent by hand before, and calls sudo now, means to stay in that network. */
function ownKeyOf(host: Host, network: string | undefined): OwnKey | undefined {
  const owner = variable(host.env, "SUDO_USER");
  const home = owner === undefined || owner === "root" ? undefined : accountOf(host, owner)?.home;
  if (owner === undefined || !home) return undefined;
  const env: Environment = { get: (name) => name === "HOME" ? home : undefined };
  const path = `${home}/.config/agent/config.toml`;
  const text = host.readText(path);
  const config = text === undefined ? undefined : parseConfig(text, path);
  const first = config?.network.find(({ name, profile }) =>
    profile === "native" && (network === undefined || name === network)
  );
  const name = first?.name ?? network ?? DEFAULT_NETWORK;
  const named = first?.keys?.[0] ?? first?.key_file;
  const stateDir = config?.agent.state_dir ?? `${home}/.local/state/agent`;
  const file = absolutePath(named ?? `${stateDir}/${name}.key`, `${home}/.config/agent/`, env);
  return checkSecret(host, file) ? { owner, network: name, path: file } : undefined;
}

/** An account of `/etc/passwd` (passwd(5)). */
export function accountOf(host: Host, name: string): { uid: number; home: string } | undefined {
  for (const line of (host.readText("/etc/passwd") ?? "").split("\n")) {
    const [account, , uid, , , home] = line.split(":");
    if (account === name) return { uid: Number(uid), home: home ?? "" };
  }
  return undefined;
}

async function serviceState(host: Host, user: boolean) {
  if (!host.hasSystemd) return { enabled: false, active: false };
  const ask = async (question: string) =>
    (await host.run("systemctl", [...(user ? ["--user"] : []), "--quiet", question, UNIT_NAME]))
      .code === 0;
  return { enabled: await ask("is-enabled"), active: await ask("is-active") };
}

const READ = 0o004;
const READ_AND_RUN = 0o005;

/** Whether everybody may read a program (and run it), and go through all folders above it. */
export function openToAll(host: Host, last = READ_AND_RUN): (path: string) => boolean {
  return (path) => {
    const parts = path.split("/");
    for (let depth = 2; depth <= parts.length; depth++) {
      const mode = host.stat(parts.slice(0, depth).join("/"))?.mode;
      const needed = depth === parts.length ? last : 0o001;
      if (mode === undefined || mode === null || (mode & needed) !== needed) return false;
    }
    return true;
  };
}
