/**
 * The tables, and what can be asked of them.
 *
 * @module
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { storeError } from "./errors.ts";
import { openDatabase, type Schema } from "./open.ts";

/** What a user set in a network's dictionary. */
export interface StoredEntry {
  readonly key: string;
  /** The value, as CBOR. */
  readonly value: Uint8Array;
  /** When it was set: milliseconds since 1970 (UTC). */
  readonly at: number;
}

/** Sequence numbers that are reserved with one write. */
const BLOCK = 1_000;

const STATE_SCHEMA: Schema = {
  loss: "this agent starts with a new identity and without the entries that were set",
  tables: {
    network: ["name", "node_id", "epoch", "sequence"],
    entry: ["network", "key", "value", "at"],
  },
  migrations: [
    `CREATE TABLE network (
     name TEXT PRIMARY KEY,
     node_id TEXT,
     epoch INTEGER NOT NULL DEFAULT 0,
     sequence INTEGER
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE entry (
     network TEXT NOT NULL,
     key TEXT NOT NULL,
     value BLOB NOT NULL,
     at REAL NOT NULL,
     PRIMARY KEY (network, key)
   ) STRICT, WITHOUT ROWID;`,
  ],
};

/**
 * Opens the state file at `path`; see {@linkcode openDatabase}.
 * @throws {AgentError}
 */
export function openStore(path: string, report: (line: string) => void): Store {
  return new Store(path, openDatabase(path, STATE_SCHEMA, report));
}

/**
 * The open state file. `network` is the network's name in the config file. When a write returns, it
 * is on the disk.
 *
 * Every method throws an {@linkcode AgentError} (exit code 4) where the file cannot be read or written:
 * the disk is full, or was taken away.
 */
export class Store {
  /** The state file. */
  readonly path: string;
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  /** Reserved sequence numbers as written, so that most publications need not ask. */
  readonly #reserved = new Map<string, number>();

  /** Made by `openStore`: the file is locked and its tables are there. */
  constructor(path: string, db: DatabaseSync) {
    this.path = path;
    this.#db = db;
  }

  /** The node id that this agent had last; `undefined` at its first start. */
  nodeId(network: string): string | undefined {
    const row = this.#row("SELECT node_id FROM network WHERE name = ?", network);
    return row?.node_id as string | undefined ?? undefined;
  }

  setNodeId(network: string, nodeId: string): void {
    this.#run(
      `INSERT INTO network (name, node_id) VALUES (?1, ?2)
       ON CONFLICT (name) DO UPDATE SET node_id = ?2`,
      network,
      nodeId,
    );
  }

  /**
   * Counts a start: more than what it returned last, at least `atLeast`, 1 the first time. One write.
   *
   * With the time for `atLeast`, a start from an old copy of the file is still above those that were
   * counted since the copy was made; what others know of this node would refuse it otherwise.
   */
  epoch(network: string, atLeast = 1): number {
    const row = this.#row(
      `INSERT INTO network (name, epoch) VALUES (?1, max(1, ?2))
       ON CONFLICT (name) DO UPDATE SET epoch = max(epoch + 1, ?2) RETURNING epoch`,
      network,
      atLeast,
    );
    return row?.epoch as number;
  }

  /**
   * The last sequence number that may have been used: the next publication has to be newer (in the
   * wrapping order of RFC 7787 §4.4). `undefined` where none was.
   */
  sequenceFloor(network: string): number | undefined {
    const known = this.#reserved.get(network);
    if (known !== undefined) return known;
    const row = this.#row("SELECT sequence FROM network WHERE name = ?", network);
    const sequence = row?.sequence as number | null | undefined ?? undefined;
    if (sequence !== undefined) this.#reserved.set(network, sequence);
    return sequence;
  }

  /** From now on {@linkcode sequenceFloor} is `upTo` (32 bits). */
  reserveSequence(network: string, upTo: number): void {
    this.#run(
      `INSERT INTO network (name, sequence) VALUES (?1, ?2)
       ON CONFLICT (name) DO UPDATE SET sequence = ?2`,
      network,
      upTo,
    );
    this.#reserved.set(network, upTo);
  }

  /**
   * Makes sure that a restart continues above `seqno`, which is about to be used: writes only where
   * it is not covered yet, and then covers the next thousand too. True where it wrote.
   */
  coverSequence(network: string, seqno: number): boolean {
    const floor = this.sequenceFloor(network);
    // The wrapping order of 32-bit numbers (RFC 7787 §4.4). Far below the floor means a new start.
    const ahead = floor === undefined ? -1 : (floor - seqno) | 0;
    if (ahead >= 0 && ahead <= BLOCK) return false;
    this.reserveSequence(network, (seqno + BLOCK) >>> 0);
    return true;
  }

  /** All entries, sorted by key. */
  entries(network: string): StoredEntry[] {
    const sql = "SELECT key, value, at FROM entry WHERE network = ? ORDER BY key";
    return this.#attempt(() => this.#statement(sql).all(network)).map((row) => ({
      key: row.key as string,
      value: row.value as Uint8Array,
      at: row.at as number,
    }));
  }

  /** Adds or replaces entries: all of them or, where it throws, none. */
  putEntries(network: string, entries: readonly StoredEntry[]): void {
    this.#transaction(entries.length, () => {
      const put = this.#statement(
        `INSERT INTO entry (network, key, value, at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (network, key) DO UPDATE SET value = ?3, at = ?4`,
      );
      for (const { key, value, at } of entries) put.run(network, key, value, at);
    });
  }

  /** Removes entries; those that are not there do not matter. All or, where it throws, none. */
  deleteEntries(network: string, keys: readonly string[]): void {
    this.#transaction(keys.length, () => {
      const remove = this.#statement("DELETE FROM entry WHERE network = ? AND key = ?");
      for (const key of keys) remove.run(network, key);
    });
  }

  /** Rows written since the file was opened. It stands still while nothing changes. */
  get writes(): number {
    return this.#row("SELECT total_changes() AS n")?.n as number;
  }

  /** Gives the file free for another agent. */
  close(): void {
    this.#statements.clear();
    if (this.#db.isOpen) this.#db.close();
  }

  /** Asking the same again must not compile it again. */
  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #row(sql: string, ...values: (string | number)[]): Record<string, unknown> | undefined {
    return this.#attempt(() => this.#statement(sql).get(...values));
  }

  #run(sql: string, ...values: (string | number)[]): void {
    this.#attempt(() => this.#statement(sql).run(...values));
  }

  #transaction(size: number, work: () => void): void {
    if (size === 0) return;
    this.#attempt(() => {
      this.#db.exec("BEGIN IMMEDIATE");
      try {
        work();
        this.#db.exec("COMMIT");
      } catch (error) {
        // SQLite has rolled back by itself after some errors, such as a full disk.
        if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
        throw error;
      }
    });
  }

  #attempt<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw storeError(this.path, error);
    }
  }
}
