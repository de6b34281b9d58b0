/**
 * A computer with avahi: a namespace of mounts and of processes with a message bus and an
 * avahi-daemon in it, on the network of a computer of the lab. Nothing of it is seen, or stays,
 * outside.
 *
 * @module
 */
import type { Bridge } from "./bridge_lab.ts";
import { CannotMeasure, type Context } from "./harness/context.ts";
import { sleep } from "./harness/sleep.ts";
import { findProgram } from "./harness/program.ts";

/** In ms. */
const PATIENCE = 20_000;

/** What it takes, each with its Debian package. */
const PROGRAMS = {
  "avahi-daemon": "avahi-daemon",
  "avahi-browse": "avahi-utils",
  "avahi-publish": "avahi-utils",
  "avahi-resolve": "avahi-utils",
  "dbus-daemon": "dbus",
  unshare: "util-linux",
  nsenter: "util-linux",
} as const;

/** Whether all programs are here; a note names what is missing. */
export function hasAvahi(context: Context): boolean {
  const missing = Object.entries(PROGRAMS)
    .filter(([name, from]) => findProgram(context, name, from) === undefined);
  return missing.length === 0;
}

/** The first process of the namespace: it ends, and with it all others. */
const SCRIPT = `
set -e
mount -t tmpfs none /run
mkdir -p /run/dbus /run/avahi-daemon
hostname "$1"
dbus-daemon --system --nofork --nopidfile &
while [ ! -S /run/dbus/system_bus_socket ]; do sleep 0.02; done
avahi-daemon --no-chroot --no-rlimits &
wait
`;

/** One computer with avahi on it. */
export class AvahiHost {
  readonly #context: Context;
  readonly #inside: number;

  private constructor(context: Context, inside: number) {
    this.#context = context;
    this.#inside = inside;
  }

  /** On a computer of the bridge. @throws {CannotMeasure} where the daemon does not answer. */
  static async start(
    context: Context,
    bridge: Bridge,
    i: number,
    hostname: string,
  ): Promise<AvahiHost> {
    const { pid } = bridge.spawn(i, "unshare", [
      // When it is killed, so is the first process inside; and the kernel ends what that started.
      ...["--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"],
      ...["sh", "-c", SCRIPT, "sh", hostname],
    ], { stdin: "null", stdout: "null", stderr: "null" });
    for (const giveUp = performance.now() + PATIENCE;;) {
      const inside = childOf(pid);
      if (inside !== undefined) {
        const host = new AvahiHost(context, inside);
        const [program, ...args] = host.command("avahi-browse", "-tp", "_none._tcp");
        const { success } = await new Deno.Command(program, {
          args,
          stdin: "null",
          stdout: "null",
          stderr: "null",
        }).output();
        if (success) return host;
      }
      if (performance.now() > giveUp) {
        throw new CannotMeasure("avahi-daemon does not answer in its namespace");
      }
      await sleep(100);
    }
  }

  /** A command that runs here: its program and its words. */
  command(...words: string[]): [string, ...string[]] {
    return ["nsenter", "--mount", "--target", `${this.#inside}`, "--", ...words];
  }

  /** A process here that lives until it ends, or the bench. */
  spawn(words: readonly string[], stdout: "null" | "piped"): Deno.ChildProcess {
    const [program, ...args] = this.command(...words);
    return this.#context.spawn(program, { args, stdin: "null", stdout, stderr: "null" });
  }
}

/** The only child of a process; `undefined` where it has none yet. */
function childOf(pid: number): number | undefined {
  const text = Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`).trim();
  return text === "" ? undefined : Number(text.split(" ")[0]);
}
