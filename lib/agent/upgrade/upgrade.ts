/**
 * Another version in place of the installed one, without the others noticing more than that it is
 * another version; and back, by itself, if the new one does not become ready (docs/upgrade.md).
 *
 * @module
 */
import { AgentError, ExitCode, messageOf } from "../../core/errors.ts";
import type { ProgramView } from "../../http/program_api.ts";
import { expectedSum, Installation, isOlder, probe, type ProbedVersion, realPath } from "./file.ts";
import { type AgentLink, type Starter, starterOf, waitReady } from "./restart.ts";

export type { AgentLink };

/** The old version ran here before: it gets so long at the least to become ready again, in ms. */
const LEAST_FOR_OLD = 30_000;

/** What was asked for. */
export interface UpgradeOptions {
  /** The new program file. */
  readonly file: string;
  /** The installed one. */
  readonly target: string;
  /** The running agent, if there is one that was started from the installed file. */
  readonly agent: AgentLink | undefined;
  readonly sha256: string | undefined;
  /** Also an older version. */
  readonly force: boolean;
  /** How long the new one may take to become ready, in ms. */
  readonly timeoutMs: number;
  /** How a running agent is started anew. Default: {@linkcode starterOf}. */
  readonly starter?: (agent: AgentLink, running: ProgramView) => Promise<Starter>;
  /** Told before each step. */
  readonly onStep?: (step: Step) => void;
}

/** Steps, in their order; the last two only where the new one fails. */
export type Step = "stage" | "probe" | "swap" | "restart" | "wait" | "swap back" | "start again";

/** What came of it. */
export interface Upgraded {
  readonly version: string;
  /** Undefined where the old file does not run. */
  readonly before: string | undefined;
  readonly sha256: string;
  /** Whether the sum was compared with one that somebody gave. */
  readonly compared: boolean;
  readonly file: string;
  /** The old file is kept there; undefined where nothing had to be done. */
  readonly previous: string | undefined;
  /** What was started anew. */
  readonly restarted: string | undefined;
}

/**
 * Upgrades.
 * @throws {AgentError} exit code 4: refused, with nothing changed; or tried, and back with the old.
 */
export async function upgrade(options: UpgradeOptions): Promise<Upgraded> {
  const { agent, timeoutMs, onStep = () => {} } = options;
  const file = realPath(options.file);
  using place = Installation.hold(options.target);
  if (file === place.path) {
    throw new AgentError(`${file} is the installed file itself; name the new one`, ExitCode.Usage);
  }
  const sum = expectedSum(file, options.sha256);
  let starter: Starter | undefined;
  try {
    onStep("stage");
    const hash = place.stage(file);
    if (sum !== undefined && sum !== hash) {
      throw new AgentError(
        `${file} has another checksum than it should (${hash.slice(0, 16)}…, not ` +
          `${sum.slice(0, 16)}…); copy it again (nothing was changed)`,
        ExitCode.Refused,
      );
    }
    onStep("probe");
    const fresh = await probe(place.staged, file, { whole: sum === undefined });
    const old = await probe(place.path).catch(() => undefined);
    checkVersions(fresh, old, options.force);
    const result = {
      version: fresh.version,
      before: old?.version,
      sha256: hash,
      compared: sum !== undefined,
      file: place.path,
    };
    const running = await agent?.program();
    starter = agent && running && await (options.starter ?? starterOf)(agent, running);
    // From here on the work is brought to its end, also where the terminal goes away.
    using _ = ignoreSignals();
    onStep("swap");
    // What never ran is nothing to go back to; then what was kept before it is.
    const unproven = old !== undefined && place.onTrial === old.version && place.hasPrevious;
    place.swap({
      version: starter && fresh.version,
      forget: unproven && running?.version !== old.version,
    });
    if (!agent || !running || !starter) {
      return { ...result, previous: place.previous, restarted: undefined };
    }
    await startNew({ place, agent, starter, boot: running.boot, fresh, old, timeoutMs, onStep });
    return { ...result, previous: place.previous, restarted: starter.name };
  } finally {
    starter?.close();
    place.discard();
  }
}

/** What a closed terminal, Ctrl-C and an ordinary end send. */
function ignoreSignals(): Disposable {
  const signals = ["SIGHUP", "SIGINT", "SIGTERM"] as const;
  const ignore = () => {};
  for (const signal of signals) Deno.addSignalListener(signal, ignore);
  return {
    [Symbol.dispose]() {
      for (const signal of signals) Deno.removeSignalListener(signal, ignore);
    },
  };
}

function checkVersions(
  fresh: ProbedVersion,
  old: ProbedVersion | undefined,
  force: boolean,
): void {
  if (!old || force || !isOlder(fresh.version, old.version)) return;
  throw new AgentError(
    `this is version ${fresh.version}, older than the installed ${old.version}; if you want it ` +
      "all the same: --force (nothing was changed)",
    ExitCode.Refused,
  );
}

interface Trial {
  readonly place: Installation;
  readonly agent: AgentLink;
  readonly starter: Starter;
  /** Of the process that runs before. */
  readonly boot: string;
  readonly fresh: ProbedVersion;
  readonly old: ProbedVersion | undefined;
  readonly timeoutMs: number;
  readonly onStep: (step: Step) => void;
}

/** Starts the new one; where it does not become ready, the old one is put back and started. */
async function startNew(trial: Trial): Promise<void> {
  const { place, agent, starter, boot, fresh, old, timeoutMs, onStep } = trial;
  let why: string;
  try {
    onStep("restart");
    await starter.restart();
    onStep("wait");
    const view = await waitReady(agent, boot, timeoutMs, () => starter.failed());
    if (view.version === fresh.version) return place.keep();
    why = `what runs is version ${view.version}`;
  } catch (error) {
    why = messageOf(error);
  }
  onStep("swap back");
  place.swapBack();
  onStep("start again");
  const was = old ? `version ${old.version}` : "the old file";
  const said = `version ${fresh.version} did not take over (${why})`;
  const stillOld = await agent.program().then((view) => view.boot === boot, () => false);
  if (!stillOld) {
    try {
      const now = await agent.program().then((view) => view.boot, () => boot);
      await starter.startAgain();
      const patience = Math.max(timeoutMs, LEAST_FOR_OLD);
      await waitReady(agent, now, patience, () => starter.failed());
    } catch (error) {
      throw new AgentError(
        `${said}; ${was} is back in ${place.path}, but does not run (${messageOf(error)}); start ` +
          "it, and see its log",
        ExitCode.Refused,
        { cause: error },
      );
    }
  }
  throw new AgentError(`${said}; ${was} runs again`, ExitCode.Refused);
}
