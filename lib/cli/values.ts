/**
 * Values of messages, calls and news as people type them.
 *
 * @module
 */
import { messageOf } from "../core/errors.ts";
import type { JsonValue } from "../http/api.ts";
import { usage } from "./args.ts";

/** JSON where it is JSON, else text. */
export function jsonOrText(text: string): JsonValue {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/**
 * What `--json-body` says that a text is.
 * @throws {AgentError} exit code 2
 */
export function jsonBody(text: string): JsonValue {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw usage(`the message is not JSON (${messageOf(error)}); text needs quotes: '"on"'`);
  }
}
