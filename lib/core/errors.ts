/**
 * Errors that reach people. One line: what, where, and what to do next.
 *
 * @module
 */

/** What the process tells its caller (`../../README.md`, exit codes). */
export const ExitCode = {
  Done: 0,
  /** Asked for something that is not there. */
  NotThere: 1,
  /** Wrong usage. */
  Usage: 2,
  /** The agent is not running, or no node could be reached in time. */
  Unreachable: 3,
  /** Refused: wrong key, no permission, no room, port taken. */
  Refused: 4,
  /** The config file is wrong (`EX_CONFIG` of sysexits.h). */
  Config: 78,
} as const;
export type ExitCode = typeof ExitCode[keyof typeof ExitCode];

/** An error whose message is fit for a person and whose code is fit for a script. */
export class AgentError extends Error {
  override readonly name = "AgentError";
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
