/**
 * Vectors of kind `decision`: bring a machine into the state of a snapshot through its public face,
 * hand it one datagram, and read its decision from what it sends and what it knows afterwards.
 *
 * @module
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { NodeView } from "../../lib/dncp/api.ts";
import { hncpProfile, isOlder } from "../../lib/dncp/mod.ts";
import { decodeTlvs, TlvEncoder, TlvType } from "../../lib/dncp/tlv.ts";
import { equalBytes, fromHex, toHex } from "../../lib/wire/mod.ts";
import { datagrams, fieldsOf, Lone, type Sent, slowNetworkHash } from "./harness.ts";

export interface VectorNode {
  readonly nodeId: string;
  readonly seqno: number;
  readonly nodeData: string;
  readonly hash: string;
  readonly reachable: boolean;
}

/** A decision. Which members are there depends on `do`. */
export interface Action {
  readonly do: string;
  readonly nodeId?: string;
  readonly seqno?: number;
  readonly minSeqno?: number;
  readonly [more: string]: unknown;
}

export interface Snapshot {
  readonly nodeId: string;
  readonly endpointId: number;
  readonly readOnly: boolean;
  readonly collided: boolean;
  readonly peers: readonly { nodeId: string; endpointId: number; localEndpointId: number }[];
  readonly nodes: readonly VectorNode[];
  readonly networkHash: string;
}

export interface Decision {
  readonly local: Snapshot;
  readonly rx: { readonly hex: string; readonly unicast: boolean };
  readonly actions: readonly Action[];
  readonly alternatives?: readonly (readonly Action[])[];
  readonly after: { ownSeqno: number; nodes: readonly VectorNode[]; networkHash: string };
}

const profile = hncpProfile;
const encode = new TlvEncoder(profile);
/** Long enough for delayed replies (Imin / 2) and collected publications. */
const FLUSH = profile.trickle.imin / 2 + profile.publishInterval;

/** The last sequence number before `steps` publications led to `seqno`. 0 is never used. */
function before(seqno: number, steps: number): number {
  let at = seqno;
  for (let i = 0; i < steps; i++) at = at > 1 ? at - 1 : 0xffff_ffff;
  return at;
}

const addressOf = (nodeId: string) => `[fe80::${nodeId.slice(0, 4)}:${nodeId.slice(4)}]:8231`;

/** The application's part of the own node data: what the machine does not add by itself. */
function applicationTlvs(local: Snapshot): Uint8Array[] {
  const own = local.nodes.find(({ nodeId }) => nodeId === local.nodeId);
  if (!own) return [];
  return decodeTlvs(profile, fromHex(own.nodeData)).tlvs.filter(({ fields }) =>
    !(fields?.type === TlvType.Peer &&
      local.peers.some((peer) =>
        peer.nodeId === fields.peerNodeId && peer.endpointId === fields.peerEndpointId &&
        peer.localEndpointId === fields.endpointId
      ))
  ).map(({ raw }) => raw.encoded.slice());
}

/** Who said by unicast who it is. A reader has no peers, but begins its search of the graph there. */
function hopsOf(local: Snapshot): Snapshot["peers"] {
  if (!local.readOnly || local.peers.length > 0) return local.peers;
  return local.nodes.filter(({ reachable }) => reachable)
    .map(({ nodeId }) => ({ nodeId, endpointId: 1, localEndpointId: local.endpointId }));
}

/** A machine that was told of everything but the others' node data, and its publications so far. */
function prepare(local: Snapshot, seqno: number): Lone {
  const lone = new Lone({ profile, nodeId: local.nodeId, seqno, readOnly: local.readOnly });
  const endpoints = new Set([local.endpointId, ...local.peers.map((p) => p.localEndpointId)]);
  for (const id of endpoints) lone.machine.addEndpoint(lone.now, datagrams(id));
  for (const { nodeId, endpointId, localEndpointId } of hopsOf(local)) {
    lone.datagram(localEndpointId, addressOf(nodeId), encode.nodeEndpoint(nodeId, endpointId));
  }
  if (!local.readOnly) lone.machine.publish(lone.now, applicationTlvs(local));
  return lone.advance(FLUSH);
}

