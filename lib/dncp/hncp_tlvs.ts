/**
 * TLVs that HNCP (RFC 7788 §10), RFC 7787 §7.3.3 and SHSP put into node data: their names, and the
 * content of the three that we can say something about. They mean nothing to the DNCP machine, which
 * keeps them byte for byte.
 *
 * @module
 */
import { ByteWriter, type RawTlv, TlvFormat, toHex } from "../wire/mod.ts";

/** Types of node data in networks of profile `hncp`. */
export const HncpType = {
  /** RFC 7787 §7.3.3. */
  TrustVerdict: 10,
  /** RFC 7788 §10.1. */
  Version: 32,
  /** RFC 7788 §10.2: a container of sub-TLVs. */
  ExternalConnection: 33,
} as const;

/** Type → name. Those without a specification are what hnetd and pysyma call them. */
const NAMES: ReadonlyMap<number, string> = new Map([
  [HncpType.TrustVerdict, "trust-verdict"],
  [HncpType.Version, "hncp-version"],
  [HncpType.ExternalConnection, "external-connection"],
  [34, "delegated-prefix"],
  [35, "assigned-prefix"],
  [36, "node-address"],
  [37, "dhcpv6-data"],
  [38, "dhcpv4-data"],
  [39, "dns-delegated-zone"],
  [40, "domain-name"],
  [41, "node-name"],
  [42, "managed-psk"],
  [43, "prefix-policy"],
  [768, "shsp2-url"],
  [789, "shsp-kv"],
  [790, "shsp-auth"],
  [793, "ssid"],
  [800, "leaf-publish"],
  [801, "leaf-publish-ack"],
  [881, "pim-rpa-candidate"],
  [882, "pim-border-proxy"],
]);

/** The name of a TLV type that HNCP or SHSP use. */
export function hncpTlvName(type: number): string | undefined {
  return NAMES.get(type);
}

const VERDICT_FIXED = 36;
const FINGERPRINT = { from: 4, to: 36 } as const;
const VERSION_FIXED = 4;

/** A node's word on a certificate (RFC 7787 §7.3.3). */
export interface TrustVerdict {
  /** 0 neutral, 1 and 2 cached trust and distrust, 3 and 4 configured ones. */
  readonly verdict: number;
  /** SHA-256 of the DER certificate, in hexadecimal. */
  readonly fingerprint: string;
  /** As it came: hnetd ends it with a NUL. */
  readonly commonName: string;
}

/** What a node is for HNCP (RFC 7788 §10.1). Capabilities: 0 none, 1–7 a priority. */
export interface HncpVersion {
  /** mDNS proxy. */
  readonly m: number;
  /** Prefix delegation. */
  readonly p: number;
  /** Non-temporary addresses by DHCPv6. */
  readonly h: number;
  /** DHCPv4 server. */
  readonly l: number;
  /** Without the NUL that hnetd ends it with. */
  readonly userAgent: string;
}

const text = new TextDecoder();

/** The content of a TLV of type 10; `undefined` where it is too short. */
export function decodeTrustVerdict({ type, value }: RawTlv): TrustVerdict | undefined {
  if (type !== HncpType.TrustVerdict || value.length < VERDICT_FIXED) return undefined;
  return {
    verdict: value[0] as number,
    fingerprint: toHex(value.subarray(FINGERPRINT.from, FINGERPRINT.to)),
    commonName: text.decode(value.subarray(VERDICT_FIXED)),
  };
}

/** The content of a TLV of type 32; `undefined` where it is too short. */
export function decodeHncpVersion({ type, value }: RawTlv): HncpVersion | undefined {
  if (type !== HncpType.Version || value.length < VERSION_FIXED) return undefined;
  const [, , mp, hl] = value as unknown as [number, number, number, number];
  return {
    m: mp >> 4,
    p: mp & 15,
    h: hl >> 4,
    l: hl & 15,
    userAgent: text.decode(value.subarray(VERSION_FIXED)).replace(/\0+$/, ""),
  };
}

/** The sub-TLVs of a TLV of type 33. */
export function decodeExternalConnection({ type, value }: RawTlv): readonly RawTlv[] | undefined {
  return type === HncpType.ExternalConnection ? TlvFormat.rfc7787.decode(value).tlvs : undefined;
}

/** A whole TLV of type 32. hnetd wants a user agent that is not empty. */
export function encodeHncpVersion({ m, p, h, l, userAgent }: HncpVersion): Uint8Array {
  const fixed = new ByteWriter(VERSION_FIXED).u16(0).u8(m << 4 | p).u8(h << 4 | l).finish();
  return TlvFormat.rfc7787.encode(HncpType.Version, fixed, new TextEncoder().encode(userAgent));
}
