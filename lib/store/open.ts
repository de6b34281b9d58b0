/**
 * Opens a database file: one agent at a time, and whatever a power cut or a bad SD card left behind.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import { AgentError, ExitCode, messageOf } from "../core/errors.ts";
import { isDamage, storeError } from "./errors.ts";

/** Files that belong to a database, by what stands behind its name. */
const COMPANIONS = ["", "-wal", "-shm", "-journal"];

/** What a file is to hold. */
export interface Schema {
  /** From an empty file to today's tables: element n leads from `user_version` n to n + 1. */
  readonly migrations: readonly string[];
  /** Today's tables and their columns. A file that lacks one is damaged, though each page is sound. */
  readonly tables: Readonly<Record<string, readonly string[]>>;
  /** What is lost with a damaged file, for people. */
  readonly loss: string;
  /** Of a new file, in bytes; SQLite's default without. */
  readonly pageSize?: number;
}

/**
 * Opens the database at `path`, and makes it, readable for its owner only, where it is not there. A
 * damaged file is moved aside (`NAME.damaged-1`), a new one begun, and `report` gets one line.
 *
 * @throws {AgentError} with exit code 4 where another agent has it, a newer version wrote it, or
 * the disk or the permissions do not allow it.
 */
export function openDatabase(
  path: string,
  schema: Schema,
  report: (line: string) => void,
): DatabaseSync {
  try {
    return openOnce(path, schema);
  } catch (error) {
    if (!(error instanceof Damaged)) throw error;
    const aside = moveAside(path);
    report(`${path} was damaged (${error.message}) and is now ${aside}; ${schema.loss}`);
    return openOnce(path, schema);
  }
}

/** The file is there, and is no sound database. */
class Damaged extends Error {}

function openOnce(path: string, { migrations, tables, pageSize }: Schema): DatabaseSync {
  createPrivately(path);
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path);
    // Exclusive locking comes first: then the log needs no shared memory, and its index no file.
    db.exec("PRAGMA locking_mode = EXCLUSIVE");
    // A file that is there keeps what it has.
    if (pageSize !== undefined) db.exec(`PRAGMA page_size = ${pageSize}`);
    db.exec("PRAGMA journal_mode = WAL");
    db.exec("PRAGMA synchronous = FULL");
    // The lock that this takes is kept until the file is closed.
    db.exec("BEGIN EXCLUSIVE; COMMIT");
    check(db);
    migrate(db, path, migrations);
    checkTables(db, tables);
    return db;
  } catch (error) {
    if (db?.isOpen) db.close();
    if (error instanceof AgentError || error instanceof Damaged) throw error;
    const message = messageOf(error);
    if (isDamage(message)) throw new Damaged(message);
    if (/database( table)? is locked/.test(message)) throw heldByAnother(path);
    throw storeError(path, error);
  }
}

/** An empty file is a database without tables. SQLite would make it readable for everybody. */
function createPrivately(path: string): void {
  const slash = path.lastIndexOf("/");
  try {
    if (slash > 0) Deno.mkdirSync(path.slice(0, slash), { recursive: true, mode: 0o700 });
    // Never open a file that is there: closing it again would give up SQLite's locks on it.
    if (!exists(path)) Deno.openSync(path, { write: true, createNew: true, mode: 0o600 }).close();
  } catch (error) {
    throw new AgentError(
      `${path} cannot be made (${messageOf(error)}); check its folder, or set state_dir in [agent]`,
      ExitCode.Refused,
      { cause: error },
    );
  }
}

function check(db: DatabaseSync): void {
  const row = db.prepare("PRAGMA quick_check(1)").get();
  const result = row?.quick_check;
  if (result !== "ok") throw new Damaged(String(result));
}

/** The names of tables and columns stand in the file as text, which `quick_check` does not look at. */
function checkTables(db: DatabaseSync, tables: Schema["tables"]): void {
  try {
    for (const [table, columns] of Object.entries(tables)) {
      db.prepare(`SELECT ${columns.join(", ")} FROM ${table} LIMIT 0`);
    }
  } catch (error) {
    throw new Damaged(messageOf(error));
  }
}

function migrate(db: DatabaseSync, path: string, migrations: readonly string[]): void {
  const known = migrations.length;
  const version = db.prepare("PRAGMA user_version").get()?.user_version as number;
  if (version > known) {
    throw new AgentError(
      `${path} was written by a newer agent (schema ${version}, this one knows ` +
        `${known}); start the newer version, or move the file away`,
      ExitCode.Refused,
    );
  }
  if (version === known) return;
  const steps = migrations.slice(version).join("\n");
  db.exec(`BEGIN; ${steps} PRAGMA user_version = ${known}; COMMIT`);
}

/** Where the file went. */
function moveAside(path: string): string {
  for (let n = 1;; n++) {
    const aside = `${path}.damaged-${n}`;
    if (COMPANIONS.some((end) => exists(aside + end))) continue;
    for (const end of COMPANIONS) {
      try {
        Deno.renameSync(path + end, aside + end);
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) continue;
        throw new AgentError(
          `${path} is damaged and cannot be moved aside (${messageOf(error)}); move it yourself`,
          ExitCode.Refused,
          { cause: error },
        );
      }
    }
    return aside;
  }
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

function heldByAnother(path: string): AgentError {
  const holder = holderOf(path);
  return new AgentError(
    `${path} is in use by ${holder ?? "another agent"}; stop that one, or set another state_dir ` +
      "in [agent]",
    ExitCode.Refused,
  );
}

/** Who has locked the file, from the kernel's table; `undefined` where that does not tell. */
function holderOf(path: string): string | undefined {
  try {
    const { ino } = Deno.statSync(path);
    for (const line of Deno.readTextFileSync("/proc/locks").split("\n")) {
      // `1: POSIX  ADVISORY  WRITE 4711 fe:00:2146930 1073741824 1073742335`
      const match = /\bWRITE\s+(\d+)\s+\w+:\w+:(\d+)\s/.exec(line);
      if (!match || Number(match[2]) !== ino) continue;
      const pid = Number(match[1]);
      if (pid === Deno.pid) return "this agent itself";
      return `process ${pid}${nameOf(pid)}`;
    }
  } catch {
    // Not Linux, or not allowed: the message does without.
  }
  return undefined;
}

function nameOf(pid: number): string {
  try {
    return ` (${Deno.readTextFileSync(`/proc/${pid}/comm`).trim()})`;
  } catch {
    return "";
  }
}