/** A machine in the state of the snapshot. */
export function load(local: Snapshot): Lone {
  const own = local.nodes.find(({ nodeId }) => nodeId === local.nodeId);
  const target = own?.seqno ?? 0;
  const step = profile.collisionStep;
  // Where a first collision is to lead to the target, publish far below it before.
  const settled = local.collided ? (target - step - 1) >>> 0 : target;
  const publications = prepare(local, 0).machine.seqno;
  const lone = prepare(local, before(settled, publications));
  if (local.collided) {
    const seen = encode.nodeState(
      local.nodeId,
      (target - step) >>> 0,
      0,
      new Uint8Array(8).fill(1),
    );
    lone.datagram(local.endpointId, "elsewhere", seen).advance(FLUSH);
  }
  for (const node of local.nodes) {
    if (node.nodeId === local.nodeId) continue;
    const data = fromHex(node.nodeData);
    const state = encode.nodeState(node.nodeId, node.seqno, 500, fromHex(node.hash), data);
    lone.datagram(local.endpointId, "elsewhere", state);
  }
  // Beyond what limits the rate of requests, before keep-alives and probes.
  lone.advance(10 * profile.trickle.imin);
  checkLoaded(lone, local);
  lone.take();
  return lone;
}

function checkLoaded({ machine, now }: Lone, local: Snapshot): void {
  const own = local.nodes.find(({ nodeId }) => nodeId === local.nodeId);
  strictEqual(machine.nodeId, local.nodeId);
  strictEqual(machine.seqno, own?.seqno ?? 0, "loaded: own sequence number");
  deepStrictEqual(
    machine.peers().map(({ node, peerEndpoint, endpoint }) => ({
      nodeId: node,
      endpointId: peerEndpoint,
      localEndpointId: endpoint,
    })),
    local.readOnly ? [] : local.peers,
    "loaded: peers",
  );
  deepStrictEqual(nodesOf(machine.nodes()), reachable(local.nodes), "loaded: nodes");
  strictEqual(toHex(machine.networkHash(now)), local.networkHash, "loaded: network hash");
}

function reachable(nodes: readonly VectorNode[]): VectorNode[] {
  return nodes.filter((node) => node.reachable).sort((a, b) => a.nodeId < b.nodeId ? -1 : 1);
}

function nodesOf(views: Iterable<NodeView>): VectorNode[] {
  return [...views].map(({ id, seqno, data, hash }) => ({
    nodeId: id,
    seqno,
    nodeData: toHex(data),
    hash: toHex(hash),
    reachable: true,
  }));
}

/** Hand over the datagram and check that what follows is one of the right decisions. */
export function checkDecision({ local, rx, actions, alternatives = [], after }: Decision): void {
  const lone = load(local);
  const nodes = new Map([...lone.machine.nodes()].map((view) => [view.id, view]));
  const own = { id: lone.machine.nodeId, seqno: lone.machine.seqno };
  const peers = lone.machine.peers().length;
  const payload = fromHex(rx.hex);
  const sender = fieldsOf(profile, payload).find(({ type }) => type === TlvType.NodeEndpoint);
  const from = sender?.type === TlvType.NodeEndpoint ? addressOf(sender.nodeId) : "a stranger";
  if (rx.unicast) lone.datagram(local.endpointId, from, payload);
  else lone.multicast(local.endpointId, from, payload);
  lone.advance(FLUSH);

  const decided = sentActions(lone, from);
  for (const view of lone.machine.nodes()) {
    const known = nodes.get(view.id);
    if (view.self || known && known.seqno === view.seqno && equalBytes(known.hash, view.hash)) {
      continue;
    }
    decided.push({ do: "store", nodeId: view.id, seqno: view.seqno, hash: toHex(view.hash) });
  }
  for (const { node, peerEndpoint, endpoint } of lone.machine.peers().slice(peers)) {
    decided.push({
      do: "add-peer",
      nodeId: node,
      endpointId: peerEndpoint,
      localEndpointId: endpoint,
    });
  }
  const newId = lone.machine.nodeId !== own.id;
  if (newId) decided.push({ do: "new-node-id" });
  // A Peer TLV more or less is published as a matter of course.
  else if (lone.machine.seqno !== own.seqno && lone.machine.peers().length === peers) {
    decided.push({ do: "republish", seqno: lone.machine.seqno });
  }
  const right = [actions, ...alternatives];
  const matched = right.find((each) => matches(decided, each, local.readOnly));
  if (!matched) deepStrictEqual(decided, actions);
  if (matched === actions) checkAfter(lone, local, after, decided);
}

