/**
 * Starting a running agent anew from its file, and starting the old file again if that fails: by
 * systemd where it looks after the process, else by the process itself (`ffi/exec.ts`).
 *
 * @module
 */
import { AgentError, ExitCode, messageOf } from "../../core/errors.ts";
import type { ProgramView, RestartHow } from "../../http/program_api.ts";

/** How often the new one is asked whether it is ready, in ms. */
const POLL = 50;
/** A process that was asked to end gets this long, in ms. */
const END_PATIENCE = 5_000;

/** The running agent, by its local API. */
export interface AgentLink {
  /** Throws where it does not answer. */
  program(): Promise<ProgramView>;
  restart(how: RestartHow): Promise<void>;
}

/** A way to start an agent anew. */
export interface Starter {
  /** For people. */
  readonly name: string;
  /**
   * Starts it anew, from the file that is there now. Resolves once that is under way; rejects where
   * it has failed already.
   */
  restart(): Promise<void>;
  /** Why it can never become ready any more; undefined while it may. */
  failed(): string | undefined;
  /** Starts it again, whatever became of it, from the file that is there now. */
  startAgain(): Promise<void>;
  /** Lets go of what was prepared for {@linkcode startAgain}. */
  close(): void;
}

/** The way that fits this agent. */
export async function starterOf(link: AgentLink, program: ProgramView): Promise<Starter> {
  const unit = await unitOf(program.pid);
  return unit ? new SystemdStarter(link, unit) : new ExecStarter(link, program);
}

/**
 * Waits until another process than `before` answers and is ready.
 * @throws {AgentError} exit code 4 that says why it never will.
 */
export async function waitReady(
  link: AgentLink,
  before: string,
  timeoutMs: number,
  failed: () => string | undefined,
): Promise<ProgramView> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const view = await link.program().catch(() => undefined);
    if (view && view.boot !== before && view.ready) return view;
    const why = failed();
    if (why !== undefined) throw new AgentError(why, ExitCode.Refused);
    if (performance.now() >= end) {
      throw new AgentError(
        `it did not become ready within ${Math.round(timeoutMs / 100) / 10} s`,
        ExitCode.Refused,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, POLL));
  }
}

/** A unit of systemd. */
export interface Unit {
  readonly name: string;
  readonly user: boolean;
}

/** The unit whose main process this is. A unit in whose cgroup it merely runs (cron) does not count. */
async function unitOf(pid: number): Promise<Unit | undefined> {
  let cgroup: string;
  try {
    cgroup = Deno.readTextFileSync(`/proc/${pid}/cgroup`);
  } catch {
    return undefined;
  }
  const unit = unitIn(cgroup);
  if (!unit) return undefined;
  const show = ["show", "--property=MainPID", "--value", unit.name];
  const { code, said } = await systemctl(unit, show);
  return code === 0 && said === String(pid) ? unit : undefined;
}

