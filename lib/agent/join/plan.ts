/**
 * What joining a network changes on this computer: which key file, and what of the config. Decided
 * whole before anything is taken from the other side, so that a refusal costs nobody an invitation.
 *
 * @module
 */
import { AgentError, ExitCode, messageOf } from "../../core/errors.ts";
import { formatHostPort, type HostPort, inSubnet4 } from "../../net/address.ts";
import type { Offer } from "../../wire/invite_messages.ts";
import { NetworkKey } from "../../wire/key.ts";
import type { Config, NetworkConfig } from "../config/config.ts";
import { readKeyFile, writeKeyFile } from "../config/keys.ts";
import { parseConfig, PORTS, STREAM_PORT } from "../config/parse.ts";
import { toml } from "../config/render.ts";
import { folderOf, writeDurably } from "../durable.ts";

/** What the person asked for. */
export interface JoinWishes {
  /** Name of the network on this computer; else as on the other. */
  readonly network?: string | undefined;
  /** Absolute path of the key file to write. */
  readonly keyFile?: string | undefined;
  /** Where a config goes if there is none; undefined: nowhere. */
  readonly newConfig: string | undefined;
  /** For a new config. */
  readonly name?: string | undefined;
  readonly stateDir?: string | undefined;
  /** Give up another network's key of the same name; its file is kept beside. */
  readonly force: boolean;
}

/** What is going to change. */
export interface JoinPlan {
  /** Name of the network on this computer. */
  readonly network: string;
  /** One for each key, the sealing one first. */
  readonly keyFiles: readonly string[];
  /** The file to write, with its whole text. */
  readonly config:
    | { readonly path: string; readonly text: string; readonly isNew: boolean }
    | undefined;
  /** Address of the inviting node to hold a stream to, where multicast may not find it. */
  readonly connect: string | undefined;
  /** Lines for the person: what could not be written. */
  readonly hints: readonly string[];
  /** The first key is here already. */
  readonly already: boolean;
  /** A file with another network's key, which makes room. */
  readonly aside: string | undefined;
}

/** An interface of this computer, as the runtime lists them. */
export type LocalAddress = Pick<Deno.NetworkInterfaceInfo, "name" | "address" | "cidr">;

/**
 * Decides what to write.
 * @throws {AgentError} exit code 4 where the network's name stands for another network here.
 */
export function planJoin(
  config: Config,
  offer: Offer,
  from: HostPort,
  wishes: JoinWishes,
  local: readonly LocalAddress[] = Deno.networkInterfaces(),
): JoinPlan {
  const network = wishes.network ?? offer.network;
  const text = config.path === undefined || config.path === "/dev/null"
    ? undefined
    : Deno.readTextFileSync(config.path);
  const written = text === undefined ? [] : parseConfig(text, config.path ?? "").network;
  const isListed = written.some(({ name }) => name === network);
  const existing = config.networks.find(({ name }) => name === network);
  if (isListed && existing && existing.profile !== "native") {
    throw new AgentError(
      `network "${network}" of ${config.path} has profile "${existing.profile}", which has no key ` +
        "to join with; join under another name: --network NAME",
      ExitCode.Refused,
    );
  }
  const first = wishes.keyFile ?? keyFileOf(existing) ??
    `${config.agent.stateDir}/${network}.key`;
  const keyFiles = offer.keyIds.map((_, i) => i === 0 ? first : `${stem(first)}-${i + 1}.key`);
  const { already, aside } = lookAt(first, offer, wishes.force);
  const connect = nearby(from.host, local) ? undefined : formatHostPort(from.host, from.port);
  const hints: string[] = [];
  let change: JoinPlan["config"];
  if (isListed) {
    if (connect !== undefined && !connects(existing, from)) {
      hints.push(
        `if the two do not find each other, add connect = ${toml([connect])} to network ` +
          `"${network}" in ${config.path}`,
      );
    }
  } else if (text !== undefined && config.path !== undefined) {
    const table = tableOf({ network, keyFiles, connect, offer, listen: freeListen(config) });
    change = {
      path: config.path,
      text: `${text}${text === "" || text.endsWith("\n") ? "" : "\n"}\n${table}`,
      isNew: false,
    };
  } else if (wishes.newConfig !== undefined) {
    const table = tableOf({ network, keyFiles, connect, offer, listen: undefined });
    change = { path: wishes.newConfig, text: newConfig(table, wishes), isNew: true };
  }
  if (change) parseConfig(change.text, change.path);
  return { network, keyFiles, config: change, connect, hints, already, aside };
}

/** Whether all that the plan names can be written; else one line, before anything is taken. */
export function checkWritable({ keyFiles, config, already }: JoinPlan): void {
  const folders = [
    ...(already ? [] : keyFiles.map(folderOf)),
    ...(config ? [folderOf(config.path)] : []),
  ];
  for (const folder of new Set(folders)) {
    try {
      Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
      const probe = Deno.makeTempFileSync({ dir: folder, prefix: ".agent-join-" });
      Deno.removeSync(probe);
    } catch (cause) {
      const hint = config && folderOf(config.path) === folder && !config.isNew
        ? `; or add the network to ${config.path} by hand: ` +
          "name, and key_file with a key copied from a node"
        : "; use sudo, or other places: --state-dir, --key-file, --config";
      throw new AgentError(
        `${folder} cannot be written (${messageOf(cause)})${hint}`,
        ExitCode.Refused,
        { cause },
      );
    }
  }
}

