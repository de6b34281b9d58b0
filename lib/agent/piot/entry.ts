/**
 * `agent/piot`: what a node says of itself in a network's state, so that messages find it.
 *
 * @module
 */
import { type HostPort, isLinkLocal6, parseHostPort } from "../../net/address.ts";
import type { Id } from "../../piot/mod.ts";
import type { Value } from "../../state/mod.ts";

export const PIOT_KEY = "agent/piot";
/** Addresses that one node tells at the most; others are not read further. */
const MOST_ADDRESSES = 4;
const LONGEST_ADDRESS = 300;

/** What it says. */
export interface PiotEntry {
  readonly id: Id;
  /** `HOST:PORT` of its sealed port, in the order in which to try them; empty where it has none. */
  readonly at: readonly string[];
  /** Ids of nodes that it has something for and cannot reach: they are to dial it. */
  readonly calls: readonly Id[];
}

const ID = /^[0-9a-f]{32}$/;

/** As it is published. */
export function entryValue({ id, at, calls }: PiotEntry): Value {
  return {
    id,
    at: at.slice(0, MOST_ADDRESSES),
    ...(calls.length > 0 && { calls: [...calls] }),
  };
}

/** What another node published, or `undefined` where it makes no sense. */
export function readEntry(value: unknown): PiotEntry | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { id, at, calls } = value as Record<string, unknown>;
  if (typeof id !== "string" || !ID.test(id)) return undefined;
  const texts = (list: unknown) =>
    Array.isArray(list) ? list.filter((one) => typeof one === "string") : [];
  return {
    id,
    at: texts(at).filter((one) => one.length <= LONGEST_ADDRESS).slice(0, MOST_ADDRESSES),
    calls: texts(calls).filter((one) => ID.test(one)),
  };
}

/** The addresses of an entry, without those that make no sense from afar. */
export function addressesOf({ at }: PiotEntry): HostPort[] {
  return at.flatMap((text) => {
    try {
      const address = parseHostPort(text, 0);
      return address.port > 0 && !isLinkLocal6(address.host) ? [address] : [];
    } catch {
      // Somebody else's words, and no reason to complain.
      return [];
    }
  });
}
