/**
 * `agent service remove`: takes the service away. Config, key and state stay, unless they are to go.
 *
 * @module
 */
import { ExitCode } from "../../core/errors.ts";
import { execute } from "./execute.ts";
import { accountOf, type Facts, gatherFacts } from "./facts.ts";
import type { Host } from "./host.ts";
import { checkPossible, type Report } from "./install.ts";
import { freeBackup, systemctlWords } from "./plan.ts";
import { INSTALLED_PROGRAM } from "./program.ts";
import { type Step, stepInWords } from "./steps.ts";
import { SERVICE_USER, UNIT_NAME } from "./unit.ts";

export interface RemoveOptions {
  readonly user: boolean;
  readonly print: boolean;
  /** Config, keys, state and the system user too. */
  readonly purge: boolean;
  readonly config: string | undefined;
  readonly cwd: string;
}

/** Below this an account is the system's (login.defs(5), `SYS_UID_MAX`). */
const FIRST_PERSON = 1_000;

/** Undoes an installation. Where there is none, that is no error. */
export async function removeService(host: Host, options: RemoveOptions): Promise<Report> {
  if (!options.print) checkPossible(host, options.user);
  const facts = await gatherFacts(host, { ...options, network: undefined, broken: true });
  const account = accountOf(host, SERVICE_USER);
  const steps = planRemove(facts, options.purge, {
    isThere: (path) => host.stat(path) !== undefined,
    inFolder: host.list(facts.places.folder),
    hasSystemUser: account !== undefined && account.uid < FIRST_PERSON,
    userdel: host.has("userdel") || !host.has("deluser") ? "userdel" : "deluser",
  });
  const notes = notesOf(facts, options.purge, host);
  if (options.print) {
    const lines = steps.map((step) => `# ${stepInWords(step)}`);
    return {
      code: ExitCode.Done,
      changed: false,
      lines: [
        ...(lines.length === 0 ? ["# nothing to change"] : lines),
        ...notes.map((n) => `# ${n}`),
      ],
      steps,
      start: undefined,
      notes,
    };
  }
  if (steps.length === 0) {
    const lines = [`there is no service to remove (${facts.places.unit})`];
    return { code: ExitCode.Done, changed: false, lines, steps, start: undefined, notes };
  }
  await execute(steps, host);
  const done = steps.map((step) => `done: ${stepInWords(step)}`);
  return {
    code: ExitCode.Done,
    changed: true,
    lines: [...done, ...notes],
    steps,
    start: undefined,
    notes,
  };
}

interface Remains {
  readonly isThere: (path: string) => boolean;
  /** Names in the folder of config and keys. */
  readonly inFolder: readonly string[];
  /** The account `agent` is one of the system and not a person's. */
  readonly hasSystemUser: boolean;
  readonly userdel: string;
}

/** The steps. What cannot be taken back comes last. */
function planRemove(facts: Facts, purge: boolean, remains: Remains): Step[] {
  const { places, unit, edited, user, enabled, active } = facts;
  const { isThere } = remains;
  const steps: Step[] = [];
  if (active || enabled) {
    steps.push({
      do: "run",
      command: systemctlWords(user, ["disable", "--now", UNIT_NAME]),
      undo: systemctlWords(user, ["enable", "--now", UNIT_NAME]),
    });
  }
  if (unit !== undefined) {
    steps.push(
      edited && !purge
        ? {
          do: "move",
          path: places.unit,
          to: freeBackup(places.unit, (path) => !isThere(path)),
        }
        : { do: "remove", path: places.unit, folder: false },
      { do: "run", command: systemctlWords(user, ["daemon-reload"]) },
    );
  }
  if (!purge) return steps;
  const files = ownFiles(facts).filter(isThere);
  for (const path of files) steps.push({ do: "remove", path, folder: false });
  if (isThere(places.folder) && isOurs(facts, remains.inFolder)) {
    steps.push({ do: "remove", path: places.folder, folder: false });
  }
  for (const path of [places.stateDir, places.cacheDir].filter(isThere)) {
    steps.push({ do: "remove", path, folder: true });
  }
  if (user) return steps;
  if (remains.hasSystemUser) steps.push({ do: "run", command: [remains.userdel, SERVICE_USER] });
  return steps;
}

/** Config and keys in the service's own folder; a config may name keys anywhere. */
function ownFiles({ keys, places }: Facts): string[] {
  const files = [...keys.map(({ path }) => path), places.config];
  return [...new Set(files)].filter((path) => path.startsWith(`${places.folder}/`));
}

/** Nothing else is in the folder. */
function isOurs(facts: Facts, inFolder: readonly string[]): boolean {
  const ours = ownFiles(facts);
  return inFolder.every((name) => ours.includes(`${facts.places.folder}/${name}`));
}

function notesOf(facts: Facts, purge: boolean, host: Host): string[] {
  const { places, user, unit } = facts;
  const notes: string[] = [];
  if (host.stat(`${places.unit}.d`) !== undefined) {
    notes.push(`kept: ${places.unit}.d, with changes made by systemctl edit`);
  }
  if (purge) {
    if (!isOurs(facts, host.list(places.folder))) {
      notes.push(`kept: ${places.folder}, for what else is in it`);
    }
    if (!user && host.stat(INSTALLED_PROGRAM) !== undefined) {
      notes.push(`kept: ${INSTALLED_PROGRAM}; to remove it: sudo rm ${INSTALLED_PROGRAM}`);
    }
  } else if (unit !== undefined) {
    notes.push(
      `kept: ${places.config}, keys and ${places.stateDir}${
        user ? "" : `, the user ${SERVICE_USER}`
      }; --purge removes them too`,
    );
  }
  if (user) notes.push("kept: lingering, if it is on; to end it: loginctl disable-linger");
  return notes;
}
