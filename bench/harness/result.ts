/**
 * What a bench measured, kept as JSON in `docs/performance/`, one file a bench. A bench that is not
 * run again keeps its result, with the date and the machine of then.
 *
 * @module
 */
import type { Machine } from "./machine.ts";
import type { Entry } from "./report.ts";

/** A bench's last run. */
export interface Result {
  readonly bench: string;
  /** `2026-11-21`. */
  readonly date: string;
  readonly machine: Machine;
  /** Load of the computer when the bench began, and when it ended: this bench's own included. */
  readonly load: readonly [begin: number, end: number];
  /** Fewer samples than in a full run. */
  readonly quick: boolean;
  readonly seconds: number;
  /** Of the sources that were measured, where git could tell; `+` behind it: changed since. */
  readonly commit?: string;
  readonly entries: readonly Entry[];
}

/** Numbers are kept with so many digits: more would be noise. */
const PRECISION = 5;

/** The text of a result's file. */
export function encodeResult(result: Result): string {
  const round = (_key: string, value: unknown) =>
    typeof value === "number" && !Number.isInteger(value)
      ? Number(value.toPrecision(PRECISION))
      : value;
  return JSON.stringify(result, round, 2) + "\n";
}

/**
 * A result from the text of its file.
 * @throws {SyntaxError} where it is no such file.
 */
export function decodeResult(text: string): Result {
  let result: Partial<Result> | null;
  try {
    result = JSON.parse(text) as Partial<Result> | null;
  } catch (cause) {
    throw new SyntaxError("not a result of a bench: not JSON", { cause });
  }
  const whole = typeof result?.bench === "string" && typeof result.date === "string" &&
    typeof result.machine === "object" && Array.isArray(result.load) &&
    typeof result.quick === "boolean" && Array.isArray(result.entries);
  if (!whole) throw new SyntaxError("not a result of a bench");
  return result as Result;
}

/** All results in a folder by their bench. */
export function readResults(folder: string): Map<string, Result> {
  const results = new Map<string, Result>();
  for (const { name, isFile } of Deno.readDirSync(folder)) {
    if (!isFile || !name.endsWith(".json")) continue;
    const result = decodeResult(Deno.readTextFileSync(`${folder}/${name}`));
    results.set(result.bench, result);
  }
  return results;
}

/** What git says of the sources in `root`; nothing where there is no git. */
export async function commitOf(root: string): Promise<string | undefined> {
  const git = async (...args: string[]) => {
    const { code, stdout } = await new Deno.Command("git", { args, cwd: root, stderr: "null" })
      .output();
    if (code !== 0) throw new Error("git");
    return new TextDecoder().decode(stdout).trim();
  };
  try {
    const changed = await git("status", "--porcelain", "-uno", "--", "lib", "ffi", "main.ts");
    return await git("rev-parse", "--short=8", "HEAD") + (changed === "" ? "" : "+");
  } catch {
    return undefined;
  }
}
