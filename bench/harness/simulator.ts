/**
 * Runs a simulated world in a process of its own.
 *
 * @module
 */
import type { WorldRequest, WorldResult } from "../sim_world.ts";
import { CannotMeasure, type Context, messageOf, ROOT } from "./context.ts";
import { availableMemory } from "./machine.ts";

/** @throws {CannotMeasure} where the world ends with an error. */
export function world(context: Context, request: WorldRequest): Promise<WorldResult> {
  const what = `${request.topology} of ${request.nodes}`;
  return inProcess<WorldResult>(context, "sim_world.ts", request, what);
}

/**
 * Runs a program of `bench/` with a request as its argument, and reads its answer, both JSON. It may
 * use what memory is free.
 * @throws {CannotMeasure} where it ends with an error.
 */
export async function inProcess<Answer>(
  context: Context,
  program: string,
  request: unknown,
  what: string,
): Promise<Answer> {
  const child = context.spawn(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "-A", "--no-check", "--config", `${ROOT}deno.json`],
      `--v8-flags=--expose-gc,--max-old-space-size=${Math.round(availableMemory() * 900)}`,
      `${ROOT}bench/${program}`,
      JSON.stringify(request),
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
  const { code, stdout, stderr } = await child.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  if (code !== 0) {
    throw new CannotMeasure(`${what} ended with ${code}: ${text(stderr).split("\n", 1)[0]}`);
  }
  try {
    return JSON.parse(text(stdout)) as Answer;
  } catch (error) {
    throw new CannotMeasure(`${what} says nothing that can be read: ${messageOf(error)}`);
  }
}
