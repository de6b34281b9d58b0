/**
 * What is asked of a dictionary, brought into the form in which it is carried out.
 *
 * @module
 */
import { AgentError, ExitCode } from "../core/mod.ts";
import { StateRefusal } from "./budget.ts";
import { AGENT_PREFIX, checkKey, entryEqual, quote } from "./entry.ts";
import type { Changes, Holder } from "./holders.ts";
import type { PersistentChange, Write, Writes } from "./own_api.ts";

/**
 * A time to live in ms, as it is.
 * @throws {AgentError} exit 2 where it is none.
 */
export function checkTtl(ttlMs: number): number {
  if (ttlMs > 0 && Number.isFinite(ttlMs)) return ttlMs;
  throw new AgentError(
    `a TTL of ${ttlMs} ms cannot be; give a positive duration such as 60s`,
    ExitCode.Usage,
  );
}

/** Each key once, as it was written last. */
export function lastOfEach(writes: Writes): Iterable<Write> {
  return new Map(Array.from(writes, (write) => [write[0], write])).values();
}

/**
 * A key that anybody but the agent may write.
 * @throws {AgentError} exit 2 where it is no key, 4 where it is the agent's.
 */
export function checkNotAgents(key: string): void {
  if (!checkKey(key).startsWith(AGENT_PREFIX)) return;
  throw new StateRefusal(
    `${quote(key)} is the agent's own; only it writes keys that begin with ${AGENT_PREFIX}`,
    "not-allowed",
  );
}

/** A key that only the agent writes. Throws `RangeError` for another one, a fault of this program. */
export function checkAgents(key: string): void {
  if (checkKey(key).startsWith(AGENT_PREFIX)) return;
  throw new RangeError(`${quote(key)} does not begin with ${AGENT_PREFIX}`);
}

/** Entries that come in place of all that a holder holds. */
export function replacing(holder: Holder, entries: Changes): Changes {
  const gone = [...holder.entries.keys()].filter((key) => !entries.has(key));
  return new Map([...entries, ...gone.map((key) => [key, undefined] as const)]);
}

/** Those that make a difference to what a holder holds. */
export function differing(holder: Holder, changes: Changes): PersistentChange[] {
  return [...changes].flatMap(([key, entry]) =>
    entryEqual(holder.entries.get(key), entry) ? [] : [{ key, entry }]
  );
}
