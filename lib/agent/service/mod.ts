/**
 * The agent as a service of systemd: which files, user and commands that takes (`plan.ts`,
 * `remove.ts`, from the facts that `facts.ts` gathers), the text of the unit (`unit.ts`), and
 * what carries a plan out and takes it back where a step fails (`execute.ts`). What plans is plain
 * computation; only `host.ts` touches the computer.
 *
 * @module
 */
export { type InstallOptions, installService, type Report } from "./install.ts";
export { type RemoveOptions, removeService } from "./remove.ts";
export { Host } from "./host.ts";
