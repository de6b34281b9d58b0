/**
 * The `decoded` form of the vectors against what the TLV tables and the codecs above them give.
 *
 * @module
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  decodeExternalConnection,
  decodeHncpVersion,
  decodeTlvs,
  decodeTrustVerdict,
  type DncpTlv,
  hncpProfile,
  TlvEncoder,
  tlvName,
  TlvType,
} from "../../lib/dncp/mod.ts";
import {
  decodeHncpAck,
  decodeHncpPublish,
  encodeHncpAck,
  encodeHncpPublish,
  LEAF_PUBLISH,
  LEAF_PUBLISH_ACK,
} from "../../lib/leafy/hncp_messages.ts";
import { decodeShspPair, SHSP_KEYED, SHSP_PAIR } from "../../lib/state/mod.ts";
import { fromHex, type RawTlv, toHex } from "../../lib/wire/mod.ts";

/** A TLV as vectors write it down. Which members are there depends on the type. */
export interface VectorTlv {
  readonly type: number;
  readonly length: number;
  readonly name?: string;
  readonly value?: string;
  readonly nodeId?: string;
  readonly endpointId?: number;
  readonly hash?: string;
  readonly seqno?: number;
  readonly msSinceOrigination?: number;
  readonly nodeData?: string;
  readonly nodeDataTlvs?: readonly VectorTlv[];
  readonly peerNodeId?: string;
  readonly peerEndpointId?: number;
  readonly intervalMs?: number;
  readonly sub?: readonly VectorTlv[];
  readonly json?: unknown;
  readonly digest?: string;
}

const profile = hncpProfile;
const encoder = new TlvEncoder(profile);
const DIGEST_BYTES = 16;

export function checkTlvs(tlvs: readonly DncpTlv[], want: readonly VectorTlv[]): void {
  deepStrictEqual(tlvs.map(({ raw }) => raw.type), want.map(({ type }) => type));
  tlvs.forEach((tlv, i) => checkTlv(tlv, want[i] as VectorTlv));
}

/** One decoded TLV is what the vector says. */
export function checkTlv({ raw, fields, sub }: DncpTlv, want: VectorTlv): void {
  if (!fields) {
    checkOpaque(raw, want);
    return;
  }
  checkFraming(raw, want);
  const { type: _type, length: _length, name: _name, sub: subs, nodeDataTlvs, ...members } = want;
  deepStrictEqual(fieldsAsVector({ raw, fields, sub }), members);
  checkSubs(sub, subs);
  if (nodeDataTlvs && fields.type === TlvType.NodeState) {
    checkTlvs(decodeTlvs(profile, fields.data).tlvs, nodeDataTlvs);
  }
}

function checkFraming(raw: RawTlv, want: VectorTlv): void {
  deepStrictEqual({ type: raw.type, length: raw.length }, { type: want.type, length: want.length });
  strictEqual(raw.value.length, raw.length);
  if (want.name !== undefined) strictEqual(tlvName(profile, raw.type), want.name);
  if (want.value !== undefined) strictEqual(toHex(raw.value), want.value);
}

function checkSubs(raws: readonly RawTlv[], want: readonly VectorTlv[] = []): void {
  deepStrictEqual(raws.map(({ type }) => type), want.map(({ type }) => type));
  raws.forEach((raw, i) => checkOpaque(raw, want[i] as VectorTlv));
}

/** A TLV that DNCP does not structure: framing, and the members that a codec above it gives. */
function checkOpaque(raw: RawTlv, want: VectorTlv): void {
  checkFraming(raw, want);
  const { type: _type, length: _length, name: _name, value: _value, ...members } = want;
  const { sub, ...content } = contentOf(raw, want);
  const { sub: wantSub, ...rest } = members;
  deepStrictEqual(content, rest);
  if (sub) checkSubs(sub, wantSub);
  else strictEqual(wantSub, undefined, `type ${raw.type} has sub-TLVs that nothing here decodes`);
}

type Content = Record<string, unknown> & { sub?: readonly RawTlv[] };

