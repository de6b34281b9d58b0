/**
 * One program file takes the place of another: checked before anything changes, whole at any moment,
 * and able to go back. At every step the path holds the old file or the new one, complete.
 *
 * @module
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { AgentError, ExitCode, messageOf } from "../../core/errors.ts";
import { folderOf, syncFolder } from "../durable.ts";
import { endTrial, markTrial, onTrial } from "./trial.ts";

const CHUNK = 1 << 20;
/** The first start of a packed file unpacks its runtime, from a slow SD card to the same. In ms. */
const PROBE_LIMIT = 120_000;
const ELF = [0x7f, 0x45, 0x4c, 0x46];
/** `e_machine` of elf(5), by the name that the runtime gives the processor. */
const MACHINES: Readonly<Record<string, number>> = { x86_64: 62, aarch64: 183 };

/** What a program file says of itself. */
export interface ProbedVersion {
  readonly version: string;
  readonly target: string;
}

/** The place of an installed program. Only one upgrade at a time holds it. */
export class Installation implements Disposable {
  /** The file itself, no link to it. */
  readonly path: string;
  readonly #folder: string;
  readonly #lock: Deno.FsFile;

  /**
   * Takes hold of it, and clears away what an upgrade left that was cut off.
   * @throws {AgentError} exit code 4
   */
  static hold(path: string): Installation {
    return new Installation(realPath(path));
  }

  private constructor(path: string) {
    this.path = path;
    this.#folder = folderOf(path);
    this.#lock = Deno.openSync(this.#folder);
    if (!this.#lock.tryLockSync(true)) {
      this.#lock.close();
      throw new AgentError(
        `another upgrade is at work in ${this.#folder}; wait until it has ended`,
        ExitCode.Refused,
      );
    }
    this.discard();
  }

  /** The copy that is checked, before it takes the place. */
  get staged(): string {
    return `${this.path}.new`;
  }

  /** The file that was there before. */
  get previous(): string {
    return `${this.path}.previous`;
  }

