/**
 * How a leafy client without an address finds a node: it multicasts a query, and nodes answer to it
 * alone. Both are payloads of sealed blocks; neither is part of DNCP.
 *
 * ```text
 * 72 query  | UDP port 2 | to the group; where the answer is to go
 * 73 here   | TCP port 2 | to that port; where the node takes streams
 * ```
 *
 * @module
 */
import { ByteReader, ByteWriter } from "../wire/bytes.ts";
import { TlvFormat } from "../wire/tlv.ts";

const QUERY = 72;
const HERE = 73;

/** "Which node is near?" */
export interface LeafQuery {
  readonly type: "query";
  /** UDP port for the answer, on the address that the query comes from. */
  readonly port: number;
}

/** "I am." */
export interface LeafHere {
  readonly type: "here";
  /** TCP port for streams. */
  readonly port: number;
}

/** A query or an answer, as one TLV. */
export function encodeDiscovery({ type, port }: LeafQuery | LeafHere): Uint8Array {
  const value = new ByteWriter(2).u16(port).finish();
  return TlvFormat.native.encode(type === "query" ? QUERY : HERE, value);
}

/** What a payload says about discovery; `undefined` where it is something else. Total. */
export function decodeDiscovery(payload: Uint8Array): LeafQuery | LeafHere | undefined {
  const [first] = TlvFormat.native.decode(payload).tlvs;
  if (first === undefined || first.length < 2) return undefined;
  const port = new ByteReader(first.value).u16();
  if (first.type === QUERY) return { type: "query", port };
  if (first.type === HERE) return { type: "here", port };
  return undefined;
}
