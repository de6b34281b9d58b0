/**
 * `agent service install`: looks around, plans, and then shows the plan or carries it out.
 *
 * @module
 */
import { AgentError, ExitCode } from "../../core/errors.ts";
import { variable } from "../config/paths.ts";
import { unifiedDiff } from "./diff.ts";
import { execute, run } from "./execute.ts";
import { type Facts, gatherFacts, openToAll } from "./facts.ts";
import type { Host } from "./host.ts";
import { planInstall, type Surroundings, type Wishes } from "./plan.ts";
import { INSTALLED_PROGRAM, planProgram, type Program } from "./program.ts";
import { commandLine, type Plan, type Step, stepInWords } from "./steps.ts";
import { UNIT_NAME } from "./unit.ts";

export interface InstallOptions extends Wishes {
  readonly user: boolean;
  /** Show all of it and change nothing. */
  readonly print: boolean;
  /** Another config than the usual one. */
  readonly config: string | undefined;
  readonly program: Program;
  readonly cwd: string;
}

/** What was done, or would be. */
export interface Report {
  readonly code: ExitCode;
  readonly changed: boolean;
  /** Why the code is not 0, in one line. */
  readonly problem?: string;
  /** For people. */
  readonly lines: readonly string[];
  readonly steps: readonly Step[];
  readonly start: readonly string[] | undefined;
  readonly notes: readonly string[];
}

/** Lines of the journal that explain a start that failed. */
const JOURNAL_LINES = 12;

/**
 * Makes the agent a service. A service that is installed and does not get ready is a report with exit
 * code 3, and stays installed.
 *
 * @throws {AgentError} where something is in the way; nothing has changed then.
 */
export async function installService(host: Host, options: InstallOptions): Promise<Report> {
  if (!options.print) checkPossible(host, options.user);
  const facts = await gatherFacts(host, options);
  const around = surroundings(host, options);
  const plan = await planInstall(facts, options, around);
  if (options.print) return printed(plan, facts, host);
  if (plan.refusal !== undefined) {
    const [first = "", ...diff] = plan.refusal.split("\n");
    return { ...report(plan, ExitCode.Refused, false, diff), problem: first };
  }
  if (plan.steps.length === 0 && plan.start === undefined) {
    return report(plan, ExitCode.Done, false, [
      `the agent is a service already and runs (${facts.places.unit}); nothing to change`,
    ]);
  }
  const told = await execute(plan.steps, host);
  const done = plan.steps.map((step) => `done: ${stepInWords(step)}`);
  const problem = plan.start && await run(plan.start, host);
  if (problem !== undefined) {
    const lines = [...done, ...await journal(host, options.user)];
    return {
      ...report(plan, ExitCode.Unreachable, true, lines),
      problem: `the service is installed and did not get ready (${problem}); put right what its ` +
        `log says, and then: ${commandLine(plan.start ?? [])}`,
    };
  }
  return report(plan, ExitCode.Done, true, [
    ...done,
    `the agent runs as a service; its log: journalctl ${options.user ? "--user " : ""}-u agent`,
    ...told,
    ...plan.notes,
  ]);
}

function report(
  { steps, start, notes }: Plan,
  code: ExitCode,
  changed: boolean,
  lines: readonly string[],
): Report {
  return { code, changed, lines, steps, start, notes };
}

/** Whether this computer, and this person, can have a service at all. */
export function checkPossible(host: Host, user: boolean): void {
  if (!host.hasSystemd) {
    throw new AgentError(
      "there is no systemd on this computer; let something else start the agent, such as cron: " +
        "@reboot agent run",
      ExitCode.Refused,
    );
  }
  if (!user && host.uid !== 0) {
    throw new AgentError(
      "a service of the system needs root: use sudo, or --user for a service of your own",
      ExitCode.Refused,
    );
  }
  if (user && host.uid === 0 && variable(host.env, "SUDO_USER") !== undefined) {
    throw new AgentError(
      "--user is for your own service; run it without sudo",
      ExitCode.Refused,
    );
  }
}

function surroundings(host: Host, options: InstallOptions): Surroundings {
  const { program } = options;
  // What can be shown of a checkout is what its build would get.
  const planned = options.print && program.kind === "checkout"
    ? { command: INSTALLED_PROGRAM, copyFrom: undefined }
    : planProgram(program, options.user, openToAll(host));
  const there = host.stat(planned.command) !== undefined;
  return {
    program: { ...planned, isBundle: program.kind === "bundle" },
    installed: planned.copyFrom === undefined || !there
      ? "none"
      : host.sameContent(planned.copyFrom, planned.command)
      ? "same"
      : "other",
    has: (command) => host.has(command),
    isFree: (path) => host.stat(path) === undefined,
  };
}

/** All files, commands and what would change. */
function printed(plan: Plan, facts: Facts, host: Host): Report {
  const lines = plan.steps.flatMap((step) => [
    `# ${stepInWords(step)}`,
    ...(step.do === "write" ? contentOf(step) : []),
  ]);
  if (plan.start !== undefined) {
    lines.push(`# run ${commandLine(plan.start)}, and wait until it is ready`);
  }
  if (lines.length === 0) lines.push("# nothing to change");
  if (!host.hasSystemd) {
    lines.push("# there is no systemd on this computer: none of it would be done");
  }
  if (facts.edited && plan.refusal === undefined) {
    lines.push("# --force: the edited unit is replaced");
  }
  lines.push(...plan.notes.map((note) => `# ${note}`));
  if (plan.refusal === undefined) return report(plan, ExitCode.Done, false, lines);
  const problem = plan.refusal.split("\n")[0] as string;
  return { ...report(plan, ExitCode.Refused, false, lines), problem };
}

function contentOf(step: Step & { do: "write" }): string[] {
  const text = step.before === undefined
    ? step.text.trimEnd()
    : unifiedDiff(step.before, step.text, [step.path, "as it would be"]);
  return [...text.split("\n"), ""];
}

async function journal(host: Host, user: boolean): Promise<string[]> {
  const args = [...(user ? ["--user"] : []), "--unit", UNIT_NAME, "--lines", `${JOURNAL_LINES}`]
    .concat("--no-pager", "--output", "cat");
  const { stdout } = await host.run("journalctl", args);
  return stdout.split("\n").filter((line) => line !== "").map((line) => `  ${line}`);
}
