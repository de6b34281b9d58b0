/**
 * Reading what another node wants aggregated (spec/piot.md §11, `piot.aggregate`).
 *
 * @module
 */
import { AgentError, ExitCode, parseDuration } from "../../core/mod.ts";
import type { Json } from "../../wire/cbor.ts";
import type { AggregateMode, AggregateRequest } from "./aggregate.ts";
import { isReducerName, REDUCERS } from "./reduce.ts";

const MOST_TARGETS = 1_024;
const MOST_CONCURRENT = 256;

/**
 * `{targets, name, args?, mode?, timeout?, reduce?, concurrency?, hold?}`; durations as texts or
 * seconds, `mode` a name or `{"quorum": n}`.
 *
 * @throws {AgentError} one line with what is wrong.
 */
export function parseAggregate(value: Json): AggregateRequest {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw wrong("arguments", "an object with targets and name");
  }
  const { targets, name, args = null, mode, timeout, reduce, concurrency, hold } = value;
  const isText = (item: unknown): item is string => typeof item === "string" && item !== "";
  if (!Array.isArray(targets) || targets.length > MOST_TARGETS || !targets.every(isText)) {
    throw wrong("targets", `a list of at most ${MOST_TARGETS} node ids, names or tag=value`);
  }
  if (!isText(name)) throw wrong("name", "the name of an action");
  if (reduce !== undefined && !isReducerName(reduce)) {
    throw wrong("reduce", `one of ${Object.keys(REDUCERS).join(", ")}`);
  }
  if (hold !== undefined && typeof hold !== "boolean") throw wrong("hold", "true or false");
  if (concurrency !== undefined && !isCount(concurrency, MOST_CONCURRENT)) {
    throw wrong("concurrency", `1 to ${MOST_CONCURRENT}`);
  }
  return {
    targets,
    name,
    args,
    ...(mode !== undefined && { mode: modeOf(mode) }),
    ...(timeout !== undefined && { timeout: durationOf(timeout) }),
    ...(reduce !== undefined && { reduce }),
    ...(hold !== undefined && { hold }),
    ...(concurrency !== undefined && { concurrency }),
  };
}

function modeOf(mode: Json): AggregateMode {
  if (mode === "all" || mode === "any" || mode === "settled") return mode;
  if (typeof mode === "object" && mode !== null && !Array.isArray(mode)) {
    const { quorum } = mode;
    if (quorum !== undefined && isCount(quorum, MOST_TARGETS)) return { quorum };
  }
  throw wrong("mode", 'all, any, settled, or {"quorum": n}');
}

function durationOf(timeout: Json): number {
  if (typeof timeout === "string" || typeof timeout === "number") {
    const ms = parseDuration(String(timeout));
    if (ms > 0) return ms;
  }
  throw wrong("timeout", 'a duration like "5s", or seconds');
}

function isCount(value: Json, most: number): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= most;
}

function wrong(field: string, what: string): AgentError {
  return new AgentError(`aggregate: ${field} is to be ${what}`, ExitCode.Usage);
}
