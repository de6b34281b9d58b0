/**
 * Facts and wishes → the steps that make the agent a service. Plain computation.
 *
 * @module
 */
import { AgentError, ExitCode } from "../../core/errors.ts";
import { absolutePath } from "../config/paths.ts";
import { toml } from "../config/render.ts";
import { flag, ownName } from "../config/row.ts";
import { networkRows } from "../config/schema.ts";
import { unifiedDiff } from "./diff.ts";
import type { Facts, KeyPlace } from "./facts.ts";
import { isHidden, type ProgramPlan } from "./program.ts";
import type { Plan, Step } from "./steps.ts";
import { SERVICE_USER, UNIT_NAME, unitText } from "./unit.ts";

/** What the person asked for. */
export interface Wishes {
  /** Name of the node, for a new config. */
  readonly name: string | undefined;
  readonly network: string | undefined;
  /** Overwrite what was edited by hand; a backup is kept. */
  readonly force: boolean;
}

/** What the program's place asks for. */
export interface Surroundings {
  readonly program: ProgramPlan & { readonly isBundle: boolean };
  /** A copy is needed, and the one there is: none, the same, or another. */
  readonly installed: "none" | "same" | "other";
  readonly has: (command: string) => boolean;
  readonly isFree: (path: string) => boolean;
}

/**
 * The plan. It has no steps and no start where everything is as it should be.
 *
 * @throws {AgentError} where the wishes do not fit what is there.
 */
export async function planInstall(
  facts: Facts,
  wishes: Wishes,
  around: Surroundings,
): Promise<Plan> {
  checkWishes(facts, wishes);
  const { places, user } = facts;
  const text = await unitText({
    user,
    program: [around.program.command],
    config: places.config,
    credentials: user ? [] : credentialsOf(facts.keys),
    rawFrames: !user && (facts.config?.lsoe.enabled ?? false),
    writable: user ? [] : writableOf(facts),
    denoCache: around.program.isBundle,
  });
  const unitChanges = facts.unit !== text;
  const files = [
    ...programSteps(around),
    ...configSteps(facts, wishes),
    ...keySteps(facts),
  ];
  const steps: Step[] = [
    ...folderSteps([...files, ...(unitChanges ? [{ path: places.unit }] : [])], facts, around),
    ...files,
    ...userSteps(facts, around),
    ...(unitChanges ? unitSteps(facts, text, around) : []),
    ...(facts.enabled ? [] : [systemctl(facts, ["enable", UNIT_NAME], ["disable", UNIT_NAME])]),
    ...lingerSteps(facts),
  ];
  const changesRunning = steps.some((step) => step.do !== "run" && step.do !== "folder");
  const verb = facts.active ? "restart" : "start";
  const refusal = refusalOf(facts, wishes, around, text);
  return {
    steps,
    start: facts.active && !changesRunning ? undefined : systemctlWords(user, [verb, UNIT_NAME]),
    notes: notesOf(facts, around),
    ...(refusal === undefined ? {} : { refusal }),
  };
}

function checkWishes(facts: Facts, { name, network }: Wishes): void {
  // What the new config could not hold is told before there is one.
  flag("--name", ownName, name);
  flag("--network", networkRows.name.type, network);
  const { config, places, keys, user } = facts;
  if (!user && (isHidden(places.config) || !facts.configIsOpen)) {
    throw new AgentError(
      `${places.config} cannot be read by the service's user; have it in /etc/agent with mode 0644`,
      ExitCode.Refused,
    );
  }
  if (config !== undefined && name !== undefined && config.agent.name !== name) {
    throw new AgentError(
      `${places.config} is there already; set name = ${
        toml(name)
      } in its [agent] instead of --name`,
      ExitCode.Usage,
    );
  }
  const names = (config?.network ?? []).map((one) => one.name);
  if (config !== undefined && network !== undefined && !names.includes(network)) {
    throw new AgentError(
      `${places.config} has no network "${network}"; add it there, or leave out --network`,
      ExitCode.Usage,
    );
  }
  for (const { path, isThere, canBeMade, network } of keys) {
    if (!isThere && !canBeMade) {
      throw new AgentError(
        `${path}, which ${places.config} names for network "${network}", is not there; ` +
          "copy it from a node of the network (mode 0600)",
        ExitCode.Config,
      );
    }
  }
}

