/**
 * All vectors of `dncp.json` (spec §18), in `tests/vectors/` or in the folder `$VECTORS_DIR`. One
 * test a vector.
 */
import { deepStrictEqual, fail, ok, strictEqual } from "node:assert/strict";
import { Random } from "../../lib/core/mod.ts";
import { hashOf } from "../../lib/dncp/core.ts";
import { createNetworkHash, hncpProfile, isOlder, sortTlvs, Trickle } from "../../lib/dncp/mod.ts";
import { NodeContent } from "../../lib/dncp/node_content.ts";
import { NodeRecord } from "../../lib/dncp/node_record.ts";
import { NodeTable } from "../../lib/dncp/node_table.ts";
import { decodeTlvs, TlvType } from "../../lib/dncp/tlv.ts";
import { decodeShspPair, SHSP_PAIR } from "../../lib/state/mod.ts";
import { concat, fromHex, toHex } from "../../lib/wire/mod.ts";
import { readVectors } from "../wire/vectors.ts";
import { datagrams, hashOfData, Lone, slowNetworkHash } from "./harness.ts";
import { checkDecision, type Decision } from "./vector_decision.ts";
import { checkLeafTrace, type LeafTrace } from "./vector_leaf.ts";
import {
  checkShspAuth,
  checkShspState,
  checkShspUpdate,
  type ShspAuth,
  type ShspState,
  type ShspUpdate,
} from "./vector_shsp.ts";
import { checkTlv, checkTlvs, encodeVector, type VectorTlv } from "./vector_tlvs.ts";

interface Vector {
  readonly id: string;
  readonly kind: string;
}

const profile = hncpProfile;

/** A test, named after its vector. */
function run(vector: Vector, fn: () => void, part = ""): void {
  Deno.test(`${vector.kind} ${vector.id}${part}`, fn);
}

function tlv(vector: Vector & { hex: string; decoded: VectorTlv }): void {
  run(vector, () => {
    const { tlvs, error, warnings } = decodeTlvs(profile, fromHex(vector.hex));
    deepStrictEqual({ error, warnings }, { error: null, warnings: [] });
    strictEqual(tlvs.length, 1);
    const [only] = tlvs;
    ok(only);
    checkTlv(only, vector.decoded);
    strictEqual(toHex(encodeVector(vector.decoded, only)), vector.hex);
    strictEqual(toHex(profile.tlv.encode(only.raw.type, only.raw.value)), vector.hex);
  });
}

interface DatagramVector extends Vector {
  readonly hex: string;
  readonly tlvs: readonly VectorTlv[];
  readonly multicast?: boolean;
  readonly staleHashNodeIds?: readonly string[];
}

function datagram(vector: DatagramVector): void {
  run(vector, () => {
    const bytes = fromHex(vector.hex);
    const { tlvs, error, warnings } = decodeTlvs(profile, bytes);
    deepStrictEqual({ error, warnings }, { error: null, warnings: [] });
    checkTlvs(tlvs, vector.tlvs);
    const again = tlvs.map((each, i) => encodeVector(vector.tlvs[i] as VectorTlv, each));
    strictEqual(toHex(concat(again)), vector.hex);
    const stale = tlvs.flatMap(({ fields }) =>
      fields?.type === TlvType.NodeState && fields.data.length > 0 &&
        toHex(hashOf(profile, fields.data)) !== toHex(fields.hash)
        ? [fields.nodeId]
        : []
    );
    deepStrictEqual(stale, vector.staleHashNodeIds ?? []);
    const lone = new Lone({ profile, endpoints: [datagrams()] });
    if (vector.multicast) lone.multicast(1, "x", bytes);
    else lone.datagram(1, "x", bytes);
    strictEqual(lone.machine.counters.hashMismatches, stale.length);
    strictEqual(lone.machine.counters.malformed, 0);
  });
}

interface MalformedVector extends Vector {
  readonly hex: string;
  readonly context: "datagram" | "node-data";
  readonly expect: {
    readonly tlvs: readonly VectorTlv[];
    readonly error: string | null;
    readonly warnings: readonly string[];
  };
}

function malformed(vector: MalformedVector): void {
  const { tlvs, error, warnings } = vector.expect;
  run(vector, () => {
    const bytes = fromHex(vector.hex);
    const got = decodeTlvs(profile, bytes);
    checkTlvs(got.tlvs, tlvs);
    strictEqual(got.error, error);
    // What is wrong inside a key-value pair is for SHSP to say.
    const pairs = got.tlvs.filter(({ raw }) => raw.type === SHSP_PAIR)
      .flatMap(({ raw }) => decodeShspPair(raw.value).warning ?? []);
    deepStrictEqual([...got.warnings, ...pairs].sort(), [...warnings].sort());
    const lone = new Lone({ profile, endpoints: [datagrams()] });
    if (vector.context === "datagram") {
      lone.datagram(1, "x", bytes);
      strictEqual(lone.machine.counters.malformed, error || warnings.length > 0 ? 1 : 0);
    } else {
      keptByteForByte(lone, bytes);
    }
  });
}

