/**
 * What a config asks for and this version does not do yet. Said aloud, because a table that is read
 * and silently does nothing is a trap.
 *
 * @module
 */
import type { Config } from "./config.ts";

/** One line for each table that somebody switched on, and that has no effect. */
export function withoutEffect({ ring }: Config): string[] {
  const tables = { ring };
  return Object.entries(tables).filter(([, { enabled }]) => enabled)
    .map(([name]) => `[${name}] enabled = true has no effect: this version does not do it yet`);
}
