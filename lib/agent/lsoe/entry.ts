/**
 * What an agent publishes of its cables: one entry for each open session under
 * `agent/links/INTERFACE/PEER-MAC`, and its own LSOE id as `agent/lsoe`, by which others know it.
 *
 * @module
 */
import type { LabelRow } from "../../http/api.ts";
import type { SessionView } from "../../lsoe/mod.ts";
import { AGENT_PREFIX, type Entry, type Value } from "../../state/mod.ts";
import { labelValue } from "./config.ts";

/** The entry that holds the publisher's LSOE id. */
export const LSOE_ID_KEY = `${AGENT_PREFIX}lsoe`;
/** What the keys of cables begin with. */
export const LINKS_PREFIX = `${AGENT_PREFIX}links/`;

/** Addresses of one end that an entry tells; a router announces thousands. */
const MOST_ADDRESSES = 8;
/** Longest texts that are taken from other nodes' entries. */
const MAX_TEXT = 64;

/** A cable as the node at one end reports it. */
export interface LinkReport {
  /** Of the reporting node. */
  readonly interface: string;
  readonly mac: string;
  readonly addresses: readonly string[];
  readonly peerMac: string;
  readonly peerId: string;
  /** As the peer announced them. */
  readonly peerAddresses: readonly string[];
  /** The peer fell silent. */
  readonly stale: boolean;
  /** The reporting end has no carrier. */
  readonly noCarrier: boolean;
}

/** The key of a session's entry. What a key may not contain is replaced. */
export function linkKey({ interface: name, peerMac }: SessionView): string {
  const safe = name.toWellFormed().replace(/\p{Cc}/gu, "?");
  return `${LINKS_PREFIX}${safe}/${peerMac}`;
}

/** The value of a session's entry. `addresses`: those of our interface; `carrier`: whether it carries. */
export function linkValue(
  session: SessionView,
  addresses: readonly string[],
  carrier = true,
): Value {
  const { localMac, peerId, stale } = session;
  const peerLabels = labelRows(session);
  return {
    mac: localMac,
    addresses: cut(addresses),
    peerId,
    peerAddresses: cut(addressRows(session)),
    ...(peerLabels.length > 0 && {
      peerLabels: Object.fromEntries(
        peerLabels.slice(0, MOST_ADDRESSES).map(({ prefix, labels }) => [prefix, labels]),
      ),
    }),
    ...(stale && { stale }),
    ...(!carrier && { noCarrier: true }),
  };
}

/** The addresses that a peer has announced. */
export function addressRows({ learned }: SessionView): string[] {
  return ([4, 5] as const).flatMap((type) =>
    learned[type].map(({ address, prefixLength }) => `${address}/${prefixLength}`)
  );
}

/** The labels that a peer has announced. */
export function labelRows({ learned }: SessionView): LabelRow[] {
  return ([6, 7] as const).flatMap((type) =>
    learned[type].flatMap(({ address, prefixLength, labels = [] }) =>
      labels.length === 0
        ? []
        : [{ prefix: `${address}/${prefixLength}`, labels: labels.map(labelValue) }]
    )
  );
}

/** The most telling addresses: link-local ones last, and not too many. */
function cut(addresses: readonly string[]): string[] {
  const own = addresses.filter((address) => !isLinkLocal(address));
  return [...own, ...addresses.filter(isLinkLocal)].slice(0, MOST_ADDRESSES);
}

function isLinkLocal(address: string): boolean {
  return /^fe[89ab]/i.test(address);
}

/** What another node's entry says, or undefined where it is none of a cable. Any value is taken. */
export function readLink({ key, value }: Entry): LinkReport | undefined {
  const [, name, peerMac] = /^agent\/links\/([^/]+)\/((?:[0-9a-f]{2}:){5}[0-9a-f]{2})$/.exec(key) ??
    [];
  if (name === undefined || peerMac === undefined || name.length > MAX_TEXT) return undefined;
  if (typeof value !== "object" || Array.isArray(value)) return undefined;
  const { mac, addresses, peerId, peerAddresses, stale, noCarrier } = value;
  if (typeof mac !== "string" || !/^(?:[0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(mac)) return undefined;
  return {
    interface: name,
    mac,
    addresses: texts(addresses),
    peerMac,
    peerId: typeof peerId === "string" && peerId.length <= MAX_TEXT ? peerId : "",
    peerAddresses: texts(peerAddresses),
    stale: stale === true,
    noCarrier: noCarrier === true,
  };
}

function texts(value: unknown): string[] {
  if (!Array.isArray(value)) return [];
  return value.filter((one) => typeof one === "string" && one.length <= MAX_TEXT)
    .slice(0, MOST_ADDRESSES) as string[];
}
