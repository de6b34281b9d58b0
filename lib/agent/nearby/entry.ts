/**
 * Services in the shared state: an entry for each that a node advertises, so that those in other
 * subnets find it, too, and at once.
 *
 * @module
 */
import { parseIpPort } from "../../nearby/machines.ts";
import { AGENT_PREFIX, type Entry, type Value } from "../../state/mod.ts";

/** What the keys of services begin with. */
export const SERVICES_PREFIX = `${AGENT_PREFIX}services/`;

/** Addresses of one service that an entry tells. */
const MOST_ADDRESSES = 8;
/** No advert has room for a longer one, in UTF-16 units. */
const MAX_NAME = 256;

/** A service as an entry tells it. */
export interface SharedService {
  readonly name: string;
  /** `ip:port` each. */
  readonly addresses: readonly string[];
  /** In seconds; null: for ever. */
  readonly ttl: number | null;
}

/** The key of a service. What a key cannot contain is percent-encoded. */
export function serviceKey(name: string): string {
  return SERVICES_PREFIX + name.toWellFormed().replace(/[\p{Cc}%]/gu, encodeURIComponent);
}

/** The value of a service's entry. */
export function serviceValue({ addresses, ttl }: SharedService): Value {
  return {
    addresses: addresses.slice(0, MOST_ADDRESSES),
    // Nothing in the state is null but what is not there.
    ...(ttl !== null && { ttl }),
  };
}

/** What a node's entry says, or undefined where it is none of a service. Any value is taken. */
export function readService({ key, value }: Entry): SharedService | undefined {
  if (!key.startsWith(SERVICES_PREFIX)) return undefined;
  const name = decode(key.slice(SERVICES_PREFIX.length));
  if (name === undefined || name.length > MAX_NAME) return undefined;
  if (typeof value !== "object" || Array.isArray(value)) return undefined;
  const { addresses, ttl = null } = value;
  if (!Array.isArray(addresses)) return undefined;
  const good = addresses.filter((one): one is string =>
    typeof one === "string" && parseIpPort(one) !== undefined
  ).slice(0, MOST_ADDRESSES);
  if (good.length === 0) return undefined;
  return { name, addresses: good, ttl: typeof ttl === "number" && ttl > 0 ? ttl : null };
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
