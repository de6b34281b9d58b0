/**
 * The PDUs as values (spec/lsoe.md §4).
 *
 * @module
 */

/** Octets of an LSOE id. */
export const ID_OCTETS = 10;
/** What an entry's label count can say. */
export const MAX_LABELS = 255;

/** First octet of a PDU. */
export const PduType = {
  Hello: 0,
  Open: 1,
  KeepAlive: 2,
  Ack: 3,
  Ipv4: 4,
  Ipv6: 5,
  MplsIpv4: 6,
  MplsIpv6: 7,
  Vendor: 255,
} as const;

/** The four PDUs that carry a list of addresses. */
export type EncapsulationType = 4 | 5 | 6 | 7;
/** The PDUs that are acknowledged. */
export type AcknowledgedType = 1 | EncapsulationType | 255;

/** In the order in which they are sent when a session opens. */
export const ENCAPSULATION_TYPES: readonly EncapsulationType[] = [4, 5, 6, 7];

/** `PDU name` in reports (§8.1). */
export const PDU_NAMES: Readonly<Record<EncapsulationType, string>> = {
  4: "IPV4ENCAPSULATION",
  5: "IPV6ENCAPSULATION",
  6: "MPLSIPV4ENCAPSULATION",
  7: "MPLSIPV6ENCAPSULATION",
};

/** An address of an interface, as announced. */
export interface Encapsulation {
  /** As on the wire: 0x80 primary, 0x40 loopback, the rest kept as it came. */
  readonly flags: number;
  /** `192.0.2.1`, or the shortest form of IPv6 (inet_ntop). */
  readonly address: string;
  /** 0 to 32, or 0 to 128. */
  readonly prefixLength: number;
  /** MPLS only: 24 bits each, label 20, Exp 3, S 1. */
  readonly labels?: readonly number[];
}

export const FLAG_PRIMARY = 0x80;
export const FLAG_LOOPBACK = 0x40;

/** `00 0003` */
export interface HelloPdu {
  readonly type: 0;
}
export interface OpenPdu {
  readonly type: 1;
  /** 0 to 2³² − 1: new for each session. */
  readonly nonce: number;
  /** Ten octets. */
  readonly id: Uint8Array;
  readonly attributes: Uint8Array;
  readonly authentication: Uint8Array;
}
/** `02 0003` */
export interface KeepAlivePdu {
  readonly type: 2;
}
export interface AckPdu {
  readonly type: 3;
  readonly acknowledged: AcknowledgedType;
  /** 0 none, 1 warning, 2 restart, 3 hopeless. */
  readonly errorType: number;
  /** 0 with error type 0 only; 1 link addressing conflict, 2 authorization failure. */
  readonly errorCode: number;
  readonly errorHint: number;
}
export interface EncapsulationPdu {
  readonly type: EncapsulationType;
  readonly encapsulations: readonly Encapsulation[];
}
export interface VendorPdu {
  readonly type: 255;
  /** Private enterprise number, 0 to 2³² − 1. */
  readonly enterprise: number;
  /** 0 to 255, the vendor's own. */
  readonly enterpriseType: number;
  readonly data: Uint8Array;
}

/** Any PDU. */
export type Pdu = HelloPdu | OpenPdu | KeepAlivePdu | AckPdu | EncapsulationPdu | VendorPdu;
