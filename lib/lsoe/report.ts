/**
 * The northbound report in the form that lsoed sends (spec/lsoe.md §8.1).
 *
 * @module
 */
import type { Report } from "./api.ts";
import {
  type Encapsulation,
  type EncapsulationType,
  FLAG_LOOPBACK,
  FLAG_PRIMARY,
  PDU_NAMES,
  PduType,
} from "./pdu.ts";

/** Whom a report is about. Ids and MAC address as text. */
export interface ReportSubject {
  /** Counts up; never used again. */
  readonly session: number;
  readonly localId: string;
  readonly peerId: string;
  readonly peerMac: string;
  /** Name of the local interface. */
  readonly interface: string;
  readonly peerAttributes: readonly number[];
}

/** An LSOE id as text: hex pairs joined by `:`. */
export function idText(id: Uint8Array): string {
  return Array.from(id, (octet) => octet.toString(16).padStart(2, "0")).join(":");
}

/** The report of a list that replaced another; of an empty one for each type when a session closes. */
export function reportOf(
  subject: ReportSubject,
  type: EncapsulationType,
  encapsulations: readonly Encapsulation[],
): Report {
  const { session, localId, peerId, peerMac, peerAttributes } = subject;
  const name = PDU_NAMES[type];
  return {
    my_switch_id: localId,
    peer_switch_id: peerId,
    session_pyid: session,
    ifname: subject.interface,
    peer_macaddr: peerMac,
    peer_attributes: peerAttributes,
    pdu_type: type,
    pdu_name: name,
    encaps: encapsulations.map((each) => reportEncapsulation(type, each)),
    unique: [localId, subject.interface, peerMac, peerId, name],
  };
}

function reportEncapsulation(
  type: EncapsulationType,
  { flags, address, prefixLength, labels = [] }: Encapsulation,
): Report["encaps"][number] {
  return {
    primary: (flags & FLAG_PRIMARY) !== 0,
    loopback: (flags & FLAG_LOOPBACK) !== 0,
    ipaddr: address,
    prefixlen: prefixLength,
    labels: type === PduType.Ipv4 || type === PduType.Ipv6
      ? null
      : labels.map((label) => label.toString(16).padStart(6, "0")),
  };
}
