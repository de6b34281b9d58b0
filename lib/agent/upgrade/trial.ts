/**
 * A new version is on trial until it has once become ready. Who watches is the upgrade that put it in
 * place; if that is dead by then (SIGKILL, a power cut), the new version itself: it sees the marker
 * that stands beside its file, and gives way to the version of before if it cannot start, or if an
 * earlier start of it came to nothing (docs/upgrade.md).
 *
 * @module
 */
import { AgentError, ExitCode, messageOf } from "../../core/errors.ts";
import { folderOf, syncFolder, writeDurably } from "../durable.ts";

/** In the state folder: how often it was started. Written during a trial alone. */
const STARTS = "upgrade-trial.json";

/** What stands in the marker. */
interface Marker {
  /** Another one for each upgrade. */
  readonly id: string;
  /** The version that is on trial. */
  readonly version: string;
}

/** What is known of the starts. */
interface Starts {
  readonly id: string;
  readonly count: number;
  readonly passed: boolean;
}

/** Where the marker of a program file stands. */
function markerOf(file: string): string {
  return `${file}.upgrading`;
}

/** Before a version takes the place of another one: it is on trial from now on. */
export function markTrial(file: string, version: string): void {
  const marker: Marker = { id: crypto.randomUUID(), version };
  writeDurably(markerOf(file), JSON.stringify(marker));
}

/** The trial is over, either way. */
export function endTrial(file: string): void {
  try {
    Deno.removeSync(markerOf(file));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** The version that is on trial in a file; `undefined` for none. */
export function onTrial(file: string): string | undefined {
  return readMarker(file)?.version;
}

/** The trial of the version that this process is. */
export class Trial {
  readonly #file: string;
  readonly #marker: Marker;
  #stateDir: string | undefined;
  #passed = false;

  /** Undefined where there is none: nearly always. `file`: what this process was started from. */
  static of(file: string | undefined, version: string): Trial | undefined {
    const marker = file === undefined ? undefined : readMarker(file);
    return file !== undefined && marker?.version === version ? new Trial(file, marker) : undefined;
  }

  private constructor(file: string, marker: Marker) {
    this.#file = file;
    this.#marker = marker;
  }

  /**
   * Counts this start.
   * @throws {AgentError} exit code 4 where an earlier one came to nothing, and nobody else watches.
   */
  begin(stateDir: string): void {
    this.#stateDir = stateDir;
    const { count, passed } = this.#starts();
    this.#passed = passed;
    if (passed) return;
    if (count > 0 && !isWatched(this.#file)) {
      throw new AgentError("an earlier start of it did not become ready", ExitCode.Refused);
    }
    this.#note({ count: count + 1, passed: false });
  }

  /** It is ready. */
  pass(): void {
    if (this.#passed) return;
    this.#passed = true;
    try {
      endTrial(this.#file);
      Deno.removeSync(this.#startsFile);
    } catch {
      // A service may not write beside its file, so it writes into its state folder.
      this.#note({ count: 0, passed: true });
    }
  }

  /**
   * It cannot start. Answers what to become instead: the version of before, in its old place where
   * this process may put it there. `undefined`: somebody else watches, or there is none to go back to.
   */
  giveWay(): string | undefined {
    const previous = `${this.#file}.previous`;
    if (this.#passed || !exists(previous) || isWatched(this.#file)) return undefined;
    try {
      Deno.renameSync(previous, this.#file);
      syncFolder(folderOf(this.#file));
    } catch {
      return previous;
    }
    endTrial(this.#file);
    return this.#file;
  }

  #starts(): Pick<Starts, "count" | "passed"> {
    try {
      const said = JSON.parse(Deno.readTextFileSync(this.#startsFile)) as Partial<Starts>;
      if (said.id === this.#marker.id && Number.isInteger(said.count)) {
        return { count: Number(said.count), passed: said.passed === true };
      }
    } catch {
      // It is the first one, or what is there was cut off: then it counts as the first one.
    }
    return { count: 0, passed: false };
  }

  #note(starts: Pick<Starts, "count" | "passed">): void {
    try {
      writeDurably(this.#startsFile, JSON.stringify({ id: this.#marker.id, ...starts }));
    } catch {
      // No folder yet, or no room: the start itself will say so.
    }
  }

  get #startsFile(): string {
    return `${this.#stateDir}/${STARTS}`;
  }
}

/** What is said where a version gives way. */
export function givingWay(version: string, why: unknown, command: string): string {
  const place = command.endsWith(".previous")
    ? `; as this user cannot put it back for good: sudo mv ${command} ${
      command.slice(0, -".previous".length)
    }`
    : "";
  return `version ${version} does not start (${
    messageOf(why)
  }), and the upgrade that put it there ` +
    `is gone: the version of before takes over from ${command}${place}`;
}

function readMarker(file: string): Marker | undefined {
  let text: string;
  try {
    text = Deno.readTextFileSync(markerOf(file));
  } catch {
    return undefined;
  }
  try {
    const { id, version } = JSON.parse(text) as Record<string, unknown>;
    return typeof id === "string" && typeof version === "string" ? { id, version } : undefined;
  } catch {
    return undefined;
  }
}

/** Whether an upgrade is at work, which then decides. It holds a lock on the folder of the file. */
function isWatched(file: string): boolean {
  try {
    using folder = Deno.openSync(folderOf(file));
    return !folder.tryLockSync(true);
  } catch {
    // A folder that cannot be opened: nobody could be told from nobody, so hands off.
    return true;
  }
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
