/**
 * Durations that flags give.
 *
 * @module
 */
import { parseDuration } from "../core/duration.ts";
import { usage } from "./args.ts";
import { type Call, flagText } from "./call.ts";

/**
 * The duration of a flag, in ms; undefined where it has none.
 * @throws {AgentError} exit code 2 where it is no duration, or none above 0.
 */
export function durationOf(call: Call, flag: string): number | undefined {
  const text = flagText(call, flag);
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (ms <= 0) throw usage(`--${flag} must be longer than nothing`);
  return ms;
}

/** {@linkcode durationOf} as it was typed, for the agent to read. */
export function durationTextOf(call: Call, flag: string): string | undefined {
  return durationOf(call, flag) === undefined ? undefined : flagText(call, flag);
}
