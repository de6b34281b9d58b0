/**
 * What became of messages that were not delivered. A sender is told of every one (spec/piot.md §7), also
 * where the power went between the loss and the telling: so it is written down with the loss, until
 * somebody has read it.
 *
 * @module
 */
import type { PiotStore } from "./api.ts";
import type { Id } from "./fields.ts";
import { keys, noticeRecord, ordinalOf } from "./records.ts";
import type { Turn } from "./turn.ts";

/** So many are kept; the oldest go. */
const MOST = 1_000;

/** A message that was not delivered. */
export interface Notice {
  /** For dismissing it. */
  readonly at: number;
  readonly id: Id;
  /** To whom it should have gone. */
  readonly name: string;
  /** A drop reason, or `refused: …` in the peer's words. */
  readonly reason: string;
  /** ms since 1970. */
  readonly when: number;
}

/** All of a node. Changes go into the turn. */
export class Notices {
  readonly #turn: Turn;
  readonly #all = new Map<number, Notice>();
  #next = 1;

  constructor(turn: Turn) {
    this.#turn = turn;
  }

  /** @throws {WireError} where the store is damaged. */
  load(store: PiotStore): void {
    this.#all.clear();
    for (const [key, value] of store.scan(keys.notices)) {
      const at = ordinalOf(key);
      this.#all.set(at, { at, ...noticeRecord.decode(value) });
      this.#next = at + 1;
    }
  }

  /** Oldest first. */
  all(): Notice[] {
    return [...this.#all.values()];
  }

  add(notice: Omit<Notice, "at">): void {
    const at = this.#next++;
    this.#all.set(at, { at, ...notice });
    this.#turn.put(keys.notice(at), noticeRecord.encode(notice));
    if (this.#all.size <= MOST) return;
    const [oldest] = this.#all.keys();
    if (oldest !== undefined) this.dismiss(oldest);
  }

  /** It was read. Whether it was there. */
  dismiss(at: number): boolean {
    if (!this.#all.delete(at)) return false;
    this.#turn.remove(keys.notice(at));
    return true;
  }
}
