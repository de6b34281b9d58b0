/**
 * The end of every error: one line on stderr, and the exit code. A stack trace is for whoever asks
 * for it with `-vv`.
 *
 * @module
 */
import { AgentError, ExitCode, messageOf } from "../core/errors.ts";
import { complain } from "./output/stdio.ts";

/** EX_SOFTWARE of sysexits.h: the fault is in this program. */
const INTERNAL_FAULT = 70;

/** Says what went wrong; answers the exit code. */
export function report(error: unknown, verbose: number): number {
  const { message, code } = explain(error);
  complain(message);
  if (verbose > 0) {
    let cause = error instanceof Error ? error.cause : undefined;
    for (let depth = 0; cause !== undefined && depth < 8; depth++) {
      complain(`cause: ${messageOf(cause)}`);
      cause = cause instanceof Error ? cause.cause : undefined;
    }
  }
  if (verbose > 1 && error instanceof Error) {
    for (const line of (error.stack ?? "").split("\n").slice(1)) complain(line);
  }
  return code;
}

function explain(error: unknown): { message: string; code: number } {
  if (error instanceof AgentError) return { message: error.message, code: error.exitCode };
  if (error instanceof Deno.errors.PermissionDenied) {
    return { message: messageOf(error), code: ExitCode.Refused };
  }
  return {
    message: `fault in the agent: ${messageOf(error)} (please report it, with the output of -vv)`,
    code: INTERNAL_FAULT,
  };
}
