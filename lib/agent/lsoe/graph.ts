/**
 * Which cable leads where, in the whole network: what the nodes report of their ends, joined to
 * cables. The two reports of one cable name each other's MAC addresses.
 *
 * @module
 */
import type { LinkEnd, LinkRow } from "../../http/api.ts";
import type { NodeEntries } from "../../state/mod.ts";
import { type LinkReport, LSOE_ID_KEY, readLink } from "./entry.ts";

/** A report, and who made it. */
interface Reported extends LinkReport {
  readonly node: string;
  /** The LSOE id of the node; empty where it does not tell. */
  readonly id: string;
}

/** All cables that the entries tell of, each once, ordered by node and interface. */
export function cablesOf(nodes: readonly NodeEntries[]): LinkRow[] {
  const names = new Map<string, string>();
  const waiting = new Map<string, Reported[]>();
  const all: Reported[] = [];
  for (const { node, entries } of nodes) {
    const told = entries.find(({ key }) => key === LSOE_ID_KEY)?.value;
    const id = typeof told === "string" ? told : "";
    if (id !== "") names.set(id, node);
    for (const entry of entries) {
      const report = readLink(entry);
      if (report !== undefined) all.push({ ...report, node, id });
    }
  }
  all.sort(byPlace);
  for (const report of all) {
    const pair = `${report.mac} ${report.peerMac}`;
    const list = waiting.get(pair);
    if (list === undefined) waiting.set(pair, [report]);
    else list.push(report);
  }
  const rows: LinkRow[] = [];
  const taken = new Set<Reported>();
  for (const report of all) {
    if (taken.has(report)) continue;
    taken.add(report);
    const others = waiting.get(`${report.peerMac} ${report.mac}`) ?? [];
    const other = best(report, others.filter((one) => !taken.has(one)));
    if (other !== undefined) taken.add(other);
    rows.push(row(report, other, names));
  }
  return rows;
}

/**
 * The other end among those whose MAC addresses fit. There are several where VLANs share a cable, or
 * where MAC addresses are not unique: then what each end has heard of the other's addresses decides.
 */
function best(report: Reported, others: readonly Reported[]): Reported | undefined {
  let found: Reported | undefined;
  let most = -1;
  for (const other of others) {
    if (other.node === report.node && other.interface === report.interface) continue;
    if (!isOrUnknown(report.peerId, other.id) || !isOrUnknown(other.peerId, report.id)) continue;
    const points = shared(report.peerAddresses, other.addresses) +
      shared(other.peerAddresses, report.addresses) +
      (other.interface === report.interface ? 0.5 : 0);
    if (points <= most) continue;
    found = other;
    most = points;
  }
  return found;
}

function isOrUnknown(told: string, real: string): boolean {
  return told === "" || real === "" || told === real;
}

function shared(some: readonly string[], others: readonly string[]): number {
  return some.filter((one) => others.includes(one)).length;
}

function row(report: Reported, other: Reported | undefined, names: Map<string, string>): LinkRow {
  const b = other === undefined
    ? {
      node: names.get(report.peerId) ?? null,
      interface: null,
      mac: report.peerMac,
      addresses: [...report.peerAddresses],
      id: report.peerId,
    }
    : endOf(other, report.peerId);
  const open = other !== undefined && !report.stale && !other.stale;
  const carrier = !report.noCarrier && other?.noCarrier !== true;
  return { a: endOf(report, other?.peerId ?? ""), b, state: open ? "open" : "half", carrier };
}

function endOf(report: Reported, id: string): LinkEnd {
  return {
    node: report.node,
    interface: report.interface,
    mac: report.mac,
    addresses: [...report.addresses],
    id: report.id || id,
  };
}

function byPlace(a: Reported, b: Reported): number {
  if (a.node !== b.node) return a.node < b.node ? -1 : 1;
  if (a.interface !== b.interface) {
    return a.interface.localeCompare(b.interface, "en", { numeric: true });
  }
  return a.peerMac < b.peerMac ? -1 : 1;
}
