/**
 * What must not be sent where a stock pysyma or hnetd listens (`spec/dncp.md` §17), as a check of one
 * datagram of ours. Each thing found would end a pysyma process, or would be passed over by hnetd.
 *
 * @module
 */
import { hashOf } from "../../lib/dncp/core.ts";
import { decodeTlvs, hncpProfile, type NodeState, TlvType } from "../../lib/dncp/mod.ts";
import {
  decodeShspPair,
  keyProblem,
  openShspContainer,
  SHSP_KEYED,
  SHSP_PAIR,
} from "../../lib/state/mod.ts";
import { compareBytes, equalBytes, toHex } from "../../lib/wire/bytes.ts";
import { type RawTlv, TlvFormat } from "../../lib/wire/tlv.ts";

const profile = hncpProfile;
const format = TlvFormat.rfc7787;
/** Top-level types that pysyma knows, and the lengths that hnetd wants. `undefined`: any. */
const TOP_LEVEL = new Map<number, number | undefined>([
  [TlvType.RequestNetworkState, 0],
  [TlvType.RequestNodeState, 4],
  [TlvType.NodeEndpoint, 8],
  [TlvType.NetworkState, 8],
  [TlvType.NodeState, undefined],
]);
const MAX_NODE_DATA = 3_960;
const MAX_MULTICAST = 1_232;
/** What every HNCP node takes (RFC 7788 §3). */
const MAX_DATAGRAM = 4_000;

/** What is known of the network that a datagram goes out into. */
export interface Circumstances {
  readonly multicast: boolean;
  /** The key of SHSP's containers. */
  readonly shspKey?: Uint8Array;
  /** A node that publishes says first who it is. Default: it does. */
  readonly publishes?: boolean;
}

/** What is wrong with a datagram; empty where nothing is. */
export function offences(datagram: Uint8Array, around: Circumstances): string[] {
  const found: string[] = [];
  const { tlvs, error, warnings } = decodeTlvs(profile, datagram);
  if (error !== null) found.push(error);
  found.push(...warnings);
  if (around.publishes ?? true) {
    if (tlvs[0]?.raw.type !== TlvType.NodeEndpoint) found.push("no Node Endpoint in front");
  } else if (tlvs.some(({ raw }) => raw.type === TlvType.NodeEndpoint)) {
    found.push("a reader shows");
  }
  if (around.multicast && datagram.length > MAX_MULTICAST) found.push("a multicast too long");
  if (datagram.length > MAX_DATAGRAM) found.push(`a datagram of ${datagram.length} bytes`);
  for (const { raw, fields } of tlvs) {
    if (!TOP_LEVEL.has(raw.type)) found.push(`type ${raw.type} at top level`);
    const length = TOP_LEVEL.get(raw.type);
    if (length !== undefined && raw.length !== length) {
      found.push(`type ${raw.type} of length ${raw.length}`);
    }
    if (around.multicast && (raw.type === 1 || raw.type === 2)) found.push("a request to all");
    if (fields?.type === TlvType.NodeState) found.push(...stateOffences(fields, around));
    if (fields?.type === TlvType.NodeEndpoint && fields.endpointId === 0) found.push("endpoint 0");
  }
  return found;
}

function stateOffences(state: NodeState, around: Circumstances): string[] {
  const found: string[] = [];
  const { seqno, age, data, hash } = state;
  if (seqno === 0) found.push("sequence number 0");
  // Not at the start of anything that these tests do.
  if (seqno >= 2 ** 31) found.push(`sequence number ${seqno}`);
  if (age >= 2 ** 31) found.push(`an age of ${age} ms`);
  if (data.length === 0) return found;
  if (around.multicast) found.push("node data to all");
  if (!equalBytes(hashOf(profile, data), hash)) found.push("a hash that does not fit");
  return [...found, ...dataOffences(data, around)];
}

/** What is wrong with node data of ours. */
export function dataOffences(data: Uint8Array, { shspKey }: Omit<Circumstances, "multicast">) {
  const found: string[] = [];
  if (data.length > MAX_NODE_DATA) found.push(`node data of ${data.length} bytes`);
  const { tlvs, error, warnings } = decodeTlvs(profile, data);
  if (error !== null || warnings.length > 0) found.push(`node data: ${error} ${warnings}`);
  let last: Uint8Array | undefined;
  for (const { raw, fields } of tlvs) {
    if (last && compareBytes(last, raw.encoded) >= 0) found.push("node data out of order");
    last = raw.encoded;
    const exact = fields?.type === TlvType.Peer ? 12 : fields ? 8 : raw.length;
    if (raw.length !== exact) found.push(`type ${raw.type} of length ${raw.length} in node data`);
    if (fields?.type === TlvType.KeepAliveInterval) {
      if (fields.interval === 0) found.push("a keep-alive interval of 0");
      if (fields.endpointId !== 0) found.push("a keep-alive interval of one endpoint");
    }
    if (raw.type === SHSP_PAIR && shspKey) found.push("a plain pair in a keyed network");
    if (raw.type === SHSP_KEYED && !shspKey) found.push("a container in a keyless network");
    if (raw.type === SHSP_PAIR) found.push(...pairOffences(raw));
    if (raw.type === SHSP_KEYED && shspKey) found.push(...containerOffences(raw, shspKey));
  }
  if (shspKey && tlvs.filter(({ raw }) => raw.type === SHSP_KEYED).length !== 1) {
    found.push("not one container");
  }
  return found;
}

function containerOffences({ value }: RawTlv, shspKey: Uint8Array): string[] {
  const body = openShspContainer(shspKey, value);
  if (!body) return ["a container whose digest does not fit"];
  const { tlvs, error, warnings } = format.decode(body);
  const odd = error !== null || warnings.length > 0 ? [`a container: ${error} ${warnings}`] : [];
  return [...odd, ...tlvs.flatMap(pairOffences)];
}

function pairOffences(raw: RawTlv): string[] {
  const { pair, warning } = decodeShspPair(raw.value);
  if (raw.type !== SHSP_PAIR) return [`type ${raw.type} among pairs`];
  if (!pair) return [`a pair: ${warning} ${toHex(raw.value)}`];
  if (pair.value === null || keyProblem(pair.key) !== undefined) return ["an odd pair"];
  return pair.ts === 0 ? ["a time that pysyma takes for none"] : [];
}
