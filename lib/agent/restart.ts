/**
 * Starting anew: this process becomes what its file holds now, or ends quietly because a service
 * manager is about to start it again. In both cases the other nodes keep its place.
 *
 * @module
 */
import { execInPlace } from "../../ffi/exec.ts";
import { AgentError, ExitCode } from "../core/mod.ts";
import type { RestartHow } from "../http/mod.ts";
import { selfCommand } from "./self.ts";

/** For so long a stop that was announced counts as one for a restart, in ms. */
const STOP_SOON = 60_000;

/** What was asked of a running agent. */
export class Restart {
  /** Aborted when the agent is to stop and become its successor. */
  readonly exec = new AbortController();
  readonly #args: readonly string[];
  readonly #now: () => number;
  #stopBefore = -Infinity;

  /** `args`: what the successor is called with. `now`: monotonic ms. */
  constructor(args: readonly string[], now: () => number) {
    this.#args = args;
    this.#now = now;
  }

  /** @throws {AgentError} exit code 4 where there is nothing to become. */
  ask(how: RestartHow): void {
    if (how === "stop") {
      this.#stopBefore = this.#now() + STOP_SOON;
      return;
    }
    const { command } = selfCommand(this.#args);
    if (!isExecutable(command)) {
      throw new AgentError(
        `${command} is not there or not executable, so this agent does not stop for it`,
        ExitCode.Refused,
      );
    }
    this.exec.abort();
  }

  /** Whether the agent that ends now is started again at once. */
  get expected(): boolean {
    return this.exec.signal.aborted || this.#now() < this.#stopBefore;
  }

  /** Becomes the successor, where that was asked for; else returns. */
  become(): void {
    if (!this.exec.signal.aborted) return;
    const { command, args } = selfCommand(this.#args);
    execInPlace(command, args);
  }
}

function isExecutable(path: string): boolean {
  try {
    const { isFile, mode } = Deno.statSync(path);
    return isFile && ((mode ?? 0) & 0o111) !== 0;
  } catch {
    return false;
  }
}
