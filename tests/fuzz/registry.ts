/**
 * All targets, one file a protocol in `tests/fuzz/targets/`. A thread loads the files that it needs.
 *
 * @module
 */
import type { Target } from "./target.ts";

/** The files, by the first part of their targets' names. */
export const PROTOCOLS = [
  "wire",
  "ffi",
  "net",
  "dncp",
  "state",
  "leafy",
  "lsoe",
  "piot",
  "nearby",
  "ring",
  "agent",
  "http",
] as const;

export type Protocol = typeof PROTOCOLS[number];

/** The targets of a protocol. */
export async function targetsOf(protocol: string): Promise<readonly Target[]> {
  const { targets } = await import(`./targets/${protocol}.ts`) as { targets: readonly Target[] };
  return targets;
}

/** Those of all protocols, or of some. */
export async function allTargets(protocols: readonly string[] = PROTOCOLS): Promise<Target[]> {
  return (await Promise.all(protocols.map(targetsOf))).flat();
}
