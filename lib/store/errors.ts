/**
 * What goes wrong with a database file, in words for people.
 *
 * @module
 */
import { AgentError, ExitCode, messageOf } from "../core/errors.ts";

/** What an error of SQLite means to the person in front of it. The runtime gives its text only. */
export function storeError(path: string, error: unknown): AgentError {
  const message = messageOf(error);
  const say = (what: string) => new AgentError(what, ExitCode.Refused, { cause: error });
  if (message.includes("disk is full")) {
    return say(`${path}: the disk is full; free some space, nothing was changed`);
  }
  if (message.includes("readonly database")) {
    return say(`${path} cannot be written; check who owns it and how its disk is mounted`);
  }
  if (message.includes("unable to open database file")) {
    return say(`${path} cannot be opened; check that its folder exists and who may write there`);
  }
  if (isDamage(message)) {
    return say(`${path} is damaged (${message}); start the agent again and it begins a new one`);
  }
  return say(`${path}: ${message}; check the disk and the folder`);
}

/** Whether an error of SQLite says that the file holds no sound database. */
export function isDamage(message: string): boolean {
  return /not a database|malformed|unsupported file format/.test(message);
}
