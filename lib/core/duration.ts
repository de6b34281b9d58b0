/**
 * Durations as people write them: `250ms`, `5s`, `10m`, `2h`, `1d`, or bare seconds.
 *
 * @module
 */
import { AgentError, ExitCode } from "./errors.ts";

const UNITS: Record<string, number> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/**
 * Milliseconds of a duration text.
 *
 * ```ts
 * import { parseDuration } from "./duration.ts";
 * if (parseDuration("250ms") !== 250 || parseDuration("1.5h") !== 5_400_000) throw new Error();
 * if (parseDuration("90") !== 90_000) throw new Error();
 * ```
 *
 * @throws {AgentError} with exit code 2 where the text is no duration.
 */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?$/.exec(text.trim());
  const unit = UNITS[match?.[2] ?? "s"];
  const ms = Math.round(Number(match?.[1]) * (unit ?? NaN));
  if (!Number.isSafeInteger(ms)) {
    throw new AgentError(
      `"${text}" is not a duration; write for example 250ms, 5s, 10m, 2h, or bare seconds`,
      ExitCode.Usage,
    );
  }
  return ms;
}

/** The shortest common writing of a duration in milliseconds: `250ms`, `5s`, `2h`, `1d`. */
export function formatDuration(ms: number): string {
  for (const [name, size] of Object.entries(UNITS).reverse()) {
    if (ms >= size && ms % size === 0) return `${ms / size}${name}`;
  }
  return `${ms}ms`;
}
