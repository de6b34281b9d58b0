/**
 * Carries out a plan, step by step. Where one fails, those before it are taken back, so that what a
 * person sees is either the service or the computer as it was. Cut off by a power failure, the same
 * command does what is left to do: each step alone is whole or not there.
 *
 * @module
 */
import { AgentError, ExitCode, messageOf } from "../../core/errors.ts";
import { formatKey, generateKey } from "../config/keys.ts";
import type { Host } from "./host.ts";
import { commandLine, type Step } from "./steps.ts";

/** Takes a step back. */
type Undo = () => void | Promise<void>;

/**
 * Does all steps; the lines that optional ones have left to tell.
 *
 * @throws {AgentError} with what failed, after all has been taken back.
 */
export async function execute(steps: readonly Step[], host: Host): Promise<string[]> {
  const undos: Undo[] = [];
  const told: string[] = [];
  try {
    for (const step of steps) {
      const undo = await carryOut(step, host, told);
      if (undo !== undefined) undos.push(undo);
    }
  } catch (error) {
    const stuck = await takeBack(undos);
    if (stuck.length === 0) throw error;
    throw new AgentError(
      `${messageOf(error)}; and not all could be taken back: ${stuck.join("; ")}`,
      error instanceof AgentError ? error.exitCode : ExitCode.Refused,
      { cause: error },
    );
  }
  return told;
}

async function takeBack(undos: readonly Undo[]): Promise<string[]> {
  const stuck: string[] = [];
  for (const undo of undos.toReversed()) {
    try {
      await undo();
    } catch (error) {
      stuck.push(messageOf(error));
    }
  }
  return stuck;
}

async function carryOut(step: Step, host: Host, told: string[]): Promise<Undo | undefined> {
  switch (step.do) {
    case "folder":
      host.makeFolder(step.path, step.mode);
      return () => host.remove(step.path);
    case "write": {
      if (step.backup !== undefined) {
        return replace(step.path, step.backup, host, write(step, host));
      }
      write(step, host)();
      const { path, before, mode } = step;
      return () => before === undefined ? host.remove(path) : host.writeText(path, before, mode);
    }
    case "key":
      host.writeText(step.path, `${formatKey(generateKey())}\n`, 0o600);
      return () => host.remove(step.path);
    case "copy": {
      const copy = () => host.copy(step.from, step.path, step.mode);
      if (step.backup !== undefined) return replace(step.path, step.backup, host, copy);
      copy();
      return () => host.remove(step.path);
    }
    case "move":
      host.rename(step.path, step.to);
      return () => host.rename(step.to, step.path);
    case "remove":
      host.remove(step.path, { recursive: step.folder });
      return undefined;
    case "run":
      return await runStep(step, host, told);
  }
}

function write({ path, text, mode }: Step & { do: "write" }, host: Host): () => void {
  return () => host.writeText(path, text, mode);
}

/** Puts what is there aside, and something else in its place. */
function replace(path: string, backup: string, host: Host, put: () => void): Undo {
  host.rename(path, backup);
  try {
    put();
  } catch (error) {
    host.rename(backup, path);
    throw error;
  }
  return () => host.rename(backup, path);
}

async function runStep(step: Step & { do: "run" }, host: Host, told: string[]) {
  const problem = await run(step.command, host);
  if (problem === undefined) {
    const { undo } = step;
    return undo && (async () => {
      const stuck = await run(undo, host);
      if (stuck !== undefined) throw new AgentError(stuck, ExitCode.Refused);
    });
  }
  if (step.otherwise === undefined) throw new AgentError(problem, ExitCode.Refused);
  told.push(step.otherwise);
  return undefined;
}

/** What went wrong, in one line. */
export async function run(words: readonly string[], host: Host): Promise<string | undefined> {
  const [command = "", ...args] = words;
  const { code, stderr } = await host.run(command, args);
  if (code === 0) return undefined;
  const said = stderr.trim().split("\n").filter((line) => line !== "").join("; ");
  return `${commandLine(words)} failed (exit code ${code})${said === "" ? "" : `: ${said}`}`;
}