/** Members of an opaque type. Those that the vector does not give are left out. */
function contentOf(raw: RawTlv, want: VectorTlv): Content {
  const decode = (bytes: Uint8Array) => profile.tlv.decode(bytes).tlvs;
  const verdict = decodeTrustVerdict(raw);
  if (verdict) return { ...verdict };
  const version = decodeHncpVersion(raw);
  if (version) return { ...version };
  const container = decodeExternalConnection(raw);
  if (container) return { sub: container };
  const publish = decodeHncpPublish(raw);
  if (publish) {
    const { leafId, seqno, ttlMs, content } = publish;
    return { leafId, leafSeqno: seqno, ttlMs, sub: decode(content) };
  }
  const ack = decodeHncpAck(raw);
  if (ack) {
    const { leafId, seqno, grantedMs, status } = ack;
    return { leafId, leafSeqno: seqno, grantedTtlMs: grantedMs, status };
  }
  if (raw.type === SHSP_PAIR) {
    const { json } = decodeShspPair(raw.value);
    return "json" in want ? { json } : {};
  }
  if (raw.type === SHSP_KEYED) {
    const digest = toHex(raw.value.subarray(0, DIGEST_BYTES));
    return { digest, sub: decode(raw.value.subarray(DIGEST_BYTES)) };
  }
  return {};
}

function fieldsAsVector({ fields }: DncpTlv): Record<string, unknown> {
  switch (fields?.type) {
    case TlvType.RequestNetworkState:
      return {};
    case TlvType.RequestNodeState:
      return { nodeId: fields.nodeId };
    case TlvType.NodeEndpoint:
      return { nodeId: fields.nodeId, endpointId: fields.endpointId };
    case TlvType.NetworkState:
      return { hash: toHex(fields.hash) };
    case TlvType.NodeState:
      return {
        nodeId: fields.nodeId,
        seqno: fields.seqno,
        msSinceOrigination: fields.age,
        hash: toHex(fields.hash),
        nodeData: toHex(fields.data),
      };
    case TlvType.Peer:
      return {
        peerNodeId: fields.peerNodeId,
        peerEndpointId: fields.peerEndpointId,
        endpointId: fields.endpointId,
      };
    case TlvType.KeepAliveInterval:
      return { endpointId: fields.endpointId, intervalMs: fields.interval };
    default:
      throw new Error("no fields");
  }
}

/** The TLV encoded anew: from its members where there is an encoder, else from type and value. */
export function encodeVector(want: VectorTlv, decoded: DncpTlv): Uint8Array {
  const { fields, raw, sub } = decoded;
  if (!fields) return encodeOpaque(raw);
  if (fields.type === TlvType.RequestNetworkState) {
    return encoder.requestNetworkState(...sub.map(encodeOpaque));
  }
  // The others are never sent with sub-TLVs (spec §2.2), so their encoders take none.
  if (sub.length > 0) return profile.tlv.encode(raw.type, raw.value);
  switch (fields.type) {
    case TlvType.RequestNodeState:
      return encoder.requestNodeState(want.nodeId as string);
    case TlvType.NodeEndpoint:
      return encoder.nodeEndpoint(want.nodeId as string, want.endpointId as number);
    case TlvType.NetworkState:
      return encoder.networkState(fromHex(want.hash as string));
    case TlvType.NodeState:
      return encoder.nodeState(
        want.nodeId as string,
        want.seqno as number,
        want.msSinceOrigination as number,
        fromHex(want.hash as string),
        fromHex(want.nodeData as string),
      );
    case TlvType.Peer:
      return encoder.peer(
        want.peerNodeId as string,
        want.peerEndpointId as number,
        want.endpointId as number,
      );
    case TlvType.KeepAliveInterval:
      return encoder.keepAliveInterval(want.endpointId as number, want.intervalMs as number);
    default:
      throw new Error(`type ${fields.type} has no encoder here`);
  }
}

function encodeOpaque(raw: RawTlv): Uint8Array {
  if (raw.type === LEAF_PUBLISH) {
    const publish = decodeHncpPublish(raw);
    ok(publish);
    return encodeHncpPublish(publish);
  }
  if (raw.type === LEAF_PUBLISH_ACK) {
    const ack = decodeHncpAck(raw);
    ok(ack);
    return encodeHncpAck(ack as Parameters<typeof encodeHncpAck>[0]);
  }
  return profile.tlv.encode(raw.type, raw.value);
}
