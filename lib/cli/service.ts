/**
 * How the report of an installed or removed service is shown.
 *
 * @module
 */
import type { Report } from "../agent/service/install.ts";
import type { Call } from "./call.ts";
import { complain } from "./output/stdio.ts";

/** Shows it; answers the exit code. */
export function show(
  { out }: Call,
  { code, changed, problem, lines, steps, start, notes }: Report,
): number {
  const data = {
    changed,
    steps,
    start: start ?? null,
    notes,
    ...(code !== 0 && { problem: lines }),
  };
  out.print(data, () => ({ lines: lines.map((line) => [line]) }));
  if (problem !== undefined) complain(problem);
  return code;
}
