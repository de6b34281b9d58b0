/**
 * Completion scripts for shells, made from the command table.
 *
 * @module
 */
import type { Flag } from "./args.ts";
import type { Command } from "./call.ts";
import { bashScript } from "./completion_bash.ts";
import { fishScript } from "./completion_fish.ts";
import { type Model, modelOf } from "./completion_model.ts";
import { zshScript } from "./completion_zsh.ts";

/** Shells that a completion can be had for. */
export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = typeof SHELLS[number];

const writers: Readonly<Record<Shell, (model: Model) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

/** The script for a shell. */
export function completionFor(
  shell: Shell,
  commands: readonly Command[],
  globalFlags: readonly Flag[],
): string {
  return writers[shell](modelOf(commands, globalFlags));
}