  /**
   * Copies a file beside the place, onto the disk; answers its SHA-256. What is there runs on as it
   * was.
   * @throws {AgentError} exit code 4: no room, no permission, a file for another computer.
   */
  stage(file: string): string {
    const { mode, uid, gid } = Deno.statSync(this.path);
    let hash: string;
    try {
      using from = openProgram(file);
      using to = Deno.openSync(this.staged, { write: true, createNew: true, mode: 0o755 });
      hash = copy(from, to);
      to.syncSync();
    } catch (cause) {
      this.discard();
      if (cause instanceof AgentError) throw cause;
      throw new AgentError(writeProblem(this.#folder, cause), ExitCode.Refused, { cause });
    }
    try {
      if (uid !== null && gid !== null && uid !== Deno.uid()) Deno.chownSync(this.staged, uid, gid);
      Deno.chmodSync(this.staged, ((mode ?? 0o755) & 0o777) | 0o100);
    } catch (cause) {
      this.discard();
      throw new AgentError(
        `${this.staged} cannot be given the owner of ${this.path} (${messageOf(cause)}); use sudo`,
        ExitCode.Refused,
        { cause },
      );
    }
    return hash;
  }

  /** Removes the copy that was staged. */
  discard(): void {
    try {
      Deno.removeSync(this.staged);
    } catch {
      // There is none; one that cannot be removed is told when the next is to be made.
    }
  }

  get hasPrevious(): boolean {
    try {
      return Deno.statSync(this.previous).isFile;
    } catch {
      return false;
    }
  }

  /** The version that is in the place, if no start of it is known to have come to anything. */
  get onTrial(): string | undefined {
    return onTrial(this.path);
  }

  /**
   * The staged file takes the place, in one step; the old one stays as {@linkcode previous}, unless
   * it is to be forgotten. `version`: of the new one, which is then on trial.
   */
  swap({ version, forget = false }: { version?: string | undefined; forget?: boolean } = {}): void {
    if (!forget) this.#keepPrevious();
    if (version === undefined) endTrial(this.path);
    else markTrial(this.path, version);
    Deno.renameSync(this.staged, this.path);
    syncFolder(this.#folder);
  }

  /** The file of before takes its place again, in one step. */
  swapBack(): void {
    Deno.renameSync(this.previous, this.path);
    endTrial(this.path);
    syncFolder(this.#folder);
  }

  /** The new file has proved itself. */
  keep(): void {
    endTrial(this.path);
  }

  [Symbol.dispose](): void {
    this.#lock.close();
  }

  #keepPrevious(): void {
    const beside = `${this.previous}.new`;
    try {
      Deno.removeSync(beside);
    } catch {
      // There is none.
    }
    try {
      Deno.linkSync(this.path, beside);
    } catch {
      // A file system without hard links (FAT): a copy does as well.
      Deno.copyFileSync(this.path, beside);
      using copied = Deno.openSync(beside);
      copied.syncSync();
    }
    Deno.renameSync(beside, this.previous);
    syncFolder(this.#folder);
  }
}

/** @throws {AgentError} exit code 1 where nothing is there. */
export function realPath(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch (cause) {
    throw new AgentError(`${path}: ${messageOf(cause)}; name an existing file`, ExitCode.NotThere, {
      cause,
    });
  }
}

/** Opens a file that may be a program for this computer; it stands at its start. */
function openProgram(file: string): Deno.FsFile {
  const opened = Deno.openSync(file);
  try {
    const { isFile, size } = opened.statSync();
    if (!isFile) throw new AgentError(`${file} is not a file`, ExitCode.Refused);
    const head = new Uint8Array(64);
    const length = opened.readSync(head) ?? 0;
    opened.seekSync(0, Deno.SeekMode.Start);
    checkHead(file, head.subarray(0, length), size);
    return opened;
  } catch (error) {
    opened.close();
    throw error;
  }
}

function checkHead(file: string, head: Uint8Array, size: number): void {
  const refuse = (why: string) => new AgentError(`${file} ${why}`, ExitCode.Refused);
  if (size === 0) throw refuse("is empty; copy it again");
  if (head[0] === 0x23 && head[1] === 0x21) return;
  if (!ELF.every((byte, i) => head[i] === byte) || head.length < 64) {
    throw refuse("is no program; name the file agent-linux-… that was built or downloaded");
  }
  const machine = (head[18] as number) | ((head[19] as number) << 8);
  if (machine === MACHINES[Deno.build.arch]) return;
  const other = Object.entries(MACHINES).find(([, number]) => number === machine)?.[0];
  throw refuse(
    `is for another processor (${other ?? `number ${machine}`}, this one is ${Deno.build.arch}); ` +
      `take agent-linux-${Deno.build.arch}`,
  );
}

/** Copies to the end; the SHA-256 of what was copied. */
function copy(from: Deno.FsFile, to: Deno.FsFile): string {
  const hash = sha256.create();
  const buffer = new Uint8Array(CHUNK);
  for (let count; (count = from.readSync(buffer)) !== null;) {
    const part = buffer.subarray(0, count);
    hash.update(part);
    for (let at = 0; at < count;) at += to.writeSync(part.subarray(at));
  }
  return hash.digest().toHex();
}

function writeProblem(folder: string, cause: unknown): string {
  if (cause instanceof Deno.errors.PermissionDenied) {
    return `${folder} cannot be written by this user; use sudo (nothing was changed)`;
  }
  const message = messageOf(cause);
  if (/\(os error 28\)/.test(message)) {
    return `${folder} has no room for a second program file; free some space (nothing was changed)`;
  }
  if (/\(os error 30\)/.test(message)) {
    return `${folder} is on a read-only disk; remount it first (nothing was changed)`;
  }
  return `the new file cannot be copied to ${folder}: ${message} (nothing was changed)`;
}

/**
 * The checksum that a file should have: `given`, or what the list `SHA256SUMS` beside it says;
 * undefined where nobody says.
 * @throws {AgentError} exit code 2 for a sum that is none.
 */
export function expectedSum(file: string, given: string | undefined): string | undefined {
  if (given !== undefined) {
    if (/^[0-9a-f]{64}$/i.test(given)) return given.toLowerCase();
    throw new AgentError("--sha256 is 64 hexadecimal digits, as sha256sum prints", ExitCode.Usage);
  }
  const slash = file.lastIndexOf("/");
  let list: string;
  try {
    list = Deno.readTextFileSync(`${file.slice(0, slash + 1)}SHA256SUMS`);
  } catch {
    return undefined;
  }
  for (const line of list.split("\n")) {
    const match = /^([0-9a-f]{64})\s+\*?(?:\.\/)?(.+?)\s*$/i.exec(line);
    if (match?.[2] === file.slice(slash + 1)) return match[1]?.toLowerCase();
  }
  return undefined;
}

/**
 * Runs a program file as `FILE version --json`. `shown`: what people call it. With `whole`, a packed
 * file unpacks all of itself, into a folder that is removed again, and so checks itself to its last
 * byte: with what an earlier version left unpacked, a file that is cut off would run.
 * @throws {AgentError} exit code 4 where it does not run, or is no agent; with its own last words.
 */
export async function probe(
  path: string,
  shown = path,
  { whole = false } = {},
): Promise<ProbedVersion> {
  const cache = whole ? emptyFolder() : undefined;
  try {
    return await ask(path, shown, cache === undefined ? {} : { AGENT_CACHE: cache });
  } finally {
    if (cache !== undefined) Deno.removeSync(cache, { recursive: true });
  }
}

/** On a disk rather than in memory, where that can be had: a runtime takes 93 MB. */
function emptyFolder(): string {
  const prefix = "agent-upgrade-";
  try {
    return Deno.makeTempDirSync({ dir: "/var/tmp", prefix });
  } catch {
    return Deno.makeTempDirSync({ prefix });
  }
}

async function ask(
  path: string,
  shown: string,
  env: Record<string, string>,
): Promise<ProbedVersion> {
  let words: string;
  try {
    const { code, signal, stdout, stderr } = await new Deno.Command(path, {
      args: ["version", "--json"],
      stdin: "null",
      env,
      signal: AbortSignal.timeout(PROBE_LIMIT),
    }).output();
    const decoder = new TextDecoder();
    words = decoder.decode(stderr).trim().split("\n").at(-1) ?? "";
    const said = code === 0 ? versionOf(decoder.decode(stdout)) : undefined;
    if (said) return said;
    words ||= code === 0 ? "it is no agent" : `it ended with ${signal ?? code}`;
  } catch (error) {
    words = messageOf(error);
  }
  throw new AgentError(
    `${shown} does not run here: ${words.slice(0, 300)} (nothing was changed)`,
    ExitCode.Refused,
  );
}

function versionOf(text: string): ProbedVersion | undefined {
  try {
    const { version, target } = JSON.parse(text) as Record<string, unknown>;
    return typeof version === "string" && typeof target === "string" &&
        /^\d+\.\d+\.\d+/.test(version)
      ? { version, target }
      : undefined;
  } catch {
    return undefined;
  }
}

/** Whether version `a` comes before `b` (Semantic Versioning 2.0.0 §11, numbers and pre-releases). */
export function isOlder(a: string, b: string): boolean {
  const [left, right] = [partsOf(a), partsOf(b)];
  for (let i = 0; i < 3; i++) {
    const difference = (left.numbers[i] ?? 0) - (right.numbers[i] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  if (left.pre === right.pre) return false;
  if (left.pre === "" || right.pre === "") return left.pre !== "";
  return left.pre.localeCompare(right.pre, "en", { numeric: true }) < 0;
}

function partsOf(version: string): { numbers: number[]; pre: string } {
  const [core = "", ...pre] = (version.split("+")[0] ?? "").split("-");
  return { numbers: core.split(".").map(Number), pre: pre.join("-") };
}