/** The service that a process is in, by the text of its `/proc/PID/cgroup`. */
export function unitIn(cgroup: string): Unit | undefined {
  const path = /^(?:0:|\d+:name=systemd):(.*)$/m.exec(cgroup)?.[1] ?? "";
  const name = path.split("/").findLast((part) => part.endsWith(".service"));
  if (name === undefined || /^user@\d+\.service$/.test(name)) return undefined;
  return { name, user: /\/user@\d+\.service\//.test(path) };
}

async function systemctl(
  { user }: Unit,
  args: readonly string[],
): Promise<{ code: number; said: string }> {
  try {
    const { code, stdout, stderr } = await new Deno.Command("systemctl", {
      args: [...(user ? ["--user"] : []), ...args],
      stdin: "null",
    }).output();
    const text = new TextDecoder().decode(code === 0 ? stdout : stderr).trim();
    return { code, said: text.split("\n")[0] ?? "" };
  } catch (error) {
    return { code: 127, said: messageOf(error) };
  }
}

/** A service of systemd. */
export class SystemdStarter implements Starter {
  readonly name: string;
  readonly #link: AgentLink;
  readonly #unit: Unit;
  #failure: string | undefined;

  constructor(link: AgentLink, unit: Unit) {
    this.name = unit.name;
    this.#link = link;
    this.#unit = unit;
  }

  async restart(): Promise<void> {
    await this.#link.restart("stop");
    void this.#systemctl();
  }

  failed(): string | undefined {
    return this.#failure;
  }

  async startAgain(): Promise<void> {
    this.#failure = undefined;
    await systemctl(this.#unit, ["reset-failed", this.name]);
    void this.#systemctl();
  }

  close(): void {}

  async #systemctl(): Promise<void> {
    const { code, said } = await systemctl(this.#unit, ["restart", this.name]);
    if (code !== 0) this.#failure = `systemctl says: ${said}`;
  }
}

/** A process that nobody looks after: it becomes the new program itself. */
class ExecStarter implements Starter {
  readonly name: string;
  readonly #link: AgentLink;
  readonly #pid: number;
  readonly #standBy: Deno.ChildProcess;
  #again: Deno.CommandStatus | undefined;
  #started = false;

  constructor(link: AgentLink, { pid, file, args }: ProgramView) {
    this.name = `process ${pid}`;
    this.#link = link;
    this.#pid = pid;
    this.#standBy = standBy(pid, [file as string, ...args]);
  }

  async restart(): Promise<void> {
    await this.#link.restart("exec");
  }

  failed(): string | undefined {
    if (this.#started) {
      return this.#again && `it ended with ${this.#again.signal ?? this.#again.code}`;
    }
    return isAlive(this.#pid) ? undefined : "it ended instead of running";
  }

  async startAgain(): Promise<void> {
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      if (!isAlive(this.#pid)) break;
      try {
        Deno.kill(this.#pid, signal);
      } catch {
        // It has ended this moment.
      }
      const end = performance.now() + END_PATIENCE;
      while (isAlive(this.#pid) && performance.now() < end) {
        await new Promise((resolve) => setTimeout(resolve, POLL));
      }
    }
    this.#started = true;
    void this.#standBy.status.then((status) => this.#again = status);
    const writer = this.#standBy.stdin.getWriter();
    await writer.write(new TextEncoder().encode("go\n"));
    await writer.close();
    this.#standBy.unref();
  }

  close(): void {
    if (this.#started) return;
    this.#standBy.stdin.close().catch(() => {});
  }
}

/**
 * A shell that waits, with all that the process has: environment, folder, user, where its words go.
 * One line on its stdin, and it becomes the program; the end of that, and it ends.
 */
function standBy(pid: number, command: readonly string[]): Deno.ChildProcess {
  let env: Record<string, string>;
  let cwd: string;
  try {
    env = Object.fromEntries(
      Deno.readTextFileSync(`/proc/${pid}/environ`).split("\0").filter((one) => one.includes("="))
        .map((one) => [one.slice(0, one.indexOf("=")), one.slice(one.indexOf("=") + 1)]),
    );
    cwd = Deno.readLinkSync(`/proc/${pid}/cwd`);
  } catch (cause) {
    throw new AgentError(
      `the running agent (process ${pid}) belongs to another user; use sudo, or run this as that ` +
        "user (nothing was changed)",
      ExitCode.Refused,
      { cause },
    );
  }
  const { uid, gid } = Deno.statSync(`/proc/${pid}`);
  const others = uid !== null && gid !== null && uid !== Deno.uid() ? { uid, gid } : {};
  // What its words go to is opened now: once the process has ended, its descriptors are gone. The user
  // may lack the right to open what was opened for the process; a failed `exec` would end the shell.
  const script = `for to in 3:${outputOf(pid, 1)} 4:${outputOf(pid, 2)}; do
  file=\${to#*:}
  (: >>"$file") 2>/dev/null || file=/dev/null
  case $to in 3:*) exec 3>>"$file" ;; *) exec 4>>"$file" ;; esac
done
read -r go && exec "$@" </dev/null >&3 2>&4 3>&- 4>&-`;
  return new Deno.Command("/bin/sh", {
    args: ["-c", script, "agent", ...command],
    clearEnv: true,
    env,
    cwd,
    ...others,
    stdin: "piped",
    stdout: "null",
    stderr: "null",
    detached: true,
  }).spawn();
}

/** Where a process writes to. A socket (the journal) cannot be opened a second time. */
function outputOf(pid: number, descriptor: 1 | 2): string {
  try {
    const path = `/proc/${pid}/fd/${descriptor}`;
    return /^(?:socket:|anon_inode:)/.test(Deno.readLinkSync(path)) ? "/dev/null" : path;
  } catch {
    return "/dev/null";
  }
}

/** Whether a process runs; one that has ended and waits to be collected does not. */
function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/s.test(Deno.readTextFileSync(`/proc/${pid}/stat`));
  } catch {
    return false;
  }
}
