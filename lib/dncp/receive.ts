/**
 * The receive rules for a Node State TLV (RFC 7787 §4.4), the same by datagram and by stream.
 *
 * @module
 */
import { equalBytes } from "../wire/mod.ts";
import { type Core, hashOf, type NodeStateOutcome } from "./core.ts";
import { NodeRecord } from "./node_record.ts";
import type { OwnNode } from "./own_node.ts";
import { isOlder } from "./seqno.ts";
import type { NodeState } from "./tlv.ts";

/** Keep what is news, and say what became of it. */
export function receiveNodeState(
  core: Core,
  own: OwnNode,
  now: number,
  state: NodeState,
): NodeStateOutcome {
  const { nodeId: id, seqno, age, hash, data } = state;
  if (id === core.nodeId && !core.readOnly) {
    const older = isOlder(seqno, own.seqno);
    own.seen(now, seqno, hash);
    return older ? "older" : "known";
  }
  const current = core.nodes.get(id);
  if (current && !isOlder(current.seqno, seqno)) {
    if (seqno !== current.seqno) return "older";
    if (equalBytes(current.hash, hash)) return "known";
  }
  if (data.length > 0) {
    const fits = data.length <= core.profile.maxNodeData &&
      equalBytes(hashOf(core.profile, data), hash);
    if (!fits) {
      core.counters.hashMismatches++;
      return "refused";
    }
    const content = core.contents.take(id, data, hash);
    const record = new NodeRecord(content, { self: false, seqno, age, received: now });
    if (core.nodes.store(record)) return "stored";
    core.counters.nodesRefused++;
    core.noRoom(id);
    return "refused";
  }
  if (current && equalBytes(current.hash, hash)) {
    core.nodes.store(current.renewed(seqno, age, now));
    return "stored";
  }
  // A node without node data has no Peer TLV and cannot be reachable.
  return equalBytes(hash, hashOf(core.profile, data)) ? "known" : "wanted";
}
