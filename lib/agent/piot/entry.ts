/**
 * `agent/piot`: what a node says of itself in a network's state, so that messages find it.
 *
 * @module
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { type HostPort, isLinkLocal6, parseHostPort } from "../../net/address.ts";
import type { Id } from "../../piot/mod.ts";
import type { Value } from "../../state/mod.ts";
import { toHex } from "../../wire/mod.ts";

export const PIOT_KEY = "agent/piot";
/** Addresses that one node tells at the most; others are not read further. */
const MOST_ADDRESSES = 4;
const LONGEST_ADDRESS = 300;

/** What it says. */
export interface PiotEntry {
  readonly id: Id;
  /** `HOST:PORT` of its sealed port, in the order in which to try them; empty where it has none. */
  readonly at: readonly string[];
  /** Where `at` is loopback: which computer that is. */
  readonly host?: string | undefined;
  /** Ids of nodes that it has something for and cannot reach: they are to dial it. */
  readonly calls: readonly Id[];
}

const ID = /^[0-9a-f]{32}$/;

/** The port that a node listens on; `undefined` where it does not. */
export function portOf({ at }: PiotEntry): number | undefined {
  for (const text of at) {
    const port = Number(/:(\d{1,5})$/.exec(text)?.[1] ?? 0);
    if (port > 0 && port < 65_536) return port;
  }
  return undefined;
}

/** Whether only this computer is meant. */
export function isLoopbackAddress(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\./.test(host);
}

/** The same on this computer for all, and another one after each start of it; tells nothing else. */
export function hostToken(): string {
  const text = `edge agent host ${bootId()}`;
  return toHex(sha256(new TextEncoder().encode(text)).subarray(0, 4));
}

function bootId(): string {
  try {
    return Deno.readTextFileSync("/proc/sys/kernel/random/boot_id");
  } catch {
    // Not Linux, or hidden: the name will have to do.
    return Deno.hostname();
  }
}

/** As it is published. */
export function entryValue({ id, at, host, calls }: PiotEntry): Value {
  return {
    id,
    at: at.slice(0, MOST_ADDRESSES),
    ...(host !== undefined && { host }),
    ...(calls.length > 0 && { calls: [...calls] }),
  };
}

/** What another node published, or `undefined` where it makes no sense. */
export function readEntry(value: unknown): PiotEntry | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { id, at, host, calls } = value as Record<string, unknown>;
  if (typeof id !== "string" || !ID.test(id)) return undefined;
  const texts = (list: unknown) =>
    Array.isArray(list) ? list.filter((one) => typeof one === "string") : [];
  return {
    id,
    at: texts(at).filter((one) => one.length <= LONGEST_ADDRESS).slice(0, MOST_ADDRESSES),
    ...(typeof host === "string" && { host }),
    calls: texts(calls).filter((one) => ID.test(one)),
  };
}

/**
 * The addresses of an entry, without those that make no sense from here: link-local ones, and the
 * loopback of another computer, where perhaps another agent of this network answers.
 */
export function addressesOf({ at, host }: PiotEntry, ownHost: string): HostPort[] {
  return at.flatMap((text) => {
    try {
      const address = parseHostPort(text, 0);
      if (address.port === 0 || isLinkLocal6(address.host)) return [];
      return isLoopbackAddress(address.host) && host !== ownHost ? [] : [address];
    } catch {
      // Somebody else's words, and no reason to complain.
      return [];
    }
  });
}
