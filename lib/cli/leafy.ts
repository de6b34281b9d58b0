/**
 * What both leafy commands need, whomever they ask.
 *
 * @module
 */
import type { Call } from "./call.ts";
import { durationOf } from "./durations.ts";

/** How long a leafy command tries where `--timeout` says nothing, in ms. */
const TIMEOUT = 3_000;

/** `--timeout`, in ms. */
export function timeoutOf(call: Call): number {
  return durationOf(call, "timeout") ?? TIMEOUT;
}
