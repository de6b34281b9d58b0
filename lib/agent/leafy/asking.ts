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

/** Waits, or until somebody wants to stop. */
export function sleep(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      stop.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    stop.addEventListener("abort", done);
  });
}