/** What the service's user could not read itself. Named after the file, as the config finds it. */
function credentialsOf(keys: readonly KeyPlace[]) {
  const byName = new Map<string, string>();
  for (const { path } of keys) {
    const name = path.slice(path.lastIndexOf("/") + 1);
    const other = byName.get(name);
    if (other !== undefined && other !== path) {
      throw new AgentError(
        `${other} and ${path} have the same file name, by which systemd hands them over; rename one`,
        ExitCode.Config,
      );
    }
    if (!/^[\w.@+-]+$/.test(name)) {
      throw new AgentError(
        `systemd cannot hand over a key of the file name "${name}"; use letters, digits, ".", "-", "_"`,
        ExitCode.Config,
      );
    }
    byName.set(name, path);
  }
  return [...byName].map(([name, path]) => ({ name, path }));
}

function writableOf({ config, places }: Facts): string[] {
  const folder = places.config.slice(0, places.config.lastIndexOf("/") + 1);
  const none = { get: () => undefined };
  const own = ["/var/lib/agent", "/run/agent"];
  const { state_dir, socket } = config?.agent ?? {};
  const named = [
    state_dir && absolutePath(state_dir, folder, none),
    socket && absolutePath(socket, folder, none).replace(/\/[^/]*$/, ""),
  ];
  return named.filter((path): path is string => !!path && !own.includes(path));
}

function programSteps({ program, installed, isFree }: Surroundings): Step[] {
  const { command, copyFrom } = program;
  if (copyFrom === undefined || installed === "same") return [];
  const backup = installed === "other" ? freeBackup(command, isFree) : undefined;
  return [{ do: "copy", path: command, mode: 0o755, from: copyFrom, backup }];
}

function configSteps(facts: Facts, { name }: Wishes): Step[] {
  const [key] = facts.keys;
  if (facts.config !== undefined || key === undefined) return [];
  const { user, places } = facts;
  const text = [
    '# Made by "agent service install". All that can be set, with comments:',
    "# agent config show --defaults. To take over a change:",
    `# ${user ? "systemctl --user" : "sudo systemctl"} reload agent`,
    "",
    "[agent]",
    name === undefined ? "# name: the host name" : `name = ${toml(name)}`,
    "",
    "[[network]]",
    `name = ${toml(key.network)}`,
    `key_file = ${toml(key.path)}`,
    "",
  ].join("\n");
  return [{ do: "write", path: places.config, mode: 0o644, text }];
}

function keySteps({ keys, ownKey }: Facts): Step[] {
  return keys.filter(({ isThere }) => !isThere).map(({ path, network }) =>
    ownKey?.network === network
      ? { do: "copy", path, mode: 0o600, from: ownKey.path }
      : { do: "key", path }
  );
}

/** Folders that are missing above new files, the outermost first. */
function folderSteps(
  files: readonly ({ readonly path: string } | Step)[],
  { user, places }: Facts,
  { isFree }: Surroundings,
): Step[] {
  const missing = new Set<string>();
  for (const file of files) {
    if (!("path" in file)) continue;
    const parts = file.path.split("/");
    for (let depth = 2; depth < parts.length; depth++) {
      const folder = parts.slice(0, depth).join("/");
      if (isFree(folder)) missing.add(folder);
    }
  }
  const closed = user && [places.folder, places.stateDir];
  return [...missing].map((path) => ({
    do: "folder",
    path,
    mode: closed && closed.includes(path) ? 0o700 : 0o755,
  }));
}

