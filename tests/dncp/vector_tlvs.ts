/**
 * The `decoded` form of the vectors against what the TLV tables give.
 *
 * @module
 */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { hncpProfile } from "../../lib/dncp/profile.ts";
import { decodeTlvs, type DncpTlv, TlvEncoder, tlvName, TlvType } from "../../lib/dncp/tlv.ts";
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
}

/** Members that every type has: header and raw bytes. */
const FRAMING = new Set(["type", "length", "name", "value"]);
const STRUCTURED = new Set<number>([
  TlvType.RequestNetworkState,
  TlvType.RequestNodeState,
  TlvType.NodeEndpoint,
  TlvType.NetworkState,
  TlvType.NodeState,
  TlvType.Peer,
  TlvType.KeepAliveInterval,
]);
/** A container of the prefix family: `value` is its sub-TLVs and nothing else. */
const EXTERNAL_CONNECTION = 33;

/** The members of a vector's TLV whose meaning belongs to a protocol above DNCP. */
export function beyondDncp(want: VectorTlv): string[] {
  if (STRUCTURED.has(want.type)) return (want.sub ?? []).flatMap(beyondDncp);
  return Object.keys(want).filter((key) =>
    !FRAMING.has(key) && !(key === "sub" && want.type === EXTERNAL_CONNECTION)
  );
}

/** One decoded TLV is what the vector says, as far as DNCP gives it a meaning. */
export function checkTlv(tlv: DncpTlv, want: VectorTlv): void {
  checkFraming(tlv.raw, want);
  if (!STRUCTURED.has(want.type)) {
    strictEqual(tlv.fields, undefined, `type ${want.type} is opaque to DNCP`);
    return;
  }
  strictEqual(tlvName(hncpProfile, want.type), want.name);
  deepStrictEqual(fieldsAsVector(tlv), given(want));
  checkFramings(tlv.sub, want.sub ?? []);
  if (want.nodeDataTlvs && tlv.fields?.type === TlvType.NodeState) {
    const inner = decodeTlvs(hncpProfile, tlv.fields.data);
    checkTlvs(inner.tlvs, want.nodeDataTlvs);
  }
}

export function checkTlvs(tlvs: readonly DncpTlv[], want: readonly VectorTlv[]): void {
  deepStrictEqual(tlvs.map(({ raw }) => raw.type), want.map(({ type }) => type));
  tlvs.forEach((tlv, i) => checkTlv(tlv, want[i] as VectorTlv));
}

function checkFraming(raw: RawTlv, want: VectorTlv): void {
  deepStrictEqual({ type: raw.type, length: raw.length }, { type: want.type, length: want.length });
  strictEqual(raw.value.length, raw.length);
  if (want.value !== undefined) strictEqual(toHex(raw.value), want.value);
  if (want.type === EXTERNAL_CONNECTION && want.sub) {
    checkFramings(hncpProfile.tlv.decode(raw.value).tlvs, want.sub);
  }
}

function checkFramings(raws: readonly RawTlv[], want: readonly VectorTlv[]): void {
  strictEqual(raws.length, want.length);
  raws.forEach((raw, i) => checkFraming(raw, want[i] as VectorTlv));
}

/** The members of a structured TLV, without the framing. */
function given(want: VectorTlv): Record<string, unknown> {
  const { type: _type, length: _length, name: _name, sub: _sub, nodeDataTlvs: _data, ...rest } =
    want;
  return rest;
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

const encoder = new TlvEncoder(hncpProfile);

/**
 * The TLV encoded from its meaning where DNCP gives it one (and an encoder with sub-TLVs is not
 * needed), else from type and value.
 */
export function encodeVector(want: VectorTlv, decoded: DncpTlv): Uint8Array {
  const { fields, raw, sub } = decoded;
  const subs = sub.map((tlv) => hncpProfile.tlv.encode(tlv.type, tlv.value));
  if (fields?.type === TlvType.RequestNetworkState) return encoder.requestNetworkState(...subs);
  if (!fields || sub.length > 0) return hncpProfile.tlv.encode(raw.type, raw.value);
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
