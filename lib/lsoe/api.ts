/**
 * What surrounds the LSOE machine: what it is told of the computer, and what it hands out.
 *
 * @module
 */
import type { Mac } from "../wire/mac.ts";
import type { AckPdu, Encapsulation, EncapsulationType, VendorPdu } from "./pdu.ts";

/** An interface as LSOE needs it. The floor below tells more; this is all of it that matters here. */
export interface LsoeInterface {
  readonly index: number;
  readonly name: string;
  /** `02:00:00:00:00:01`; empty where it has none: then it cannot speak LSOE. */
  readonly mac: string;
  /** Switched on by the administrator. */
  readonly up: boolean;
  /** Up, and the cable carries. */
  readonly running: boolean;
  /** In bytes; 0: not known. */
  readonly mtu: number;
  readonly loopback: boolean;
  /** Frames are Ethernet's. */
  readonly ethernet: boolean;
  /** A number that is the same on all interfaces of one VLAN, and on no other; 0: untagged. */
  readonly vlan: number;
  /** `192.0.2.1/24`, `fe80::1/64`: usable ones, neither tentative nor failed. */
  readonly addresses: readonly string[];
}

/** Labels for a prefix of this computer (MPLS). */
export interface LabelBinding {
  /** `192.0.2.1/24`: an address of an interface, as in {@linkcode LsoeInterface.addresses}. */
  readonly prefix: string;
  /** 24 bits each, as on the wire. */
  readonly labels: readonly number[];
}

/** Everything that can be set (§9). Times in ms. */
export interface LsoeConfig {
  /** Whether an interface of this name speaks LSOE. Loopback and non-Ethernet ones never do. */
  readonly speaksOn: (name: string) => boolean;
  readonly helloInterval: number;
  readonly helloDestination: Mac;
  readonly retransmitInitialInterval: number;
  readonly retransmitMaxDrop: number;
  readonly retransmitExponentialBackoff: boolean;
  readonly keepaliveSendInterval: number;
  /** 0 = never. */
  readonly keepaliveReceiveTimeout: number;
  readonly attributes: Uint8Array;
  /** Loopback interfaces whose addresses are announced too. */
  readonly exportLoopbacks: (name: string) => boolean;
  /** Addresses to flag as primary. */
  readonly primaryAddresses: readonly string[];
  readonly announceScope: "interface" | "all";
  readonly keepStateOnTimeout: boolean;
  readonly closeOnCarrierLoss: boolean;
  readonly reassemblyTimeout: number;
  readonly reorderWindow: number;
  readonly macCacheTimeout: number;
  readonly hopelessHold: number;
  /** In bytes. */
  readonly maxDatagram: number;
  /** Talk as an unpatched lsoed can bear: no VENDOR PDUs, MPLS lists empty. */
  readonly compatLsoed: boolean;
}

/** A frame as it arrived, without its Ethernet header. Used again after the call. */
export interface LsoeFrame {
  readonly interfaceIndex: number;
  readonly source: Mac;
  /** `linux/if_packet.h`: 0 to us, 1 broadcast, 2 multicast, 3 to others, 4 our own. */
  readonly packetType: number;
  readonly payload: Uint8Array;
}

/** §5. */
export type SessionState = "opening" | "half" | "open";

/** What can be seen of a session. Of two views of an unchanged session, all fields are equal. */
export interface SessionView {
  /** Counts up, never used again. */
  readonly id: number;
  readonly interfaceIndex: number;
  readonly interface: string;
  readonly localMac: string;
  readonly peerMac: string;
  /** Ten hex pairs joined by `:`; empty while not known. */
  readonly peerId: string;
  readonly peerAttributes: readonly number[];
  readonly state: SessionState;
  /** Monotonic ms: when it came into this state. */
  readonly since: number;
  /** What the peer announced, by type. */
  readonly learned: Readonly<Record<EncapsulationType, readonly Encapsulation[]>>;
  /** Closed by silence, and its addresses kept (`keep-state-on-timeout`). */
  readonly stale: boolean;
}