function userSteps({ user, hasUser, places }: Facts, { has }: Surroundings): Step[] {
  if (user || hasUser) return [];
  const command = has("useradd") || !has("adduser")
    ? ["useradd", "--system", "--user-group", "--home-dir", places.stateDir, "--no-create-home"]
      .concat("--shell", "/usr/sbin/nologin", SERVICE_USER)
    : ["adduser", "--system", "--group", "--home", places.stateDir, "--no-create-home"]
      .concat(SERVICE_USER);
  return [{
    do: "run",
    command,
    undo: [has("userdel") || !has("deluser") ? "userdel" : "deluser", SERVICE_USER],
  }];
}

function unitSteps(facts: Facts, text: string, { isFree }: Surroundings): Step[] {
  const { places, unit, edited } = facts;
  const backup = edited ? freeBackup(places.unit, isFree) : undefined;
  return [
    { do: "write", path: places.unit, mode: 0o644, text, before: unit, backup },
    systemctl(facts, ["daemon-reload"], ["daemon-reload"]),
  ];
}

function lingerSteps({ user, enabled }: Facts): Step[] {
  if (!user || enabled) return [];
  return [{
    do: "run",
    command: ["loginctl", "enable-linger"],
    otherwise: "the service ends when you log out; so that it does not: " +
      'sudo loginctl enable-linger "$USER"',
  }];
}

/** A free name for what makes room. */
export function freeBackup(path: string, isFree: (path: string) => boolean): string {
  for (let n = 1;; n++) {
    const backup = `${path}.bak${n === 1 ? "" : `-${n}`}`;
    if (isFree(backup)) return backup;
  }
}

export function systemctlWords(user: boolean, args: readonly string[]): string[] {
  return ["systemctl", ...(user ? ["--user"] : []), ...args];
}

function systemctl({ user }: Facts, args: readonly string[], undo: readonly string[]): Step {
  return { do: "run", command: systemctlWords(user, args), undo: systemctlWords(user, undo) };
}

function refusalOf(
  { edited, unit, places }: Facts,
  { force }: Wishes,
  { installed, program }: Surroundings,
  text: string,
): string | undefined {
  if (force) return undefined;
  if (edited && unit !== undefined) {
    return [
      `${places.unit} was edited by hand, and is kept; --force overwrites it and keeps a backup. ` +
      "What would change:",
      unifiedDiff(unit, text, [places.unit, "as it would be"]),
    ].join("\n");
  }
  if (installed === "other") {
    return `${program.command} is another program or version; replace it with: agent upgrade ` +
      `${program.copyFrom}, or use --force, which keeps a backup`;
  }
  return undefined;
}

function notesOf(facts: Facts, { program }: Surroundings): string[] {
  const { user, config, keys, ownKey } = facts;
  const notes: string[] = [];
  if (program.copyFrom !== undefined) {
    notes.push(
      `the service runs ${program.command}, a copy: ${program.copyFrom} is not for it to read`,
    );
  }
  if (user && config?.lsoe.enabled) {
    notes.push(
      "[lsoe] is enabled, which a user's service may not do; install the system's: without --user",
    );
  }
  if (ownKey !== undefined && keys.some(({ isThere }) => !isThere)) {
    notes.push(
      `it stays in network "${ownKey.network}" of ${ownKey.owner}; other settings of ` +
        `${ownKey.owner}'s own config are not taken over`,
    );
  }
  const [first] = keys;
  if (first !== undefined && first.canBeMade) {
    notes.push(
      `to join another Pi:  ${user ? "" : "sudo "}cat ${first.path} | ` +
        `ssh PI 'sudo install -D -m 600 /dev/stdin /etc/agent/${first.network}.key'  ` +
        `and there:  sudo agent service install --network ${first.network}`,
    );
  }
  if (!user) {
    notes.push("who may use it without sudo: sudo usermod -aG agent NAME, and log in again");
  }
  return notes;
}
