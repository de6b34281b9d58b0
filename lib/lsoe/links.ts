/**
 * Links in the sense of RFC 7752 (spec/lsoe.md §8.2): what both ends of a session have announced,
 * seen as pairs of addresses that share a subnet.
 *
 * @module
 */
import { toHex } from "../wire/bytes.ts";
import { parseIp } from "../wire/ip.ts";
import type { LinkView, LsoeEvent } from "./api.ts";
import { type Encapsulation, type EncapsulationType, FLAG_LOOPBACK } from "./pdu.ts";

/** What one end announces, by type. */
export type Lists = Readonly<Record<EncapsulationType, readonly Encapsulation[]>>;

/** Whose link it is. Ids as text: ten hex pairs joined by `:`. */
export interface LinkEnds {
  /** The session's id. */
  readonly session: number;
  readonly localId: string;
  readonly remoteId: string;
}

/** A pair of addresses, one at each end. */
type Pair = LinkView["ipv4"][number];

/**
 * Of each family. What a link needs is one pair; a peer that announces ten thousand addresses does
 * not make them a product with ours.
 */
const MAX_PAIRS = 256;

/**
 * The link, or `undefined` where the two ends have no subnet in common. Loopback addresses make no
 * link: they say something about a node.
 */
export function linkOf(ends: LinkEnds, announced: Lists, learned: Lists): LinkView | undefined {
  const ipv4 = pairsOf([[announced[4], learned[4]], [announced[6], learned[6]]]);
  const ipv6 = pairsOf([[announced[5], learned[5]], [announced[7], learned[7]]]);
  if (ipv4.length === 0 && ipv6.length === 0) return undefined;
  const remote = new Set([...ipv4, ...ipv6].map((pair) => pair.remote));
  const labels = [...learned[6], ...learned[7]].flatMap((each) =>
    remote.has(each.address) ? each.labels ?? [] : []
  );
  return { ...ends, ipv4, ipv6, labels };
}

/** What happened to a link between two looks at it; `undefined` where nothing did. */
export function linkChange(
  before: LinkView | undefined,
  after: LinkView | undefined,
): Extract<LsoeEvent, { link: LinkView }> | undefined {
  if (!after) return before && { kind: "linkDown", link: before };
  if (!before) return { kind: "linkUp", link: after };
  return sameLink(before, after) ? undefined : { kind: "linkChange", link: after };
}

function sameLink(a: LinkView, b: LinkView): boolean {
  return a.session === b.session && a.localId === b.localId && a.remoteId === b.remoteId &&
    same(a.ipv4.map(pairKey), b.ipv4.map(pairKey)) &&
    same(a.ipv6.map(pairKey), b.ipv6.map(pairKey)) &&
    // A label stack in another order leads elsewhere.
    a.labels.length === b.labels.length && a.labels.every((label, i) => label === b.labels[i]);
}

/** Whether both hold the same, in whatever order: a list announced anew may be in another one. */
function same(a: string[], b: string[]): boolean {
  if (a.length !== b.length) return false;
  a.sort();
  b.sort();
  return a.every((each, i) => each === b[i]);
}

function pairKey({ local, remote }: Pair): string {
  return `${local} ${remote}`;
}

/** Pairs of one family, each once. A list of ours meets only the peer's of the same type. */
function pairsOf(
  types: readonly (readonly [readonly Encapsulation[], readonly Encapsulation[]])[],
): Pair[] {
  const pairs = new Map<string, Pair>();
  for (const [ours, theirs] of types) {
    const subnets = new Map<string, string[]>();
    for (const each of ours) {
      const subnet = subnetOf(each);
      if (subnet === undefined) continue;
      const members = subnets.get(subnet);
      if (members) members.push(each.address);
      else subnets.set(subnet, [each.address]);
    }
    if (subnets.size === 0) continue;
    for (const each of theirs) {
      const subnet = subnetOf(each);
      const locals = subnet === undefined ? undefined : subnets.get(subnet);
      for (const local of locals ?? []) {
        if (pairs.size >= MAX_PAIRS) return [...pairs.values()];
        if (local === each.address) continue;
        const pair = { local, remote: each.address };
        pairs.set(pairKey(pair), pair);
      }
    }
  }
  return [...pairs.values()];
}

/** A name for the subnet of an address; none for loopbacks. */
function subnetOf({ flags, address, prefixLength }: Encapsulation): string | undefined {
  if ((flags & FLAG_LOOPBACK) !== 0) return undefined;
  const octets = parseIp(address);
  if (!octets) return undefined;
  for (let i = 0; i < octets.length; i++) {
    const kept = Math.min(Math.max(prefixLength - 8 * i, 0), 8);
    octets[i] = (octets[i] as number) & (0xff00 >> kept);
  }
  return `${toHex(octets)}/${prefixLength}`;
}
