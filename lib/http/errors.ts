/**
 * Errors as clients see them: `{"error": one line, "code": exit code}`, where the code is what the
 * command line ends with (`lib/core/errors.ts`), and 70 stands for a fault of the agent itself.
 *
 * @module
 */
import { AgentError, ExitCode, messageOf } from "../core/errors.ts";
import { json } from "./reply.ts";

/** A request that cannot be answered, with its HTTP status. */
export class HttpError extends Error {
  override readonly name = "HttpError";
  readonly status: number;
  readonly code: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    message: string,
    code: ExitCode = ExitCode.Usage,
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

/** What `code` says where the agent itself is at fault (EX_SOFTWARE of sysexits.h). */
export const INTERNAL_FAULT = 70;

/** HTTP status of an AgentError. */
const STATUS: Readonly<Record<ExitCode, number>> = {
  [ExitCode.Done]: 500,
  [ExitCode.NotThere]: 404,
  [ExitCode.Usage]: 400,
  [ExitCode.Unreachable]: 503,
  [ExitCode.Refused]: 403,
  [ExitCode.Config]: 500,
};

/** The response to a request that threw. `onFault` is told of what is nobody's fault but ours. */
export function errorResponse(error: unknown, onFault: (error: unknown) => void): Response {
  if (error instanceof HttpError) {
    return respond(error.status, error.message, error.code, error.headers);
  }
  if (error instanceof AgentError) {
    return respond(STATUS[error.exitCode], error.message, error.exitCode, {});
  }
  onFault(error);
  return respond(500, `fault in the agent: ${messageOf(error)}`, INTERNAL_FAULT, {});
}

function respond(
  status: number,
  message: string,
  code: number,
  headers: Readonly<Record<string, string>>,
): Response {
  const error = message.replace(/\s*\n\s*/g, " ");
  return json({ error, code }, { status, headers });
}