/** Body of one northbound report (§8.1), with the keys that stand in the JSON. */
export interface Report {
  readonly my_switch_id: string;
  readonly peer_switch_id: string;
  readonly session_pyid: number;
  readonly ifname: string;
  readonly peer_macaddr: string;
  readonly peer_attributes: readonly number[];
  readonly pdu_type: EncapsulationType;
  readonly pdu_name: string;
  readonly encaps: readonly {
    readonly primary: boolean;
    readonly loopback: boolean;
    readonly ipaddr: string;
    readonly prefixlen: number;
    readonly labels: readonly string[] | null;
  }[];
  readonly unique: readonly [string, string, string, string, string];
}

/** A link in the sense of RFC 7752: both ends have announced addresses in one subnet (§8.2). */
export interface LinkView {
  readonly session: number;
  readonly localId: string;
  readonly remoteId: string;
  readonly ipv4: readonly { readonly local: string; readonly remote: string }[];
  readonly ipv6: readonly { readonly local: string; readonly remote: string }[];
  /** The peer's, in its order. */
  readonly labels: readonly number[];
}

/** What happened, for the event stream, the log and the shared state. */
export type LsoeEvent =
  | { readonly kind: "opened"; readonly session: SessionView }
  /** `session` as it was, also where it never was open. */
  | { readonly kind: "closed"; readonly session: SessionView; readonly reason: string }
  /** The peer announced another list. */
  | { readonly kind: "learned"; readonly session: SessionView; readonly type: EncapsulationType }
  | { readonly kind: "linkUp" | "linkChange" | "linkDown"; readonly link: LinkView }
  | {
    readonly kind: "macMoved";
    readonly mac: string;
    /** Interface names. */
    readonly from: string;
    readonly to: string;
  }
  /** An ACK with an error: `received` or `sent`. */
  | {
    readonly kind: "error";
    readonly direction: "received" | "sent";
    readonly session: SessionView;
    readonly ack: AckPdu;
  }
  /** A peer is refused for `hopeless-hold`: an operator has to look. */
  | { readonly kind: "hopeless"; readonly mac: string; readonly interface: string }
  /** Frames of this station are not taken, and why. Of each station told at most once a minute. */
  | {
    readonly kind: "rejected";
    readonly mac: string;
    readonly interface: string;
    readonly reason: string;
  }
  /** So many of our own entries, the last ones, do not fit into a PDU of this interface. */
  | {
    readonly kind: "listCut";
    readonly interface: string;
    readonly type: EncapsulationType;
    readonly left: number;
  }
  /** A hook threw. */
  | {
    readonly kind: "hookFailed";
    readonly hook: "ack" | "vendor" | "sign" | "verify";
    readonly error: unknown;
  };

/** Where the machine's output goes. Calls must not call back into the machine. */
export interface LsoeOutput {
  /** The datagrams of one PDU, back to back. They may be sent again: not to be changed. */
  send(interfaceIndex: number, destination: Mac, datagrams: readonly Uint8Array[]): void;
  join(interfaceIndex: number, group: Mac): void;
  /** For each that was joined, also where the interface is gone already. */
  leave(interfaceIndex: number, group: Mac): void;
  report(report: Report): void;
  event(event: LsoeEvent): void;
}

/** Hooks for vendors and authentication (§7). What they throw is counted and told, never passed on. */
export interface LsoeHooks {
  /** By private enterprise number; called after the ACK was sent, for an open session only. */
  readonly vendor?: ReadonlyMap<number, (session: SessionView, pdu: VendorPdu) => void>;
  /** For every ACK of a PDU that was outstanding, before it is cleared. */
  readonly ack?: (session: SessionView, ack: AckPdu) => void;
  /** Data that goes into our OPEN, and whether a peer's is accepted. */
  readonly authenticator?: {
    sign(id: Uint8Array, nonce: number): Uint8Array;
    verify(id: Uint8Array, nonce: number, data: Uint8Array): boolean;
  };
}

/** Counters since the start. */
export interface LsoeCounters {
  framesReceived: number;
  framesSent: number;
  /** Datagrams dropped: too short, another version, a wrong length or checksum. */
  badDatagrams: number;
  badPdus: number;
  macMoves: number;
  /** Frames refused because a table was full or a peer too fast. */
  refused: number;
  retransmissions: number;
  hookFailures: number;
  /** Those that became open; of these, {@linkcode sessionsClosed} are so no longer. */
  sessionsOpened: number;
  sessionsClosed: number;
}