/** What the unicast datagrams mean. Multicasts are Trickle's, and no reply to anything. */
function sentActions(lone: Lone, from: string): Action[] {
  const decided: Action[] = [];
  // A node under a new id tells every peer (spec §8.3): that is part of taking it.
  const introducing = lone.told.ids.length > 0;
  for (const sent of lone.take()) {
    if (sent.kind === "multicast") checkTrickle(lone, sent);
    else {
      if (sent.kind !== "datagram") throw new Error(`a machine of datagrams sent a ${sent.kind}`);
      const fields = lone.fields(sent);
      const request = fields.some(({ type }) => type === TlvType.RequestNetworkState);
      if (request && introducing) continue;
      strictEqual(sent.to, from, "replies go to where the datagram came from");
      decided.push(...replyActions(lone, sent));
    }
  }
  return decided;
}

function replyActions(lone: Lone, sent: Sent): Action[] {
  const fields = lone.fields(sent);
  const [first] = fields;
  strictEqual(
    first?.type === TlvType.NodeEndpoint && first.nodeId === lone.machine.nodeId,
    !lone.readOnly,
    "a node that publishes says who it is first, another one never",
  );
  const actions: Action[] = [];
  const states: Action[] = [];
  let networkHash: string | undefined;
  let request = false;
  for (const each of fields) {
    if (each.type === TlvType.NetworkState) networkHash = toHex(each.hash);
    else if (each.type === TlvType.RequestNetworkState) request = true;
    else if (each.type === TlvType.RequestNodeState) {
      actions.push({ do: "request-node-state", nodeId: each.nodeId });
    } else if (each.type === TlvType.NodeState) {
      const { nodeId, seqno } = each;
      const state = { nodeId, seqno, hash: toHex(each.hash), withData: each.data.length > 0 };
      if (state.withData) actions.push({ do: "reply-node-state", ...state });
      else states.push(state as unknown as Action);
    }
  }
  if (request) actions.push({ do: "request-network-state" });
  else if (networkHash !== undefined) {
    actions.push({ do: "reply-network-state", networkHash, nodeStates: states });
  }
  return actions;
}

/** What may go out by multicast: no requests, no node data (spec §6.1). */
function checkTrickle(lone: Lone, sent: Sent): void {
  for (const each of lone.fields(sent)) {
    const fine = each.type === TlvType.NodeEndpoint || each.type === TlvType.NetworkState ||
      each.type === TlvType.NodeState && each.data.length === 0;
    ok(fine, `type ${each.type} by multicast`);
  }
}

/** Both as sets. */
function matches(decided: readonly Action[], right: readonly Action[], readOnly: boolean): boolean {
  const optional = (action: Action) =>
    readOnly && (action.do === "add-peer" ||
      action.do === "request-network-state" && right.some((r) => r.do === "request-node-state"));
  const missing = right.filter((want) =>
    !optional(want) && !decided.some((action) => same(action, want))
  );
  const extra = decided.filter((action) =>
    !optional(action) && !right.some((want) => same(action, want))
  );
  return missing.length === 0 && extra.length === 0;
}

function same(action: Action, want: Action): boolean {
  if (action.do === "republish" && want.do === "republish") {
    return !isOlder(action.seqno as number, want.minSeqno as number);
  }
  try {
    deepStrictEqual(action, want);
    return true;
  } catch {
    return false;
  }
}

function checkAfter(
  lone: Lone,
  local: Snapshot,
  after: Decision["after"],
  decided: readonly Action[],
): void {
  const { machine, now } = lone;
  const got = nodesOf(machine.nodes());
  const renumbered = decided.some((action) => action.do === "republish");
  const renamed = decided.some((action) => action.do === "new-node-id");
  const ownAfter = renamed
    ? after.nodes.find((node) => node.reachable && node.nodeId !== local.nodeId)
    : after.nodes.find(({ nodeId }) => nodeId === local.nodeId);
  // How far a republication jumps and which id is drawn is this node's own business.
  const want = reachable(after.nodes).map((node) =>
    node !== ownAfter ? node : {
      ...node,
      nodeId: renamed ? machine.nodeId : node.nodeId,
      seqno: renumbered ? machine.seqno : node.seqno,
    }
  ).sort((a, b) => a.nodeId < b.nodeId ? -1 : 1);
  deepStrictEqual(got, want, "after: nodes");
  if (!renumbered) strictEqual(machine.seqno, after.ownSeqno, "after: own sequence number");
  const expected = renumbered || renamed
    ? slowNetworkHash(profile, machine.nodes())
    : after.networkHash;
  strictEqual(toHex(machine.networkHash(now)), expected, "after: network hash");
}