/** Writes the keys, and then the config: at any moment a power cut leaves nothing half. */
export function carryOut(plan: JoinPlan, keys: readonly NetworkKey[]): void {
  if (plan.aside !== undefined) Deno.renameSync(plan.keyFiles[0] as string, plan.aside);
  for (const [i, key] of keys.entries()) {
    const path = plan.keyFiles[i];
    if (path === undefined || (i === 0 && plan.already)) continue;
    const bytes = Uint8Array.fromBase64(key.toText());
    try {
      writeKeyFile(path, bytes);
    } catch (error) {
      if (!holds(path, key.id)) throw error;
    }
    giveToOwner(path);
  }
  if (plan.config) writeDurably(plan.config.path, plan.config.text);
}

/** Root writes for the user whose folder it is: the service's. */
function giveToOwner(path: string): void {
  const { uid, gid } = Deno.statSync(folderOf(path));
  if (Deno.uid() === 0 && uid !== null && gid !== null && uid !== 0) Deno.chownSync(path, uid, gid);
}

function keyFileOf(network: NetworkConfig | undefined): string | undefined {
  const file = network?.keyFiles[0];
  return file?.from === "config" || file?.from === "state" ? file.path : undefined;
}

/** What lies where the key is to go. */
function lookAt(path: string, offer: Offer, force: boolean) {
  if (!exists(path)) return { already: false, aside: undefined };
  const here = NetworkKey.fromBytes(readKeyFile({ path, from: "state" })).id;
  if (here === offer.keyIds[0]) return { already: true, aside: undefined };
  if (offer.keyIds.includes(here)) {
    throw new AgentError(
      `${path} holds an older key of this very network (${here}, it seals with ` +
        `${offer.keyIds[0]} now); copy the new key file here instead`,
      ExitCode.Refused,
    );
  }
  if (!force) {
    throw new AgentError(
      `${path} holds the key of another network (${here}, the invitation is to ` +
        `${offer.keyIds[0]}); join beside it: --network NAME, or leave that one: --force`,
      ExitCode.Refused,
    );
  }
  for (let n = 1;; n++) {
    const aside = `${path}.${here}${n === 1 ? "" : `-${n}`}`;
    if (!exists(aside)) return { already: false, aside };
  }
}

function holds(path: string, id: string): boolean {
  try {
    return NetworkKey.fromBytes(readKeyFile({ path, from: "state" })).id === id;
  } catch {
    return false;
  }
}

function connects(network: NetworkConfig | undefined, { host, port }: HostPort): boolean {
  return network?.connect.some((one) => one.host === host && one.port === port) ?? false;
}

/** Whether multicast finds the other node: it is on a network that this computer is on too. */
function nearby(host: string, local: readonly LocalAddress[]): boolean {
  return local.some(({ name, cidr }) =>
    name !== "lo" && (inSubnet4(host, cidr) || sameNet6(host, cidr))
  );
}

function sameNet6(host: string, cidr: string): boolean {
  const [address = "", bits] = cidr.split("/");
  if (!host.includes(":") || !address.includes(":") || bits !== "64") return false;
  const net = (text: string) => {
    const [head = "", tail] = text.split("::");
    const groups = head.split(":");
    if (tail !== undefined) { while (groups.length < 4) groups.push("0"); }
    return groups.slice(0, 4).map((group) => Number.parseInt(group || "0", 16)).join(":");
  };
  return net(host) === net(address);
}

interface Table {
  readonly network: string;
  readonly keyFiles: readonly string[];
  readonly connect: string | undefined;
  readonly offer: Offer;
  readonly listen: string | undefined;
}

function tableOf({ network, keyFiles, connect, offer, listen }: Table): string {
  const keys = keyFiles.length === 1
    ? `key_file = ${toml(keyFiles[0] as string)}`
    : `keys = ${toml([...keyFiles])}`;
  return [
    `# Written by agent join, by invitation of ${offer.node.replace(/\p{Cc}/gu, " ")}.`,
    "[[network]]",
    `name = ${toml(network)}`,
    keys,
    ...(offer.port === PORTS.native ? [] : [`port = ${offer.port}`]),
    ...(listen === undefined ? [] : [`listen = ${toml(listen)}`]),
    ...(connect === undefined ? [] : [`connect = ${toml([connect])}`]),
    "",
  ].join("\n");
}

function newConfig(table: string, { name, stateDir }: JoinWishes): string {
  const agent = [
    ...(name === undefined ? [] : [`name = ${toml(name)}`]),
    ...(stateDir === undefined ? [] : [`state_dir = ${toml(stateDir)}`]),
  ];
  return [
    "# All that can be set, with comments: agent config show --defaults",
    "",
    ...(agent.length === 0 ? [] : ["[agent]", ...agent, ""]),
    table,
  ].join("\n");
}

/** A TCP port that no network of the config has, where the usual one is taken. */
function freeListen({ networks }: Config): string | undefined {
  const taken = new Set(networks.map(({ listen }) => listen?.port));
  if (!taken.has(STREAM_PORT)) return undefined;
  let port = STREAM_PORT + 1;
  while (taken.has(port)) port++;
  return `[::]:${port}`;
}

function stem(path: string): string {
  return path.replace(/\.key$/, "");
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    return !(error instanceof Deno.errors.NotFound) &&
      !(error instanceof Deno.errors.NotADirectory);
  }
}
