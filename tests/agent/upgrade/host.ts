/**
 * Runs one upgrade, and dies by SIGKILL right before a step if asked to. For `upgrade_test.ts`.
 *
 * @module
 */
import { upgrade } from "../../../lib/agent/upgrade/upgrade.ts";
import { type AgentLink, SystemdStarter } from "../../../lib/agent/upgrade/restart.ts";
import { AgentError, messageOf } from "../../../lib/core/mod.ts";

/** What it is told, as JSON. */
export interface HostOrder {
  readonly file: string;
  readonly target: string;
  readonly killBefore?: string;
  /** Sends itself SIGHUP, SIGINT and SIGTERM then. */
  readonly hangUpBefore?: string;
  /** Plays a running agent: this file holds its boot, and is changed by whoever starts it anew. */
  readonly bootFile?: string;
  /** The agent is a unit of systemd. */
  readonly unit?: string;
  readonly timeoutMs?: number;
}

const order = JSON.parse(Deno.args[0] as string) as HostOrder;
const { bootFile, unit } = order;

/** `VERSION BOOT`, as the stand-in of systemctl writes it. */
const agent: AgentLink | undefined = bootFile === undefined ? undefined : {
  program() {
    const [version = "", boot = ""] = Deno.readTextFileSync(bootFile).trim().split(" ");
    return Promise.resolve({ version, boot, pid: Deno.pid, args: [], ready: true });
  },
  restart(how) {
    Deno.writeTextFileSync(`${bootFile}.asked`, how);
    return Promise.resolve();
  },
};

try {
  const result = await upgrade({
    file: order.file,
    target: order.target,
    agent,
    ...(unit !== undefined && {
      starter: (link) => Promise.resolve(new SystemdStarter(link, { name: unit, user: false })),
    }),
    sha256: undefined,
    force: false,
    timeoutMs: order.timeoutMs ?? 20_000,
    onStep(step) {
      if (step === order.killBefore) Deno.kill(Deno.pid, "SIGKILL");
      if (step !== order.hangUpBefore) return;
      for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"] as const) Deno.kill(Deno.pid, signal);
    },
  });
  console.log(JSON.stringify(result));
} catch (error) {
  console.error(messageOf(error));
  Deno.exit(error instanceof AgentError ? error.exitCode : 70);
}
