/**
 * `agent run`: the agent in the foreground, with what systemd and a terminal expect of it.
 *
 * @module
 */
import { releaseFreeMemory } from "../../ffi/memory.ts";
import { monotonicMicros } from "../../ffi/monotonic.ts";
import { ExitCode, messageOf, monotonicClock } from "../core/mod.ts";
import { Agent } from "./agent.ts";
import type { RunOptions } from "./config/config.ts";
import { Log, stderrSink } from "./log.ts";
import { MemoryKeeper } from "./memory.ts";
import { Restart } from "./restart.ts";
import { Systemd } from "./systemd.ts";
import { VERSION } from "./version.ts";

/**
 * Run until `stop` is aborted; the exit code.
 * @throws {AgentError} where the agent cannot start.
 */
export async function runAgent(options: RunOptions): Promise<number> {
  const { config, stop } = options;
  const log = new Log({
    level: config.agent.logLevel,
    journal: Deno.env.has("JOURNAL_STREAM"),
    wall: () => monotonicClock.wall(),
    sink: stderrSink,
  });
  const args = options.args ?? Deno.args;
  const restart = new Restart(args, () => monotonicClock.now());
  const agent = await Agent.start({
    config,
    log,
    tell: (line) => log.notice(line),
    restart: (how) => restart.ask(how),
    args,
  });
  options.onReady?.();
  const systemd = Systemd.connect(
    Deno.env,
    monotonicClock.now(),
    (error) => agent.problems.note("systemd", `systemd cannot be told: ${messageOf(error)}`),
  );
  agent.scheduler.add(systemd);
  agent.scheduler.add(new MemoryKeeper(monotonicClock.now(), releaseFreeMemory));
  const status = `${config.agent.name} runs`;
  options.onReload((load) => {
    systemd.reloading(monotonicMicros());
    try {
      const late = agent.reload(load());
      systemd.ready(late === undefined ? status : `${status}; ${late}`);
    } catch (error) {
      log.error(`the config was not reloaded: ${messageOf(error)}`);
      // Ready again all the same: it goes on with what it had.
      systemd.ready(`${status}; the config was not reloaded: ${messageOf(error)}`);
    }
  });
  const networks = agent.networks.map(({ config, listen, keys }) =>
    `network "${config.name}" (key ${keys[0]?.id ?? "none"}, ${
      listen ? `listening on ${listen}` : "not listening"
    })`
  );
  log.notice(`agent ${VERSION} "${config.agent.name}" runs: ${networks.join(", ")}`);
  if (agent.networks.every(({ interfaces }) => interfaces.length === 0)) {
    const waits = agent.networks.some(({ config }) => config.interfaces.length > 0);
    if (waits) {
      log.warning(
        "no network interface is up yet; the agent waits for one (see: agent interfaces)",
      );
    }
  }
  systemd.ready(status);
  await aborted(AbortSignal.any([stop, restart.exec.signal]));
  const isExec = restart.exec.signal.aborted;
  // Whoever becomes another program does not stop, as far as systemd is concerned.
  const told = isExec ? undefined : systemd.stopping();
  await Promise.all([told, agent.stop({ restart: restart.expected })]);
  log.notice(isExec ? "starts anew" : "stopped");
  restart.become();
  return ExitCode.Done;
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true })
  );
}
