/**
 * What happens to messages, for people: the log, the list of problems, and the figures.
 *
 * @module
 */
import { AgentError, ExitCode } from "../../core/errors.ts";
import { isPlanEnded, type LinkView, type PiotEvent } from "../../piot/mod.ts";
import type { WireError } from "../../wire/bytes.ts";
import type { Log } from "../log.ts";
import type { Problems } from "../problems.ts";
import type { PiotCounters } from "./figures.ts";
import { closeName } from "./rows.ts";

/** The problem that nothing can be stored. */
export const STORE_PROBLEM = "piot:store";

/** Tells of events, in the words of this house. */
export class PiotLog {
  readonly #log: Log;
  readonly #problems: Problems;
  readonly #counters: PiotCounters;

  constructor(log: Log, problems: Problems, counters: PiotCounters) {
    this.#log = log;
    this.#problems = problems;
    this.#counters = counters;
  }

  /** `nameOf`: of a link, or of the handle of one that may be gone. */
  event(event: PiotEvent, nameOf: (link: LinkView | number) => string): void {
    const log = this.#log;
    switch (event.kind) {
      case "problem":
        return this.#problems.note(STORE_PROBLEM, event.text);
      case "message":
        this.#counters.received++;
        return;
      case "confirmed":
        this.#counters.confirmed++;
        return this.#problems.clear(STORE_PROBLEM);
      case "refused":
      case "dropped": {
        const { kind, reason, link } = event;
        this.#counters[kind]++;
        return this.#problems.note(
          `piot:${kind}:${reason}:${link}`,
          `a message to ${nameOf(link)} was not delivered (${reason}); see: agent outbox`,
        );
      }
      case "linkRequested": {
        const { name, peer, link } = event.link;
        return log.notice(
          `messages: ${name} (${peer}) asks for a link; accept it with: agent links approve ${link}`,
        );
      }
      case "linked":
        return log.info(`messages: linked with ${nameOf(event.link)}`);
      case "linkRemoved":
        return log.info(`messages: ${nameOf(event.link)} is forgotten`);
      case "sessionUp":
        this.#counters.sessions++;
        return log.debug(`messages: session with ${nameOf(event.link)}`);
      case "sessionDown": {
        const why = closeName(event.code);
        return log.debug(`messages: session with ${nameOf(event.link)} ended: ${why}`);
      }
      case "plan": {
        const { id, status, reason } = event.plan;
        if (!isPlanEnded(status)) return;
        return log.info(`plan ${id}: ${status}${reason === undefined ? "" : ` (${reason})`}`);
      }
    }
  }
}

/** SQLite has found the file sound, and yet a record in it is not what was written. */
export function unreadable(path: string, cause: WireError): AgentError {
  return new AgentError(
    `${path} holds a record that cannot be read (${cause.message}); stop the agent and move the ` +
      "file away, which loses the messages that wait in it",
    ExitCode.Refused,
    { cause },
  );
}