/** Odd node data whose hash fits are stored and passed on exactly as they came (spec §2.3). */
function keptByteForByte(lone: Lone, odd: Uint8Array): void {
  const { encode } = lone;
  const peer = "a0000001";
  // In front of what is odd: a Peer TLV, so that the node is reachable.
  const data = concat([encode.peer(lone.machine.nodeId, 1, 7), odd]);
  lone.datagram(1, "peer", encode.nodeEndpoint(peer, 7)).advance(50);
  lone.datagram(1, "peer", lone.nodeState(peer, 3, data)).advance(50);
  strictEqual(toHex(lone.machine.node(peer)?.data ?? new Uint8Array(0)), toHex(data));
  lone.take();
  lone.datagram(1, "peer", encode.requestNodeState(peer));
  const [reply] = lone.take();
  const state = reply && lone.fields(reply).find((each) => each.type === TlvType.NodeState);
  ok(state?.type === TlvType.NodeState);
  strictEqual(toHex(state.data), toHex(data));
}

function nodeDataHash(
  vector: Vector & { tlvsAsAdded: string[]; nodeData: string; md5: string; hash: string },
): void {
  run(vector, () => {
    const data = concat(sortTlvs(vector.tlvsAsAdded.map((hex) => fromHex(hex))));
    strictEqual(toHex(data), vector.nodeData);
    strictEqual(toHex(profile.hash(data)), vector.md5);
    strictEqual(toHex(hashOf(profile, data)), vector.hash);
    // And the way it goes when a node publishes them.
    const lone = new Lone({ profile, endpoints: [datagrams()] });
    lone.machine.publish(lone.now, vector.tlvsAsAdded.map((hex) => fromHex(hex)));
    const own = lone.machine.node(lone.machine.nodeId);
    strictEqual(own ? toHex(own.data) : "", vector.nodeData);
  });
}

function networkHash(
  vector: Vector & {
    nodes: { nodeId: string; seqno: number; nodeData: string; hash: string }[];
    concatenated: string;
    md5: string;
    networkHash: string;
  },
): void {
  run(vector, () => {
    strictEqual(toHex(profile.hash(fromHex(vector.concatenated))), vector.md5);
    const hash = createNetworkHash(profile);
    for (const node of vector.nodes) {
      strictEqual(toHex(hashOfData(profile, fromHex(node.nodeData))), node.hash);
      hash.set(node.nodeId, node.seqno, fromHex(node.hash));
    }
    strictEqual(toHex(hash.digest()), vector.networkHash);
    const nodes = vector.nodes.map((n) => ({ ...n, id: n.nodeId, hash: fromHex(n.hash) }));
    strictEqual(slowNetworkHash(profile, nodes), vector.networkHash, "the plain twin");
  });
}

function seqCompare(vector: Vector & { a: number; b: number; aLessThanB: boolean }): void {
  run(vector, () => strictEqual(isOlder(vector.a, vector.b), vector.aLessThanB));
}

interface ReachabilityVector extends Vector {
  readonly self: string;
  readonly nodes: readonly {
    nodeId: string;
    nodeData: string;
    peers: readonly { peerNodeId: string; peerEndpointId: number; endpointId: number }[];
  }[];
  readonly reachable: readonly string[];
}

function reachability(vector: ReachabilityVector): void {
  run(vector, () => {
    const records = vector.nodes.map(({ nodeId, nodeData, peers }) => {
      const data = fromHex(nodeData);
      const content = new NodeContent(profile, nodeId, data, hashOf(profile, data));
      const self = nodeId === vector.self;
      const record = new NodeRecord(content, { self, seqno: 1, age: 0, received: 0 });
      deepStrictEqual(
        record.links.map(({ node, peerEndpoint, endpoint }) => ({
          peerNodeId: node,
          peerEndpointId: peerEndpoint,
          endpointId: endpoint,
        })),
        peers,
      );
      return record;
    });
    for (const order of [records, [...records].reverse()]) {
      const table = new NodeTable(profile, vector.self, 0, () => {});
      for (const record of order) {
        table.store(record);
        table.update(0);
      }
      deepStrictEqual(table.reachableIds(), vector.reachable);
      for (const record of records) record.reachable = false;
    }
  });
}

function trickle(vector: Vector & { iminMs: number; imaxMs: number; intervalsMs: number[] }): void {
  run(vector, () => {
    const timer = new Trickle(
      { imin: vector.iminMs, imax: vector.imaxMs, k: 1 },
      new Random(1),
      0,
    );
    let start = 0;
    const intervals = vector.intervalsMs.map(() => {
      const { interval } = timer;
      const sendAt = timer.nextWake - start;
      ok(sendAt >= interval / 2 && sendAt < interval, `t = ${sendAt} of I = ${interval}`);
      ok(timer.wake(timer.nextWake), "nothing was heard, so something is sent");
      start += interval;
      strictEqual(timer.nextWake, start);
      strictEqual(timer.wake(start), false);
      return interval;
    });
    deepStrictEqual(intervals, vector.intervalsMs);
  });
}

