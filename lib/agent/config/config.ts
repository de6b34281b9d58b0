/**
 * The config, whole: file, environment and flags → one typed value in which every default is filled
 * in and every path is absolute. Nothing else of the agent reads the environment for settings.
 *
 * @module
 */
import { AgentError, ExitCode, messageOf } from "../../core/errors.ts";
import { nodeNameProblem } from "../../state/names.ts";
import type { KeyFile } from "./keys.ts";
import { didYouMean } from "./nearest.ts";
import { defaultsOf, listenOf, parseConfig, type ParsedConfig, PORTS } from "./parse.ts";
import {
  absolutePath,
  defaultStateDir,
  type Environment,
  findConfig,
  socketCandidates,
  variable,
} from "./paths.ts";
import type { ringRows } from "./ring.ts";
import { flag, ownName, type Values } from "./row.ts";
import { type agentRows, networkRows } from "./schema.ts";
import type { actionRows, lsoeRows, nearbyRows, piotRows, routeRows } from "./schema_protocols.ts";
import { hostPort, listenAddress, listOf } from "./types.ts";

/** An address to listen on or to dial, complete. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** Values that replace those of the profile; undefined leaves the profile's. Times in ms. */
export interface ProfileTimers {
  readonly trickleImin: number | undefined;
  readonly trickleImax: number | undefined;
  readonly trickleK: number | undefined;
  readonly keepAlive: number | undefined;
  readonly keepAliveMultiplier: number | undefined;
  readonly grace: number | undefined;
}

/** One `[[network]]`. */
export interface NetworkConfig {
  readonly name: string;
  readonly profile: "native" | "hncp";
  /** The first seals, all open. Empty: nobody named one and none was found. */
  readonly keyFiles: readonly KeyFile[];
  /** Where a key goes that this agent makes for itself. */
  readonly newKeyFile: string;
  /** Patterns over interface names: {@linkcode interfaceMatcher}. */
  readonly interfaces: readonly string[];
  /** TCP; undefined: nobody can dial us. Port 0: any free one. */
  readonly listen: Endpoint | undefined;
  readonly connect: readonly Endpoint[];
  /** UDP port of the multicast. */
  readonly port: number;
  /** Which entries of other nodes are copied into this agent's other networks: `[NODE:]KEY[*]`. */
  readonly share: readonly string[];
  /** TTL of entries that were published with a TTL and no figure, in ms. */
  readonly publishTtl: number;
  readonly timers: ProfileTimers;
}

/** Everything that was configured, by file, environment and flags. */
export interface Config {
  /** The file that it came from; undefined: the defaults hold. */
  readonly path: string | undefined;
  readonly agent: {
    readonly name: string;
    readonly stateDir: string;
    /** The agent serves on the first that it can make; a client takes the first that answers. */
    readonly sockets: readonly string[];
    readonly logLevel: Values<typeof agentRows>["log_level"];
  };
  /** One at the least. */
  readonly networks: readonly NetworkConfig[];
  readonly http: { readonly listen: Endpoint | undefined; readonly tokenFile: string | undefined };
  readonly lsoe: Values<typeof lsoeRows>;
  readonly piot: Values<typeof piotRows>;
  /** `[[piot.route]]` and `[[piot.action]]`. */
  readonly routes: readonly Values<typeof routeRows>[];
  readonly actions: readonly Values<typeof actionRows>[];
  readonly nearby: Values<typeof nearbyRows>;
  readonly ring: Values<typeof ringRows>;
}

/** What flags of the command line put in the place of the file. Texts as they were typed. */
export interface ConfigOverrides {
  readonly name?: string | undefined;
  readonly stateDir?: string | undefined;
  readonly socket?: string | undefined;
  readonly logLevel?: Config["agent"]["logLevel"] | undefined;
  /** Which network the following mean; without it the first. */
  readonly network?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly listen?: string | undefined;
  readonly connect?: readonly string[] | undefined;
  /** Comma-separated patterns; an empty text means none. */
  readonly interfaces?: string | undefined;
}

export interface LoadOptions {
  /** `--config`. */
  readonly path?: string | undefined;
  readonly env?: Environment;
  readonly overrides?: ConfigOverrides;
  /** What relative paths of flags are taken from; the working folder. */
  readonly cwd?: string;
  readonly hostname?: string;
}

/** What `agent run` hands to the composition root. */
export interface RunOptions {
  readonly config: Config;
  /** Aborted by SIGINT and SIGTERM: leave the network in order, then return. */
  readonly stop: AbortSignal;
  /** What a restart calls the program with. Default: what this process was called with. */
  readonly args?: readonly string[];
  /** Called once it takes part in all its networks. */
  readonly onReady?: () => void;
  /** Calls back after each SIGHUP with what reads the config anew, and throws where it is wrong. */
  onReload(listener: (load: () => Config) => void): void;
}

/** A config file is text that people write; more than this is something else. */
const MAX_FILE_BYTES = 1_048_576;

