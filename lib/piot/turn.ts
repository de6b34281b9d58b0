/**
 * One turn of the machine: what it wrote down, and what it says once that is on the disk.
 *
 * Nothing leaves the machine before the state that it speaks of is stored (§13), and all of a turn is
 * stored at once, so a burst of messages costs one transaction.
 *
 * @module
 */
import { ByteWriter } from "../wire/bytes.ts";
import type { ConnectionId, PiotStore } from "./api.ts";

/** Collects changes and outputs. */
export class Turn {
  readonly #store: PiotStore;
  #changes = new Map<string, Uint8Array | null>();
  /** Records that change many times in a turn, and are written as they are at its end. */
  #last = new Map<string, () => Uint8Array>();
  /** Changes that can wait: they only tidy up. What is to be removed has no value. */
  readonly #lazy = new Map<string, (() => Uint8Array) | undefined>();
  #outputs: (() => void)[] = [];
  /** What is said on each connection: one piece, in the place of its first word. */
  #said = new Map<ConnectionId, ByteWriter>();
  #failures: ((error: unknown) => void)[] = [];

  constructor(store: PiotStore) {
    this.#store = store;
  }

  /** Whether there is something to write or to say. */
  get isEmpty(): boolean {
    return this.#changes.size === 0 && this.#last.size === 0 && this.#outputs.length === 0;
  }

  /** Whether there is something to write. */
  get hasChanges(): boolean {
    return this.#changes.size > 0 || this.#last.size > 0;
  }

  /** Whether something waits to be tidied up. */
  get hasLazy(): boolean {
    return this.#lazy.size > 0;
  }

  put(key: string, value: Uint8Array): void {
    if (this.#lazy.size > 0) this.#lazy.delete(key);
    this.#changes.set(key, value);
  }

  /** Like {@linkcode put}, of the value that `value` has when the turn is stored. */
  putLast(key: string, value: () => Uint8Array): void {
    if (this.#lazy.size > 0) this.#lazy.delete(key);
    this.#last.set(key, value);
  }

  /** Like {@linkcode putLast}, but with the next write, or with {@linkcode tidy}. */
  putLater(key: string, value: () => Uint8Array): void {
    if (!this.#last.has(key)) this.#lazy.set(key, value);
  }

  remove(key: string): void {
    this.#lazy.delete(key);
    this.#last.delete(key);
    this.#changes.set(key, null);
  }

  /** Remove with the next write, or with {@linkcode tidy}. */
  removeLater(key: string): void {
    this.#lazy.set(key, undefined);
  }

  /** `output` is called once the changes before it are stored, in order; else `failed`. */
  then(output: () => void, failed?: (error: unknown) => void): void {
    this.#outputs.push(output);
    if (failed) this.#failures.push(failed);
  }

  /** Where to append what is handed to `deliver` once the changes are stored. */
  say(connection: ConnectionId, deliver: (bytes: Uint8Array) => void): ByteWriter {
    const begun = this.#said.get(connection);
    if (begun) return begun;
    const writer = new ByteWriter(256);
    this.#said.set(connection, writer);
    this.then(() => deliver(writer.finish()));
    return writer;
  }

  /** What can wait becomes changes. */
  tidy(): void {
    for (const [key, value] of this.#lazy) {
      this.#last.delete(key);
      this.#changes.set(key, value?.() ?? null);
    }
    this.#lazy.clear();
  }

  /**
   * Stores and says everything. Outputs may begin the next turn.
   * @throws what the store throws; then nothing was said, and the turn is empty.
   */
  commit(): void {
    const outputs = this.#outputs;
    const failures = this.#failures;
    const changes = this.#changes;
    for (const [key, value] of this.#last) changes.set(key, value());
    this.#last.clear();
    if (changes.size > 0) this.tidy();
    this.#outputs = [];
    // Outputs may begin the next turn, which says nothing with the words of this one.
    this.#said = new Map();
    this.#failures = [];
    this.#changes = new Map();
    if (changes.size > 0) {
      try {
        this.#store.commit(changes);
      } catch (error) {
        for (const failed of failures) failed(error);
        throw error;
      }
    }
    for (const output of outputs) output();
  }
}
