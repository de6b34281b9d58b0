/**
 * What asking a network from outside takes, whatever its profile.
 *
 * @module
 */
import type { Wanted } from "../config/leafy.ts";

/** `NODE:KEY`, `NODE:PREFIX*`, as `lib/state/address.ts` reads them. */
export function addressText({ node = "", key, prefix }: Wanted): string {
  return `${node}:${key ?? `${prefix ?? ""}*`}`;
}
