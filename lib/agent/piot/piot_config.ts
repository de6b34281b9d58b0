/**
 * `[piot]` of the config as the PIoT machine takes it.
 *
 * @module
 */
import { equalBytes } from "../../wire/bytes.ts";
import { DEFAULTS, type PiotConfig } from "../../piot/mod.ts";
import type { Config } from "../config/config.ts";
import { readKeyFile } from "../config/keys.ts";

export type PiotTable = Config["piot"];
export type RouteTable = Config["routes"][number];
export type ActionTable = Config["actions"][number];

/** Everything of the config that is about messages. */
export interface PiotTables {
  readonly piot: PiotTable;
  readonly routes: readonly RouteTable[];
  readonly actions: readonly ActionTable[];
}

/** The machine's config. What only a new start can change is taken from `kept`. */
export function machineConfig(
  table: PiotTable,
  { key }: { readonly key?: Uint8Array | undefined },
): PiotConfig {
  return {
    ...DEFAULTS,
    inherit: table.inherit_state,
    policy: table.policy,
    ...(key !== undefined && { key }),
    maxFrame: table.max_frame,
    idle: table.idle,
    confirmTimeout: table.confirm_timeout,
    rest: table.rest,
    holdTtl: table.hold_ttl,
    holdEntries: table.hold_entries,
    holdBytes: table.hold_bytes,
    holdTotalBytes: table.hold_total_bytes,
    overflow: table.overflow,
    inboxEntries: table.inbox_entries,
    inboxBytes: table.inbox_bytes,
    maxLinks: table.max_links,
  };
}

/** The key of plain links. @throws {AgentError} as `readKeyFile`. */
export function readKey(path: string | undefined): Uint8Array | undefined {
  return path === undefined ? undefined : readKeyFile({ path, from: "config" });
}

/** Whether a file holds this key now. Where it cannot be read, it does not; the next start says why. */
export function holdsKey(path: string | undefined, key: Uint8Array | undefined): boolean {
  try {
    const now = readKey(path);
    return now === key || (now !== undefined && key !== undefined && equalBytes(now, key));
  } catch {
    return false;
  }
}

/** Whether a change of the config needs new sockets. */
export function whatNeedsRestart(before: PiotTables, after: PiotTables): boolean {
  const sockets = ({ piot: { enabled, listen, connect, key_file } }: PiotTables) =>
    JSON.stringify([enabled, listen, connect, key_file]);
  return sockets(before) !== sockets(after);
}