/**
 * The config that holds. Of a file that is not named and not there, the defaults hold.
 *
 * @throws {AgentError} exit code 78 for the file, 2 for a flag, 4 for a file that cannot be read
 */
export function loadConfig(options: LoadOptions = {}): Config {
  const env = options.env ?? Deno.env;
  const cwd = options.cwd ?? Deno.cwd();
  const found = findConfig(options.path, env);
  const path = found === undefined ? undefined : absolutePath(found, cwd, env);
  const file = path === undefined ? parseConfig("", "") : parseConfig(readText(path), path);
  return resolve(file, path, {
    env,
    cwd,
    hostname: options.hostname ?? hostName(),
    overrides: options.overrides ?? {},
  });
}

function hostName(): string {
  try {
    return Deno.hostname();
  } catch {
    // A system without a host name; the name is only what people see, so any will do.
    return "agent";
  }
}

function readText(path: string): string {
  // As everywhere: no file, and none of those that would be looked for.
  if (path === "/dev/null") return "";
  try {
    // Not only plain files: /dev/null stands for the defaults, and a shell gives `<(…)` as a pipe.
    const { isDirectory, size } = Deno.statSync(path);
    if (isDirectory) throw new AgentError(`${path} is not a file`, ExitCode.Config);
    if (size > MAX_FILE_BYTES) {
      throw new AgentError(`${path} is larger than 1 MiB, and so no config`, ExitCode.Config);
    }
    return new TextDecoder("utf-8", { fatal: true }).decode(Deno.readFileSync(path));
  } catch (cause) {
    if (cause instanceof AgentError) throw cause;
    if (cause instanceof Deno.errors.NotFound) {
      throw new AgentError(`${path}: there is no such config file`, ExitCode.Config, { cause });
    }
    if (cause instanceof Deno.errors.PermissionDenied) {
      throw new AgentError(`${path} cannot be read by this user`, ExitCode.Refused, { cause });
    }
    const what = cause instanceof TypeError ? "is not UTF-8 text" : messageOf(cause);
    throw new AgentError(`${path}: ${what}`, ExitCode.Config, { cause });
  }
}

interface Surroundings {
  readonly env: Environment;
  readonly cwd: string;
  readonly hostname: string;
  readonly overrides: ConfigOverrides;
}

function resolve(file: ParsedConfig, path: string | undefined, around: Surroundings): Config {
  const { env, cwd, overrides } = around;
  const folder = path === undefined ? cwd : path.slice(0, path.lastIndexOf("/") + 1);
  const inFile = (p: string | undefined) => p && absolutePath(p, folder, env);
  const onLine = (p: string | undefined) => p && absolutePath(p, cwd, env);
  const stateDir = onLine(overrides.stateDir) ?? inFile(file.agent.state_dir) ??
    defaultStateDir(env);
  const { listen, token_file } = file.http;
  return {
    path,
    agent: {
      name: flag("--name", ownName, overrides.name) ?? file.agent.name ?? asName(around.hostname),
      stateDir,
      sockets: socketCandidates(env, {
        flag: onLine(overrides.socket),
        config: inFile(file.agent.socket),
      }, stateDir),
      logLevel: overrides.logLevel ?? file.agent.log_level,
    },
    networks: resolveNetworks(file, around, { stateDir, inFile, onLine }),
    http: {
      listen: listen === "none" ? undefined : { host: listen.host, port: listen.port ?? HTTP_PORT },
      tokenFile: inFile(token_file),
    },
    lsoe: file.lsoe,
    piot: { ...file.piot, key_file: inFile(file.piot.key_file) },
    routes: file.routes,
    actions: file.actions,
    nearby: file.nearby,
    ring: { ...file.ring, log_dir: inFile(file.ring.log_dir) },
  };
}

/** Port of `[http] listen` where only a host is given. */
const HTTP_PORT = 8_380;

/** A host name as a node name: what a name may not have becomes a hyphen. */
function asName(hostname: string): string {
  const cleaned = hostname.replace(/[\s:/~*\p{Cc}]/gu, "-").slice(0, 63);
  if (nodeNameProblem(cleaned) === undefined) return cleaned;
  // Empty, of many-byte letters, or in hexadecimal as a node id is.
  const prefixed = `agent-${cleaned}`;
  return nodeNameProblem(prefixed) === undefined && cleaned !== "" ? prefixed : "agent";
}

interface Places {
  readonly stateDir: string;
  readonly inFile: (path: string | undefined) => string | undefined;
  readonly onLine: (path: string | undefined) => string | undefined;
}

