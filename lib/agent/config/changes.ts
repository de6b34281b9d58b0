/**
 * What a reload cannot take over: the keys that are marked so in the schema, networks that come or
 * go, and those that become something else.
 *
 * @module
 */
import type { Config, NetworkConfig } from "./config.ts";
import { effective, type EffectiveTable } from "./render.ts";
import type { Section } from "./row.ts";
import { agentRows, httpRows, networkRows } from "./schema.ts";

/** Whether a network that runs can take over another config of the same name. */
export function canReload(running: NetworkConfig, fresh: NetworkConfig): boolean {
  return running.profile === fresh.profile;
}

/** Names of what differs from the config that an agent was started with, as they stand in the file. */
export function needsRestart(started: Config, fresh: Config): string[] {
  const [before, after] = [effective(started), effective(fresh)];
  return [
    ...differing(agentRows, before.agent, after.agent).map((key) => `${key} in [agent]`),
    ...networkChanges(before.network, after.network),
    ...differing(httpRows, before.http, after.http).map((key) => `${key} in [http]`),
  ];
}

function networkChanges(
  before: readonly EffectiveTable[],
  after: readonly EffectiveTable[],
): string[] {
  const names = new Set([...before, ...after].map(({ name }) => name as string));
  return [...names].flatMap((name) => {
    const [old, fresh] = [before, after].map((list) => list.find((table) => table.name === name));
    if (!old) return `network "${name}" (new)`;
    if (!fresh) return `network "${name}" (gone)`;
    return differing(networkRows, old, fresh).map((key) => `${key} in network "${name}"`);
  });
}

function differing(rows: Section["rows"], before: EffectiveTable, after: EffectiveTable): string[] {
  const profile = before["profile"];
  return Object.entries(rows).flatMap(([key, { atStart }]) => {
    const fixed = atStart === true || (atStart !== undefined && atStart === profile);
    return fixed && JSON.stringify(before[key]) !== JSON.stringify(after[key]) ? key : [];
  });
}

/** The line that says so; `undefined` where there is nothing to say. */
export function restartLine(changed: Iterable<string>): string | undefined {
  const names = [...changed];
  if (names.length === 0) return undefined;
  const all = names.length === 1
    ? names[0]
    : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
  return `${all} changed: restart the agent to use ${names.length === 1 ? "it" : "them"}`;
}
