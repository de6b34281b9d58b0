/**
 * `agent ring serve`: a server of the ring, or of v0.1, without a node around it.
 *
 * @module
 */
import { AgentError, ExitCode, messageOf, monotonicClock, Scheduler } from "../../core/mod.ts";
import { serveRingStatus } from "../../http/ring_server.ts";
import type { Config } from "../config/config.ts";
import { ownIndex, type RingTable } from "../config/ring.ts";
import { Log, stderrSink } from "../log.ts";
import { Problems } from "../problems.ts";
import { FixedPlaces } from "./places.ts";
import { RingServer } from "./server.ts";

/** What to serve. */
export interface ServeRingOptions {
  readonly config: Config;
  /** That of the config, with what the command line says instead. */
  readonly table: RingTable;
  readonly version: "0.1" | "0.2.2";
  /** Own name among the members. */
  readonly name: string;
  /** Aborted by SIGINT and SIGTERM. */
  readonly stop: AbortSignal;
  /** Calls back after each SIGHUP. */
  readonly onHangUp: (listener: () => void) => void;
}

/**
 * Serve until it is stopped, or a client that may sends SHUTDOWN; the exit code.
 * @throws {AgentError} 4 where it cannot listen, 78 where the members are wrong.
 */
export async function serveRing(options: ServeRingOptions): Promise<number> {
  const { config, table, version, name, stop } = options;
  const clock = monotonicClock;
  const log = new Log({
    level: config.agent.logLevel,
    journal: Deno.env.has("JOURNAL_STREAM"),
    wall: () => clock.wall(),
    sink: stderrSink,
  });
  const problems = new Problems(log, () => clock.now());
  const onFault = (error: unknown) =>
    problems.note("fault", `a fault of this program: ${messageOf(error)}; please report it`);
  const scheduler = new Scheduler(clock, onFault);
  if (version !== "0.1") checkHosts(table, ownIndex(table, name));
  const ended = new AbortController();
  const places = new FixedPlaces(table.members);
  if (table.check_peers) await places.lookUp();
  const server = RingServer.start({
    table,
    name,
    version,
    logDir: table.log_dir ?? `${config.agent.stateDir}/ring`,
    whereabouts: places,
    clock,
    scheduler,
    randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
    onFault,
    problem: (key, message) =>
      message === undefined ? problems.clear(key) : problems.note(key, message, { lasts: true }),
    onShutdown: () => ended.abort(),
  });
  options.onHangUp(() => server.reopenLogs());
  const status = await serveRingStatus(() => server.view(), config.agent.sockets, onFault)
    .catch((error) => {
      log.info(`agent ring status will not tell of this server: ${messageOf(error)}`);
      return undefined;
    });
  const { listen, index, name: own, logDir } = server.view();
  const what = version === "0.1" ? "logger (v0.1)" : `ring server ${index} "${own}"`;
  log.notice(`${what} listens on ${listen.join(" and ")}; its logs are in ${logDir}`);
  const both = AbortSignal.any([stop, ended.signal]);
  if (!both.aborted) {
    await new Promise<void>((resolve) =>
      both.addEventListener("abort", () => resolve(), { once: true })
    );
  }
  await server.stop();
  await status?.close();
  scheduler.stop();
  log.notice(stop.aborted ? "stopped" : "stopped, as a client asked");
  return ExitCode.Done;
}

/** Outside of a node nobody knows where nodes are. */
function checkHosts({ members }: RingTable, own: number): void {
  const unknown = members.find(({ host }, index) => host === undefined && index !== own);
  if (unknown === undefined) return;
  throw new AgentError(
    `member "${unknown.name}" has no host; write {name = "${unknown.name}", host = "ADDRESS"} below` +
      " [ring], or let agent run serve the ring: that one finds nodes by their names",
    ExitCode.Config,
  );
}