function resolveNetworks(
  file: ParsedConfig,
  around: Surroundings,
  places: Places,
): readonly NetworkConfig[] {
  const { overrides } = around;
  if (file.network.length === 0) {
    const name = flag("--network", networkRows.name.type, overrides.network);
    const defaults = defaultsOf(networkRows);
    const only = name === undefined ? defaults : { ...defaults, name };
    return [resolveNetwork(only, around, places, overrides)];
  }
  const wanted = overrides.network ?? file.network[0]?.name;
  if (!file.network.some(({ name }) => name === wanted)) {
    const names = file.network.map(({ name }) => name);
    throw new AgentError(
      `the config has no network "${wanted}"${
        didYouMean(wanted ?? "", names) || `; it has ${names.join(", ")}`
      }`,
      ExitCode.Usage,
    );
  }
  return file.network.map((network) =>
    resolveNetwork(network, around, places, network.name === wanted ? overrides : {})
  );
}

function resolveNetwork(
  network: Values<typeof networkRows>,
  { env }: Surroundings,
  places: Places,
  overrides: ConfigOverrides,
): NetworkConfig {
  const { name, profile } = network;
  const listen = flag("--listen", listenAddress, overrides.listen);
  const connect = flag("--connect", listOf(hostPort), overrides.connect);
  const interfaces = flag(
    "--interfaces",
    networkRows.interfaces.type,
    overrides.interfaces?.split(",").map((glob) => glob.trim()).filter((glob) => glob !== ""),
  );
  const newKeyFile = `${places.stateDir}/${name}.key`;
  return {
    name,
    profile,
    keyFiles: keyFilesOf(network, env, places, overrides, newKeyFile),
    newKeyFile,
    interfaces: interfaces ?? network.interfaces,
    listen: listenOf(listen === undefined ? network : { ...network, listen }),
    connect: (connect ?? network.connect).map(({ host, port }) => ({
      host,
      port: port ?? PORTS[profile],
    })),
    port: network.port ?? PORTS[profile],
    share: network.share,
    publishTtl: network.publish_ttl,
    timers: {
      trickleImin: network.trickle_imin,
      trickleImax: network.trickle_imax,
      trickleK: network.trickle_k,
      keepAlive: network.keep_alive,
      keepAliveMultiplier: network.keep_alive_multiplier,
      grace: network.grace,
    },
  };
}

/**
 * Key files of a network: `--key-file`; else `keys` or `key_file`, each from
 * `$CREDENTIALS_DIRECTORY` where systemd put a file of the same name there, because the service's
 * user cannot read the original; else, in native networks, `NAME.key` or `network.key` in that
 * folder; else the one that this agent made before.
 */
function keyFilesOf(
  network: Values<typeof networkRows>,
  env: Environment,
  places: Places,
  overrides: ConfigOverrides,
  ownKeyFile: string,
): readonly KeyFile[] {
  if (overrides.keyFile !== undefined) {
    return [{ path: places.onLine(overrides.keyFile) ?? overrides.keyFile, from: "flag" }];
  }
  const named = network.keys ?? (network.key_file === undefined ? [] : [network.key_file]);
  const credentials = variable(env, "CREDENTIALS_DIRECTORY");
  if (named.length > 0) {
    return named.map((written) => {
      const path = places.inFile(written) ?? written;
      if (credentials === undefined) return { path, from: "config" };
      if (path.startsWith(`${credentials}/`)) return { path, from: "credentials" };
      const given = `${credentials}/${path.slice(path.lastIndexOf("/") + 1)}`;
      return exists(given) ? { path: given, from: "credentials" } : { path, from: "config" };
    });
  }
  if (network.profile === "hncp") return [];
  const candidates: KeyFile[] = [
    ...(credentials === undefined ? [] : [`${network.name}.key`, "network.key"]).map((file) => (
      { path: `${credentials}/${file}`, from: "credentials" } as const
    )),
    { path: ownKeyFile, from: "state" },
  ];
  return candidates.filter(({ path }) => exists(path)).slice(0, 1);
}

/** Whether something is there; what is there and cannot be looked at counts, to be reported later. */
function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    return !(error instanceof Deno.errors.NotFound) &&
      !(error instanceof Deno.errors.NotADirectory);
  }
}

/** Interfaces that `*` alone does not mean: this computer's own, and those inside it. */
const INNER_INTERFACES =
  /^(?:lo|docker\d*|br-[0-9a-f]{12}|veth.*|virbr.*|vnet\d+|lxc.*|lxd.*|podman\d*|cni.*|flannel.*|cali.*|tunl\d*|kube-.*)$/;

/**
 * Whether an interface is meant by a list of patterns. `*` alone stands for all but loopback and the
 * bridges of containers and virtual machines; every other pattern means what it says.
 */
export function interfaceMatcher(globs: readonly string[]): (name: string) => boolean {
  const all = globs.includes("*");
  const patterns = globs.filter((glob) => glob !== "*").map((glob) =>
    new RegExp(
      `^${glob.replace(/[.+^${}()|[\]\\]/g, "\\$&").replace(/\*+/g, ".*").replaceAll("?", ".")}$`,
      "s",
    )
  );
  return (name) =>
    patterns.some((pattern) => pattern.test(name)) || (all && !INNER_INTERFACES.test(name));
}

export type { Environment, KeyFile };
