/**
 * Which addresses go to the peers on an interface (spec/lsoe.md §6).
 *
 * @module
 */
import { formatIp4, formatIp6, parsePrefix } from "../wire/ip.ts";
import type { LabelBinding, LsoeConfig, LsoeInterface } from "./api.ts";
import {
  type Encapsulation,
  type EncapsulationType,
  FLAG_LOOPBACK,
  FLAG_PRIMARY,
  MAX_LABELS,
  PduType,
} from "./pdu.ts";

/** What of the configuration decides it. */
export type AnnounceConfig = Pick<
  LsoeConfig,
  "announceScope" | "compatLsoed" | "exportLoopbacks" | "primaryAddresses"
>;

/** An address that may be announced. */
interface Candidate {
  /** In inet_ntop form. */
  readonly address: string;
  readonly prefixLength: number;
  /** Address and prefix length: what is announced once only. */
  readonly key: string;
  readonly ipv4: boolean;
  readonly linkLocal: boolean;
  /** On a loopback interface. */
  readonly loopback: boolean;
  /** On the interface that the peers are on. */
  readonly own: boolean;
}

/**
 * The four lists for sessions on the interface `interfaceIndex`, in the order of the interfaces'
 * indexes and of the addresses there. All empty where there is no such interface.
 */
export function announcements(
  interfaces: Iterable<LsoeInterface>,
  config: AnnounceConfig,
  labels: readonly LabelBinding[],
  interfaceIndex: number,
): Record<EncapsulationType, Encapsulation[]> {
  const lists: Record<EncapsulationType, Encapsulation[]> = { 4: [], 5: [], 6: [], 7: [] };
  const candidates = candidatesOf(interfaces, config, interfaceIndex);
  const configured = new Set(config.primaryAddresses.map(normalAddress));
  const bindings = config.compatLsoed ? new Map<string, readonly number[]>() : labelMap(labels);
  for (const ipv4 of [true, false]) {
    const family = candidates.filter((each) => each.ipv4 === ipv4);
    lists[ipv4 ? PduType.Ipv4 : PduType.Ipv6] = entries(family, configured);
    const labelled = family.filter(({ key }) => bindings.has(key));
    lists[ipv4 ? PduType.MplsIpv4 : PduType.MplsIpv6] = entries(labelled, configured)
      .map((each) => ({ ...each, labels: bindings.get(keyOf(each)) ?? [] }));
  }
  return lists;
}

/** Whether both lists announce the same. The order does not count: a list has none. */
export function sameList(a: readonly Encapsulation[], b: readonly Encapsulation[]): boolean {
  if (a.length !== b.length) return false;
  const keysA = a.map(wholeKey);
  const keysB = b.map(wholeKey);
  if (keysA.every((key, i) => key === keysB[i])) return true;
  keysA.sort();
  keysB.sort();
  return keysA.every((key, i) => key === keysB[i]);
}

function entries(
  candidates: readonly Candidate[],
  configured: ReadonlySet<string>,
): Encapsulation[] {
  const primary = primaryOf(candidates, configured);
  return candidates.map((each) => ({
    flags: (each === primary ? FLAG_PRIMARY : 0) | (each.loopback ? FLAG_LOOPBACK : 0),
    address: each.address,
    prefixLength: each.prefixLength,
  }));
}

/**
 * The configured one; else the only one of the interface, where link-local ones count only if there
 * is no other.
 */
function primaryOf(
  candidates: readonly Candidate[],
  configured: ReadonlySet<string>,
): Candidate | undefined {
  const own = candidates.filter((each) => each.own);
  const named = own.find((each) => configured.has(each.address)) ??
    candidates.find((each) => each.loopback && configured.has(each.address));
  if (named) return named;
  const plain = own.filter((each) => !each.loopback);
  const wide = plain.filter((each) => !each.linkLocal);
  const counted = wide.length > 0 ? wide : plain;
  return counted.length === 1 ? counted[0] : undefined;
}

function candidatesOf(
  interfaces: Iterable<LsoeInterface>,
  config: AnnounceConfig,
  interfaceIndex: number,
): Candidate[] {
  const all = [...interfaces].sort((a, b) => a.index - b.index);
  if (!all.some(({ index }) => index === interfaceIndex)) return [];
  const found = new Map<string, Candidate>();
  for (const each of all) {
    const own = each.index === interfaceIndex;
    const wanted = own || config.announceScope === "all" ||
      (each.loopback && config.exportLoopbacks(each.name));
    if (!each.up || !wanted) continue;
    for (const text of each.addresses) {
      const candidate = candidateOf(text, each.loopback, own);
      // fe80::1 may be on several interfaces; the one the peers are on says how it is flagged.
      if (candidate && (own || !found.has(candidate.key))) found.set(candidate.key, candidate);
    }
  }
  return [...found.values()];
}

function candidateOf(text: string, loopback: boolean, own: boolean): Candidate | undefined {
  const prefix = parsePrefix(text);
  if (!prefix) return undefined;
  const { octets, length: prefixLength } = prefix;
  const [first = 0, second = 0] = octets;
  const ipv4 = octets.length === 4;
  const address = textOf(octets);
  return {
    address,
    prefixLength,
    key: keyOf({ address, prefixLength }),
    ipv4,
    linkLocal: ipv4 ? first === 169 && second === 254 : first === 0xfe && (second & 0xc0) === 0x80,
    loopback,
    own,
  };
}

/**
 * By address and prefix length. A binding without labels is none: there is nothing to withdraw. Nor is
 * one with more labels than an entry can count.
 */
function labelMap(bindings: readonly LabelBinding[]): Map<string, readonly number[]> {
  const map = new Map<string, readonly number[]>();
  for (const { prefix, labels } of bindings) {
    const parsed = parsePrefix(prefix);
    if (!parsed || labels.length === 0 || labels.length > MAX_LABELS) continue;
    map.set(keyOf({ address: textOf(parsed.octets), prefixLength: parsed.length }), labels);
  }
  return map;
}

/** A configured address, with or without a prefix length, as candidates have it. */
function normalAddress(text: string): string {
  const prefix = parsePrefix(text.includes("/") ? text : `${text}/0`);
  return prefix ? textOf(prefix.octets) : text;
}

function textOf(octets: Uint8Array): string {
  return octets.length === 4 ? formatIp4(octets) : formatIp6(octets);
}

function keyOf({ address, prefixLength }: Pick<Encapsulation, "address" | "prefixLength">): string {
  return `${address}/${prefixLength}`;
}

function wholeKey(each: Encapsulation): string {
  return `${keyOf(each)} ${each.flags} ${each.labels?.join() ?? ""}`;
}
