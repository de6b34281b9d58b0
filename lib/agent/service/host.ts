/**
 * The computer, as far as installing a service touches it. Paths are those that people see; with a
 * `root`, all files are below it, which is how the tests install a service on nothing.
 *
 * @module
 */
import { AgentError, ExitCode, messageOf } from "../../core/errors.ts";
import type { Environment } from "../config/paths.ts";

/** What a command did. Code 127: it is not there. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface HostOptions {
  /** Prefix of all paths; default: none. */
  readonly root?: string;
  readonly env?: Environment;
  readonly uid?: number;
}

/** Bytes that are compared at once. */
const CHUNK = 1 << 18;
const NO_COMMAND = 127;

/** Files, commands, and who asks. Every complaint is one line and names the path. */
export class Host {
  readonly env: Environment;
  readonly uid: number;
  readonly #root: string;

  constructor(options: HostOptions = {}) {
    this.#root = options.root ?? "";
    this.env = options.env ?? Deno.env;
    this.uid = options.uid ?? Deno.uid() ?? 0;
  }

  /** Whether systemd runs this computer (sd_booted(3)). */
  get hasSystemd(): boolean {
    return this.stat("/run/systemd/system")?.isDirectory === true;
  }

  stat(path: string): Deno.FileInfo | undefined {
    try {
      return Deno.statSync(this.#at(path));
    } catch (error) {
      // Only who may look there could change something there; `--print` is for everybody.
      if (isMissing(error) || error instanceof Deno.errors.PermissionDenied) return undefined;
      throw problem("looked at", path, error);
    }
  }

  /** Names in a folder; none where there is no folder. */
  list(path: string): string[] {
    try {
      return [...Deno.readDirSync(this.#at(path))].map(({ name }) => name);
    } catch (error) {
      if (isMissing(error) || error instanceof Deno.errors.PermissionDenied) return [];
      throw problem("read", path, error);
    }
  }

  /** Undefined where nothing is there. */
  readText(path: string): string | undefined {
    try {
      return Deno.readTextFileSync(this.#at(path));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw problem("read", path, error);
    }
  }

  /** Whether two files hold the same bytes. */
  sameContent(one: string, other: string): boolean {
    try {
      using a = Deno.openSync(this.#at(one));
      using b = Deno.openSync(this.#at(other));
      if (a.statSync().size !== b.statSync().size) return false;
      const [left, right] = [new Uint8Array(CHUNK), new Uint8Array(CHUNK)];
      for (;;) {
        const length = fill(a, left);
        if (length !== fill(b, right)) return false;
        for (let i = 0; i < length; i++) if (left[i] !== right[i]) return false;
        if (length < CHUNK) return true;
      }
    } catch (error) {
      if (isMissing(error)) return false;
      throw problem("compared", other, error);
    }
  }

  /** The old or the new file is there, whatever happens in between. */
  writeText(path: string, text: string, mode: number): void {
    this.#replace(path, mode, (temporary) => {
      using file = Deno.openSync(temporary, { write: true, createNew: true, mode });
      const bytes = new TextEncoder().encode(text);
      for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
      file.syncSync();
    });
  }

  /** As {@linkcode writeText}. */
  copy(from: string, to: string, mode: number): void {
    this.#replace(to, mode, (temporary) => {
      Deno.copyFileSync(this.#at(from), temporary);
      using file = Deno.openSync(temporary, { read: true, write: true });
      file.syncSync();
    });
  }

  rename(from: string, to: string): void {
    try {
      Deno.renameSync(this.#at(from), this.#at(to));
    } catch (error) {
      throw problem("renamed", from, error);
    }
  }

  /** Makes one folder. */
  makeFolder(path: string, mode: number): void {
    try {
      Deno.mkdirSync(this.#at(path), { mode });
    } catch (error) {
      throw problem("made", path, error);
    }
  }

  /** Removes a file or, with `recursive`, a folder and all in it. Missing is fine. */
  remove(path: string, options: { recursive?: boolean } = {}): void {
    try {
      Deno.removeSync(this.#at(path), options);
    } catch (error) {
      if (!isMissing(error)) throw problem("removed", path, error);
    }
  }

  /** Runs a command to its end. */
  async run(command: string, args: readonly string[]): Promise<Outcome> {
    try {
      const { code, stdout, stderr } = await new Deno.Command(command, {
        args: [...args],
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
        env: { PATH: this.env.get("PATH") ?? "/usr/sbin:/usr/bin:/sbin:/bin" },
      }).output();
      const decoder = new TextDecoder();
      return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
    } catch (error) {
      return { code: NO_COMMAND, stdout: "", stderr: `${command}: ${messageOf(error)}` };
    }
  }

  /** Whether a command is on the PATH. */
  has(command: string): boolean {
    // Root's tools, which a user's PATH may lack: `--print` is for users too.
    const folders = [...(this.env.get("PATH") ?? "").split(":"), "/usr/sbin", "/sbin"];
    return folders.some((folder) => {
      try {
        return folder !== "" && Deno.statSync(`${folder}/${command}`).isFile;
      } catch {
        return false;
      }
    });
  }

  #at(path: string): string {
    return this.#root + path;
  }

  #replace(path: string, mode: number, write: (temporary: string) => void): void {
    const temporary = `${this.#at(path)}.new`;
    try {
      // What an interrupted run left behind.
      removeIfThere(temporary);
      write(temporary);
      Deno.chmodSync(temporary, mode);
      Deno.renameSync(temporary, this.#at(path));
    } catch (error) {
      try {
        removeIfThere(temporary);
      } catch {
        // The first fault is the one to tell.
      }
      throw problem("written", path, error);
    }
  }
}

function fill(file: Deno.FsFile, buffer: Uint8Array): number {
  let length = 0;
  while (length < buffer.length) {
    const more = file.readSync(buffer.subarray(length));
    if (more === null) break;
    length += more;
  }
  return length;
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory;
}

function problem(what: string, path: string, cause: unknown): AgentError {
  return new AgentError(`${path} cannot be ${what}: ${reason(cause)}`, ExitCode.Refused, { cause });
}

function reason(cause: unknown): string {
  const said = messageOf(cause);
  if (/os error 28\b/.test(said)) {
    return "there is no room left on the disk; free some and run again";
  }
  if (/os error 30\b/.test(said)) return "the file system is read-only; make it writable first";
  if (cause instanceof Deno.errors.PermissionDenied) return "this user may not; use sudo";
  return said;
}