function decision(vector: Vector & Decision): void {
  run(vector, () => checkDecision(vector));
}

interface TraceVector extends Vector {
  readonly role: string;
  readonly events: readonly {
    dir: "rx" | "tx";
    unicast: boolean;
    sender?: string;
    to?: string | null;
    hex: string;
  }[];
  readonly final?: {
    networkHash: string;
    nodes: readonly { nodeId: string; seqno: number; hash: string }[];
  };
}

function trace(vector: TraceVector): void {
  run(vector, () => checkTraceDatagrams(vector), " (datagrams)");
  if (vector.role === "read-only") run(vector, () => runReadOnly(vector));
  else if (vector.role === "leaf-continual") {
    run(vector, () => checkLeafTrace(vector as TraceVector & LeafTrace));
  } else {
    run(vector, () => fail(`nobody here plays the role "${vector.role}"`), " (role)");
  }
}

/** Every datagram decodes cleanly, encodes to itself, and its hashes fit. */
function checkTraceDatagrams({ events }: TraceVector): void {
  let lists = 0;
  for (const { hex } of events) {
    const { tlvs, error, warnings } = decodeTlvs(profile, fromHex(hex));
    deepStrictEqual({ error, warnings }, { error: null, warnings: [] });
    const again = tlvs.map(({ raw }) => profile.tlv.encode(raw.type, raw.value));
    strictEqual(toHex(concat(again)), hex);
    const hash = createNetworkHash(profile);
    let said: string | undefined;
    let short = 0;
    for (const { fields } of tlvs) {
      if (fields?.type === TlvType.NetworkState) said = toHex(fields.hash);
      if (fields?.type !== TlvType.NodeState) continue;
      if (fields.data.length > 0) {
        strictEqual(toHex(hashOf(profile, fields.data)), toHex(fields.hash));
      } else {
        short++;
        hash.set(fields.nodeId, fields.seqno, fields.hash);
      }
    }
    // A list together with its hash is whole.
    if (short === 0 || said === undefined) continue;
    strictEqual(toHex(hash.digest()), said);
    lists++;
  }
  ok(lists > 0 || events.length === 0, "no list was seen");
}

function runReadOnly({ events, final }: TraceVector): void {
  const lone = new Lone({ profile, readOnly: true, endpoints: [datagrams()] });
  for (const { dir, unicast, sender, hex } of events) {
    if (dir === "tx") continue;
    if (unicast) lone.datagram(1, sender ?? "", fromHex(hex));
    else lone.multicast(1, sender ?? "", fromHex(hex));
    // Beyond what limits the rate of requests.
    lone.advance(2 * profile.trickle.imin);
  }
  for (const sent of lone.take()) {
    strictEqual(sent.kind, "datagram", "a reader never multicasts (spec §16)");
    ok(!lone.fields(sent).some(({ type }) => type === TlvType.NodeEndpoint), "nor is it seen");
  }
  if (!final) return;
  deepStrictEqual(
    [...lone.machine.nodes()].map(({ id, seqno, hash }) => ({
      nodeId: id,
      seqno,
      hash: toHex(hash),
    })),
    final.nodes,
  );
  strictEqual(lone.networkHash, final.networkHash);
}

function shspAuth(vector: Vector & ShspAuth): void {
  run(vector, () => checkShspAuth(vector));
}

function shspState(vector: Vector & ShspState): void {
  run(vector, () => checkShspState(vector));
}

function shspUpdate(vector: Vector & ShspUpdate): void {
  run(vector, () => checkShspUpdate(vector));
}

/** Kind of vector → its tests. The shapes are those of spec §18. */
const kinds = new Map<string, (vector: never) => void>([
  ["tlv", tlv],
  ["datagram", datagram],
  ["malformed", malformed],
  ["node-data-hash", nodeDataHash],
  ["network-hash", networkHash],
  ["seq-compare", seqCompare],
  ["reachability", reachability],
  ["trickle", trickle],
  ["decision", decision],
  ["trace", trace],
  ["shsp-auth", shspAuth],
  ["shsp-state", shspState],
  ["shsp-update", shspUpdate],
]);

const { vectors } = readVectors<{ vectors: Vector[] }>("dncp.json");

Deno.test("dncp.json holds vectors", () => ok(vectors.length > 0));

for (const vector of vectors) {
  const register = kinds.get(vector.kind);
  if (register) register(vector as never);
  else {
    run(
      vector,
      () => fail(`no test knows vectors of kind "${vector.kind}" (${[...kinds.keys()]})`),
    );
  }
}
