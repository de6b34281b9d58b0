/**
 * What a leaf and its proxy say to each other in networks of profile `hncp` (`spec/dncp.md` §16.4). A
 * Leaf Publish travels as a sub-TLV of a Request Network State TLV, so that nodes that do not know it just reply
 * with their network state; the Ack is a TLV of that reply, and only the leaf gets it.
 *
 * ```text
 * 800 Leaf Publish      | leaf id 4 | leaf sequence number 4 | TTL ms 4 | TLVs to publish |
 * 801 Leaf Publish Ack  | leaf id 4 | leaf sequence number 4 | granted TTL ms 4 | status 1 | zero 3 |
 * ```
 *
 * @module
 */
import { TlvType } from "../dncp/mod.ts";
import { ByteReader, ByteWriter, fromHex, toHex } from "../wire/bytes.ts";
import { type RawTlv, TlvFormat } from "../wire/tlv.ts";
import type { AckStatus } from "./messages.ts";

export const LEAF_PUBLISH = 800;
export const LEAF_PUBLISH_ACK = 801;

const format = TlvFormat.rfc7787;
const ID_BYTES = 4;
const PUBLISH_FIXED = 12;
const ACK_BYTES = 16;

/** "Publish this for me." */
export interface HncpLeafPublish {
  /** 4 bytes in hexadecimal; no node id. */
  readonly leafId: string;
  /** Goes up with the content, not with a refresh. */
  readonly seqno: number;
  /** 0 withdraws. */
  readonly ttlMs: number;
  /** Whole TLVs. */
  readonly content: Uint8Array;
}

/** The answer. `status` as in native networks: the numbers are the same. */
export interface HncpLeafAck {
  readonly leafId: string;
  readonly seqno: number;
  readonly grantedMs: number;
  readonly status: number;
}

/** A whole TLV 800. */
export function encodeHncpPublish({ leafId, seqno, ttlMs, content }: HncpLeafPublish): Uint8Array {
  const fixed = new ByteWriter(PUBLISH_FIXED).put(fromHex(leafId)).u32(seqno).u32(ttlMs).finish();
  return format.encode(LEAF_PUBLISH, fixed, content);
}

/** The content of a TLV 800; `undefined` for anything else. */
export function decodeHncpPublish({ type, value }: RawTlv): HncpLeafPublish | undefined {
  if (type !== LEAF_PUBLISH || value.length < PUBLISH_FIXED) return undefined;
  const reader = new ByteReader(value);
  return {
    leafId: toHex(reader.take(ID_BYTES)),
    seqno: reader.u32(),
    ttlMs: reader.u32(),
    content: reader.rest(),
  };
}

/** A whole TLV 801. */
export function encodeHncpAck(ack: HncpLeafAck & { readonly status: AckStatus }): Uint8Array {
  const value = new ByteWriter(ACK_BYTES).put(fromHex(ack.leafId)).u32(ack.seqno)
    .u32(ack.grantedMs).u8(ack.status).zeros(3).finish();
  return format.encode(LEAF_PUBLISH_ACK, value);
}

/** The content of a TLV 801; `undefined` for anything else. */
export function decodeHncpAck({ type, value }: RawTlv): HncpLeafAck | undefined {
  if (type !== LEAF_PUBLISH_ACK || value.length < ACK_BYTES) return undefined;
  const reader = new ByteReader(value);
  return {
    leafId: toHex(reader.take(ID_BYTES)),
    seqno: reader.u32(),
    grantedMs: reader.u32(),
    status: reader.u8(),
  };
}

/** The datagram that carries a Leaf Publish. */
export function encodeHncpPublishRequest(publish: HncpLeafPublish): Uint8Array {
  return format.encode(TlvType.RequestNetworkState, encodeHncpPublish(publish));
}

/** The Leaf Publish that a datagram carries. Total. */
export function findHncpPublish(datagram: Uint8Array): HncpLeafPublish | undefined {
  for (const { type, length, value } of format.decode(datagram).tlvs) {
    if (type !== TlvType.RequestNetworkState || length === 0) continue;
    for (const sub of format.decode(value).tlvs) {
      const publish = decodeHncpPublish(sub);
      if (publish) return publish;
    }
  }
  return undefined;
}
