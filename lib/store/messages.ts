/**
 * The file of messages: a key–value table with atomic batches, for protocols that keep their own
 * records. It is a file of its own, so that damage there costs no identity and no state.
 *
 * @module
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { storeError } from "./errors.ts";
import { openDatabase, type Schema } from "./open.ts";

const SCHEMA: Schema = {
  // Every page that a message touches is written whole: small pages spare the SD card (a body of 1 KiB
  // costs a quarter of what it does with pages of 4 KiB), and large bodies take several anyway.
  pageSize: 1_024,
  loss: "messages that waited in it are lost",
  tables: { record: ["key", "value"] },
  migrations: [
    `CREATE TABLE record (
       key TEXT PRIMARY KEY,
       value BLOB NOT NULL
     ) STRICT, WITHOUT ROWID;`,
    // The tables are the same; a value may be several records, which version 1 would take for damage.
    "",
  ],
};

/** The log is folded into the file after so many pages (16 MB): each is then written once more. */
const CHECKPOINT_PAGES = 16_000;

/** The open file. When a write returns, it is on the disk. */
export class MessageStore {
  readonly path: string;
  readonly #db: DatabaseSync;
  readonly #put: StatementSync;
  readonly #remove: StatementSync;
  readonly #scan: StatementSync;

  constructor(path: string, db: DatabaseSync) {
    this.path = path;
    this.#db = db;
    db.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    this.#put = db.prepare(
      "INSERT INTO record (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2",
    );
    this.#remove = db.prepare("DELETE FROM record WHERE key = ?");
    this.#scan = db.prepare(
      "SELECT key, value FROM record WHERE key >= ?1 AND key < ?2 ORDER BY key",
    );
  }

  /**
   * All records whose key begins with `prefix`, which is not empty, in the order of their keys.
   * @throws {AgentError}
   */
  scan(prefix: string): [key: string, value: Uint8Array][] {
    // The first text behind all that begin so: keys are ASCII.
    const end = prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
    try {
      return this.#scan.all(prefix, end).map((row) => [
        row.key as string,
        row.value as Uint8Array,
      ]);
    } catch (error) {
      throw storeError(this.path, error);
    }
  }

  /**
   * All changes or, where it throws, none; `null` removes.
   * @throws {AgentError}
   */
  commit(changes: ReadonlyMap<string, Uint8Array | null>): void {
    if (changes.size === 0) return;
    try {
      this.#db.exec("BEGIN IMMEDIATE");
      try {
        for (const [key, value] of changes) {
          if (value === null) this.#remove.run(key);
          else this.#put.run(key, value);
        }
        this.#db.exec("COMMIT");
      } catch (error) {
        // SQLite has rolled back by itself after some errors, such as a full disk.
        if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
        throw error;
      }
    } catch (error) {
      throw storeError(this.path, error);
    }
  }

  /** Gives the file free for another agent. */
  close(): void {
    if (this.#db.isOpen) this.#db.close();
  }
}

/**
 * Opens the file of messages at `path`; see `openDatabase`.
 * @throws {AgentError}
 */
export function openMessages(path: string, report: (line: string) => void): MessageStore {
  return new MessageStore(path, openDatabase(path, SCHEMA, report));
}
