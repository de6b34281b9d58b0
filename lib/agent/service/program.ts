/**
 * Which file the service runs: the one that was started, or a copy of it where the service's user
 * could not read that.
 *
 * @module
 */
import { AgentError, ExitCode } from "../../core/errors.ts";
import { selfFile } from "../self.ts";

/** How this program came here. */
export interface Program {
  /**
   * `file`: one file that can be copied. `bundle`: a folder with a launcher, beside a runtime.
   * `checkout`: the sources.
   */
  readonly kind: "file" | "bundle" | "checkout";
  /** Absolute. Of a checkout: the main module. */
  readonly path: string;
  /** The runtime, where it is no part of `path`. */
  readonly runtime: string | undefined;
}

/** This very program. */
export function thisProgram(): Program {
  const file = selfFile();
  if (file !== undefined) return { kind: "file", path: file, runtime: undefined };
  const main = decodeURIComponent(new URL(Deno.mainModule).pathname);
  return main.endsWith("/main.js")
    ? { kind: "bundle", path: main.replace(/main\.js$/, "agent"), runtime: Deno.execPath() }
    : { kind: "checkout", path: main, runtime: Deno.execPath() };
}

/** Where a copy goes. */
export const INSTALLED_PROGRAM = "/usr/local/bin/agent";

/** What the system's service runs, and what has to be copied for that. */
export interface ProgramPlan {
  readonly command: string;
  readonly copyFrom: string | undefined;
}

/** What is known of a path: whether everybody may go there and read it. */
export type OpenToAll = (path: string) => boolean;

/**
 * Decides which file the service runs.
 *
 * @throws {AgentError} exit code 4 for a bundle that the service cannot read, and for a checkout.
 */
export function planProgram(program: Program, user: boolean, open: OpenToAll): ProgramPlan {
  const { kind, path, runtime } = program;
  if (kind === "checkout") {
    throw new AgentError(
      `${path} is source code, which is no program for a service; build one first: ` +
        "./denow task build",
      ExitCode.Refused,
    );
  }
  const reachable = (file: string) => user || (!isHidden(file) && open(file));
  if (reachable(path) && (runtime === undefined || reachable(runtime))) {
    return { command: path, copyFrom: undefined };
  }
  if (kind === "file") return { command: INSTALLED_PROGRAM, copyFrom: path };
  const closed = reachable(path) ? runtime : path;
  throw new AgentError(
    `${closed} cannot be read by the service; have the built program in a place for all, such as ` +
      "/opt/agent, or use --user",
    ExitCode.Refused,
  );
}

/** What `ProtectHome=` and `PrivateTmp=` hide from the service. */
export function isHidden(path: string): boolean {
  return /^\/(?:home|root|run\/user|tmp|var\/tmp|dev\/shm)\//.test(path);
}
