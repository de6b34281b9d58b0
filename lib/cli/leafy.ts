/**
 * What both leafy commands share and every one of them needs.
 *
 * @module
 */
import { parseDuration } from "../core/duration.ts";
import { usage } from "./args.ts";
import { type Call, flagText } from "./call.ts";

/** How long a leafy command tries where `--timeout` says nothing, in ms. */
const TIMEOUT = 3_000;

/** `--timeout`, in ms. */
export function timeoutOf(call: Call): number {
  const typed = flagText(call, "timeout");
  if (typed === undefined) return TIMEOUT;
  const ms = parseDuration(typed);
  if (ms <= 0) throw usage("--timeout must be longer than nothing");
  return ms;
}
