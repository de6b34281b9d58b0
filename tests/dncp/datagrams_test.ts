/** DNCP over datagrams, as HNCP has it: requests, replies, keep-alives, silence, readers. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { EndpointConfig } from "../../lib/dncp/api.ts";
import { hncpProfile } from "../../lib/dncp/mod.ts";
import { type Fields, TlvType } from "../../lib/dncp/tlv.ts";
import { concat, fromHex, toHex } from "../../lib/wire/mod.ts";
import { datagrams, Lone, Net, type Sent } from "./harness.ts";

const profile = hncpProfile;
const PEER = "a0000001";
const { imin } = profile.trickle;
const DROP = profile.keepAlive.interval * profile.keepAlive.multiplier;
const odd = (fill: number) => new Uint8Array(8).fill(fill);

function full(config: Partial<EndpointConfig> = {}, options: { readOnly?: boolean } = {}): Lone {
  const lone = new Lone({ profile, endpoints: [{ ...datagrams(), ...config }], ...options });
  lone.machine.publish(0, [profile.tlv.encode(64, fromHex("01"))]);
  return lone;
}

/** A node with one peer whose state it has. */
function withPeer(config: Partial<EndpointConfig> = {}, more: Uint8Array[] = []): Lone {
  const lone = full(config);
  const { encode } = lone;
  lone.datagram(1, "peer", encode.nodeEndpoint(PEER, 7)).advance(100);
  const data = concat([encode.peer(lone.machine.nodeId, 1, 7), ...more]);
  lone.datagram(1, "peer", encode.nodeEndpoint(PEER, 7), lone.nodeState(PEER, 3, data));
  deepStrictEqual(lone.nodeIds, [lone.machine.nodeId, PEER]);
  lone.advance(10 * imin).take();
  return lone;
}

const typesOf = (lone: Lone, sent: Sent) => lone.fields(sent).map(({ type }) => type);
const isRequest = (lone: Lone, sent: Sent) =>
  typesOf(lone, sent).includes(TlvType.RequestNetworkState);

function multicastsOf(log: readonly Sent[]): Sent[] {
  return log.filter(({ kind }) => kind === "multicast");
}

Deno.test("datagrams: at most one request for the list in Imin, whoever differs and however", () => {
  const lone = full();
  const { encode } = lone;
  lone.advance(1_000).take();
  let requests = 0;
  for (let t = 0; t < 2_000; t += 10) {
    const from = `a00000${(t / 10 % 90) + 10}`;
    const hash = encode.networkState(odd(t / 10));
    if (t % 20 === 0) lone.datagram(1, from, encode.nodeEndpoint(from, 1), hash);
    else lone.multicast(1, from, encode.nodeEndpoint(from, 1), hash);
    lone.advance(10);
    requests += lone.take().filter((sent) => isRequest(lone, sent)).length;
  }
  ok(requests >= 8 && requests <= 11, `${requests} in 2 s`);
  ok(lone.machine.counters.requestsSuppressed > 150);
});

Deno.test("datagrams: the limit is one an endpoint", () => {
  const lone = full();
  lone.machine.addEndpoint(0, datagrams(2));
  lone.advance(1_000).take();
  for (const endpoint of [1, 2, 1, 2]) {
    lone.datagram(endpoint, "x", lone.encode.networkState(odd(9)));
  }
  const requests = lone.take().filter((sent) => isRequest(lone, sent));
  deepStrictEqual(requests.map((sent) => "endpoint" in sent ? sent.endpoint : 0), [1, 2]);
});

Deno.test("datagrams: replies to multicast wait for up to Imin/2 and what falls due together is merged", () => {
  const lone = full();
  const { encode } = lone;
  lone.advance(1_000).take();
  for (const id of ["b0000001", "b0000002"]) {
    lone.multicast(1, "x", encode.nodeEndpoint(PEER, 7), encode.nodeState(id, 1, 0, odd(1)));
  }
  deepStrictEqual(lone.take(), [], "not at once");
  const start = lone.now;
  lone.advance(imin / 2);
  const requests = lone.take().filter(({ kind }) => kind === "datagram");
  strictEqual(requests.length, 1);
  ok((requests[0]?.at ?? 0) > start);
  deepStrictEqual(typesOf(lone, requests[0] as Sent), [3, 2, 2]);
});

Deno.test("datagrams: requests by multicast get no answer", () => {
  const lone = withPeer();
  const { encode } = lone;
  lone.multicast(1, "peer", encode.requestNetworkState(), encode.requestNodeState(PEER));
  lone.advance(imin);
  deepStrictEqual(lone.take().filter(({ kind }) => kind === "datagram"), []);
});

Deno.test("datagrams: a long list is split at 1232 bytes, and its hash stands in the first only", () => {
  const lone = full();
  const { encode } = lone;
  const self = lone.machine.nodeId;
  const count = 300;
  for (let i = 0; i < count; i++) {
    const id = (0xa000_0000 + i).toString(16);
    lone.datagram(1, id, encode.nodeEndpoint(id, 7));
    lone.datagram(1, id, lone.nodeState(id, 3, encode.peer(self, 1, 7)));
  }
  lone.advance(1_000).take();
  lone.datagram(1, "x", encode.requestNetworkState());
  const parts = lone.take().filter((s) => s.kind === "datagram" && s.to === "x");
  const fields = parts.map((part) => lone.fields(part));
  ok(parts.length >= (count * 24) / 1_232 && parts.length <= 8, `${parts.length} datagrams`);
  for (const part of parts) {
    ok("payload" in part && part.payload.length <= 1_232);
    strictEqual(typesOf(lone, part)[0], TlvType.NodeEndpoint);
  }
  deepStrictEqual(fields.map((f) => f.filter(({ type }) => type === 4).length), [
    1,
    ...fields.slice(1).map(() => 0),
  ]);
  const ids = fields.flat().flatMap((f) => f.type === TlvType.NodeState ? [f.nodeId] : []);
  deepStrictEqual(ids, lone.nodeIds, "every node once, in ascending order");
  strictEqual(ids.length, count + 1);
});

Deno.test("datagrams: a Node State larger than a datagram should be goes alone, whole", () => {
  const large = profile.tlv.encode(64, new Uint8Array(3_000).fill(1));
  const lone = withPeer({}, [large]);
  const { encode } = lone;
  lone.datagram(
    1,
    "x",
    encode.requestNodeState(lone.machine.nodeId),
    encode.requestNodeState(PEER),
  );
  const parts = lone.take();
  deepStrictEqual(parts.map((part) => typesOf(lone, part)), [[3, 5], [3, 5]]);
  const sizes = parts.map((part) => "payload" in part ? part.payload.length : 0);
  ok((sizes[0] as number) < 100 && (sizes[1] as number) > 3_000);
});

Deno.test("datagrams: the same asked many times in one datagram is answered once", () => {
  const lone = withPeer();
  const { encode } = lone;
  const many = Array.from({ length: 500 }, () => [
    encode.requestNetworkState(),
    encode.requestNodeState(PEER),
    encode.requestNodeState("deadbeef"),
  ]).flat();
  lone.datagram(1, "x", ...many);
  const sent = lone.take();
  const bytes = sent.reduce((sum, each) => sum + ("payload" in each ? each.payload.length : 0), 0);
  ok(bytes < 500, `${bytes} bytes of reply`);
  const types = sent.flatMap((each) => typesOf(lone, each)).filter((type) => type !== 3);
  deepStrictEqual(types.sort(), [4, 5, 5, 5]);
});

Deno.test("datagrams: alone it multicasts on Trickle's schedule, and at least every keep-alive interval", () => {
  const lone = full();
  lone.advance(600_000);
  const sent = multicastsOf(lone.take());
  const gaps = sent.slice(1).map(({ at }, i) => at - (sent[i]?.at ?? 0));
  ok(Math.max(...gaps) <= 20_000 + imin / 2, `longest silence ${Math.max(...gaps)}`);
  // Trickle from 200 ms up to 25.6 s, beaten by the keep-alive at the end.
  ok(sent.length > 35 && sent.length < 60, `${sent.length} in ten minutes`);
  for (const each of sent) {
    const types = typesOf(lone, each);
    deepStrictEqual(types.slice(0, 2), [TlvType.NodeEndpoint, TlvType.NetworkState]);
  }
});

Deno.test("datagrams: keep-alives go out though Trickle is silenced by others", () => {
  const lone = withPeer();
  const same = [
    lone.encode.nodeEndpoint(PEER, 7),
    () => lone.encode.networkState(fromHex(lone.networkHash)),
  ] as const;
  lone.take();
  for (let t = 0; t < 200_000; t += 150) {
    lone.multicast(1, "peer", same[0], same[1]());
    lone.advance(150);
  }
  const sent = multicastsOf(lone.take());
  ok(sent.length >= 9 && sent.length <= 11, `${sent.length} in 200 s`);
  strictEqual(lone.machine.peers().length, 1);
});

Deno.test("datagrams: a different keep-alive interval is kept, and announced", () => {
  const lone = full({ keepAliveInterval: 3_000 });
  lone.advance(100_000).take();
  lone.advance(100_000);
  const sent = multicastsOf(lone.take());
  const gaps = sent.slice(1).map(({ at }, i) => at - (sent[i]?.at ?? 0));
  ok(Math.max(...gaps) <= 3_000 + imin / 2, `longest silence ${Math.max(...gaps)}`);
  const own = lone.machine.node(lone.machine.nodeId);
  ok(
    toHex(own?.data ?? new Uint8Array(0)).includes(toHex(lone.encode.keepAliveInterval(1, 3_000))),
  );
});

Deno.test("datagrams: an interval of 0 means no keep-alives, not endless ones", () => {
  const lone = full({ keepAliveInterval: 0 });
  lone.advance(600_000);
  const sent = multicastsOf(lone.take()).length;
  ok(sent < 60, `${sent} in ten minutes`);
});

Deno.test("datagrams: short Node States go along at Imin only, and where they fit", () => {
  const lone = withPeer();
  lone.machine.publish(lone.now, []);
  const start = lone.now;
  lone.advance(10_000);
  const sent = multicastsOf(lone.take());
  for (const each of sent) {
    const states = typesOf(lone, each).filter((type) => type === TlvType.NodeState).length;
    strictEqual(states, each.at - start < imin ? 2 : 0, `${states} at ${each.at - start} ms`);
  }
  ok(sent.length >= 3);
});

Deno.test("datagrams: a silent peer is asked before it is dropped, and dropped after 2.1 intervals", () => {
  const lone = withPeer();
  const last = lone.machine.peers()[0]?.lastContact ?? NaN;
  lone.advance(last + profile.probeAfter - lone.now - 1);
  ok(!lone.take().some((sent) => isRequest(lone, sent)), "not yet");
  lone.advance(last + DROP - lone.now - 1);
  const probes = lone.take().filter((sent) => isRequest(lone, sent));
  ok(probes.length >= 10 && probes.length <= 11, `${probes.length} questions`);
  for (const probe of probes) {
    ok(probe.kind === "datagram" && probe.to === "peer");
    deepStrictEqual(typesOf(lone, probe), [3, 4, 1]);
  }
  strictEqual(lone.machine.peers().length, 1, "one millisecond before");
  lone.advance(100);
  strictEqual(lone.machine.peers().length, 0);
  deepStrictEqual(lone.nodeIds, [lone.machine.nodeId]);
  deepStrictEqual(lone.told.peers.at(-1)?.why, "nothing heard for 42 s");
  const own = toHex(lone.machine.node(lone.machine.nodeId)?.data ?? new Uint8Array(0));
  ok(!own.includes(PEER), "its Peer TLV is gone");
});

Deno.test("datagrams: one answer to the questions keeps the peer", () => {
  const lone = withPeer();
  for (let i = 0; i < 20; i++) {
    lone.advance(40_000).take();
    lone.datagram(1, "peer", lone.encode.nodeEndpoint(PEER, 7));
    strictEqual(lone.machine.peers().length, 1, `after ${i}`);
  }
  lone.advance(10_000);
  ok(!lone.take().some((sent) => isRequest(lone, sent)), "and the questions end");
});

Deno.test("datagrams: a consistent multicast refreshes a peer, a differing one does not", () => {
  for (const consistent of [true, false]) {
    const lone = withPeer();
    for (let i = 0; i < 10; i++) {
      const hash = consistent ? fromHex(lone.networkHash) : odd(5);
      lone.multicast(1, "peer", lone.encode.nodeEndpoint(PEER, 7), lone.encode.networkState(hash));
      lone.advance(15_000);
    }
    strictEqual(lone.machine.peers().length, consistent ? 1 : 0);
  }
});

Deno.test("datagrams: the peer's own keep-alive interval decides", () => {
  const cases: [tlvs: (lone: Lone) => Uint8Array[], after: number][] = [
    [({ encode }) => [encode.keepAliveInterval(7, 1_000)], 2_100],
    [({ encode }) => [encode.keepAliveInterval(0, 60_000)], 126_000],
    [
      ({ encode }) => [encode.keepAliveInterval(0, 1_000), encode.keepAliveInterval(7, 60_000)],
      126_000,
    ],
    [({ encode }) => [encode.keepAliveInterval(9, 1_000)], 42_000],
  ];
  for (const [tlvs, after] of cases) {
    const lone = full();
    const { encode } = lone;
    lone.datagram(1, "peer", encode.nodeEndpoint(PEER, 7)).advance(100);
    const data = concat([encode.peer(lone.machine.nodeId, 1, 7), ...tlvs(lone)]);
    lone.datagram(1, "peer", encode.nodeEndpoint(PEER, 7), lone.nodeState(PEER, 3, data));
    const start = lone.now;
    lone.advance(after - 1);
    strictEqual(lone.machine.peers().length, 1, `still there before ${after}`);
    lone.advance(2);
    strictEqual(lone.machine.peers().length, 0, `gone after ${lone.now - start}`);
  }
});

Deno.test("datagrams: without multicast each peer has Trickle and keep-alives of its own", () => {
  const lone = full({ mode: "datagram" });
  const { encode } = lone;
  const peers = ["a0000001", "a0000002", "a0000003"];
  const speak = () => {
    for (const id of peers) lone.datagram(1, id, encode.nodeEndpoint(id, 7));
  };
  speak();
  for (const id of peers) {
    lone.datagram(1, id, lone.nodeState(id, 1, encode.peer(lone.machine.nodeId, 1, 7)));
  }
  for (let t = 0; t < 300_000; t += 10_000) {
    speak();
    lone.advance(10_000);
  }
  const log = lone.take();
  strictEqual(multicastsOf(log).length, 0);
  for (const id of peers) {
    const mine = log.filter((sent) => sent.kind === "datagram" && sent.to === id);
    const gaps = mine.slice(1).map(({ at }, i) => at - (mine[i]?.at ?? 0));
    ok(Math.max(...gaps) <= 20_000 + imin / 2, `${id}: ${Math.max(...gaps)}`);
    ok(mine.length < 40, `${id}: ${mine.length}`);
  }
  // One of them falls silent: it alone is dropped, and told no more.
  const silent = peers.pop();
  for (let t = 0; t < 60_000; t += 10_000) {
    speak();
    lone.advance(10_000);
  }
  deepStrictEqual(lone.machine.peers().map(({ node }) => node), peers);
  lone.take();
  for (let t = 0; t < 60_000; t += 10_000) {
    speak();
    lone.advance(10_000);
  }
  ok(!lone.take().some((sent) => sent.kind === "datagram" && sent.to === silent));
});

Deno.test("datagrams: a client of one address sends there what others multicast", () => {
  const lone = full({ mode: "datagram", to: "[::1]:8231" });
  lone.advance(100_000);
  const log = lone.take();
  strictEqual(multicastsOf(log).length, 0);
  ok(log.length > 8 && log.every((s) => s.kind === "datagram" && s.to === "[::1]:8231"));
});

Deno.test("datagrams: what it hears of itself counts for nothing", () => {
  const lone = full();
  const echo = lone.encode.nodeEndpoint(lone.machine.nodeId, 1);
  for (let t = 0; t < 10_000; t += 50) {
    lone.multicast(1, "me", echo, lone.encode.networkState(fromHex(lone.networkHash)));
    lone.advance(50);
  }
  deepStrictEqual(lone.machine.peers(), []);
  const sent = multicastsOf(lone.take()).length;
  ok(sent >= 5, `${sent}: Trickle would be silent if the echo were taken for another node`);
});

Deno.test("datagrams: the first Node Endpoint counts, and one's own is nobody", () => {
  const lone = full();
  const { encode } = lone;
  lone.datagram(1, "x", encode.nodeEndpoint(lone.machine.nodeId, 1), encode.nodeEndpoint(PEER, 7));
  deepStrictEqual(lone.machine.peers(), []);
  lone.datagram(1, "x", encode.nodeEndpoint(PEER, 7), encode.nodeEndpoint("a0000002", 7));
  lone.multicast(1, "x", encode.nodeEndpoint("a0000003", 7));
  deepStrictEqual(lone.machine.peers().map(({ node }) => node), [PEER]);
  lone.datagram(1, "y", encode.nodeEndpoint(PEER, 8));
  strictEqual(lone.machine.peers().length, 2, "another endpoint of the same node is another peer");
});

Deno.test("datagrams: an endpoint that goes takes its peers along", () => {
  const lone = withPeer();
  lone.machine.removeEndpoint(lone.now, 1);
  lone.advance(100);
  deepStrictEqual(lone.machine.peers(), []);
  deepStrictEqual(lone.nodeIds, [lone.machine.nodeId]);
  lone.datagram(1, "peer", lone.encode.nodeEndpoint(PEER, 7), lone.encode.requestNetworkState());
  lone.take();
  lone.advance(600_000);
  deepStrictEqual(lone.take(), [], "and says nothing more");
});

Deno.test("datagrams: a reader is never seen, never multicasts, and forgets a hop that is silent", () => {
  const lone = new Lone({ profile, readOnly: true, endpoints: [datagrams()] });
  const { encode } = lone;
  const data = encode.peer("a0000002", 7, 7);
  const other = encode.peer(PEER, 7, 7);
  lone.multicast(1, "hop", encode.nodeEndpoint(PEER, 7), encode.networkState(odd(1)));
  lone.advance(imin);
  const asked = lone.take();
  deepStrictEqual(asked.map((sent) => typesOf(lone, sent)), [[4, 1]]);
  lone.datagram(1, "hop", encode.nodeEndpoint(PEER, 7), lone.nodeState(PEER, 3, data));
  lone.datagram(1, "hop", lone.nodeState("a0000002", 5, other));
  lone.advance(20);
  deepStrictEqual(lone.nodeIds, [PEER, "a0000002"]);
  const others = (fields: Fields[]) => fields.filter(({ type }) => type === TlvType.NodeEndpoint);
  lone.advance(DROP - 1_000);
  deepStrictEqual(lone.nodeIds, [PEER, "a0000002"], "still there");
  lone.advance(2_000);
  deepStrictEqual(lone.nodeIds, []);
  const log = lone.take();
  strictEqual(multicastsOf(log).length, 0);
  strictEqual(log.flatMap((sent) => others(lone.fields(sent))).length, 0);
});

Deno.test("datagrams: a reader that asks by itself and one that listens end with the same hash", () => {
  const net = new Net();
  const a = net.add("a", { profile, nodeId: "0a0a0a0a", seed: 1 }).join("l", datagrams());
  const b = net.add("b", { profile, nodeId: "0b0b0b0b", seed: 2 }).join("l", datagrams());
  for (const each of [a, b]) each.machine.publish(0, [profile.tlv.encode(64, fromHex(each.id))]);
  net.run(5_000);
  const reader = net.add("r", { profile, nodeId: "0c0c0c0c", seed: 3, readOnly: true });
  reader.join("l", datagrams());
  const took = net.until(
    () => toHex(reader.machine.networkHash(net.now)) === toHex(a.machine.networkHash(net.now)),
    60_000,
  );
  ok(took !== undefined && took < 25_000, `consistent after ${took} ms`);
  deepStrictEqual([...reader.machine.nodes()].map(({ id }) => id), [a.id, b.id]);
  deepStrictEqual([a.peers, b.peers], [[b.id], [a.id]], "and nobody has it for a peer");
});

Deno.test("datagrams: of two nodes with one id exactly one takes a new one", () => {
  for (let seed = 0; seed < 10; seed++) {
    const net = new Net();
    const nodes = ["a", "b", "c"].map((name, i) => {
      const nodeId = i < 2 ? "0a0a0a0a" : "0c0c0c0c";
      const member = net.add(name, { profile, nodeId, seed: 10 * seed + i }).join("l", datagrams());
      member.machine.publish(0, [profile.tlv.encode(64, new TextEncoder().encode(name))]);
      return member;
    });
    const took = net.until(() => net.converged, 60_000);
    ok(took !== undefined, `seed ${seed}: converged`);
    strictEqual(new Set(nodes.map(({ id }) => id)).size, 3);
    strictEqual(nodes.reduce((sum, { told }) => sum + told.ids.length, 0), 1, `seed ${seed}`);
  }
});

Deno.test("datagrams: thousands of made-up nodes are bounded, and forgotten when they fall silent", () => {
  const lone = full();
  const { encode } = lone;
  for (let i = 0; i < 6_000; i++) {
    const id = (0xb000_0000 + i).toString(16);
    lone.datagram(1, id, encode.nodeEndpoint(id, 7), encode.requestNodeState(lone.machine.nodeId));
    if (i % 50 === 0) lone.advance(50).take();
  }
  ok(lone.machine.peers().length <= profile.maxNodes);
  const own = lone.machine.node(lone.machine.nodeId);
  ok(own && own.data.length < 20_000, `${own?.data.length} bytes of own node data`);
  ok(lone.machine.counters.nodesRefused >= 5_000);
  lone.advance(DROP + 1_000);
  deepStrictEqual(lone.machine.peers(), []);
});

Deno.test("datagrams: what was received may be overwritten by its transport", () => {
  const lone = withPeer();
  const data = concat([
    lone.encode.peer(lone.machine.nodeId, 1, 7),
    profile.tlv.encode(64, odd(3)),
  ]);
  const buffer = lone.nodeState(PEER, 4, data);
  lone.machine.receiveDatagram(lone.now, 1, "peer", buffer);
  const before = lone.networkHash;
  buffer.fill(0xee);
  const view = lone.machine.node(PEER);
  deepStrictEqual([view?.seqno, toHex(view?.data ?? odd(0))], [4, toHex(data)]);
  strictEqual(toHex(view?.hash ?? odd(0)), toHex(lone.hash(data)));
  strictEqual(lone.networkHash, before);
});

Deno.test("datagrams: a node without node data is not asked for", () => {
  const lone = withPeer();
  const nothing = lone.hash(new Uint8Array(0));
  lone.datagram(1, "peer", lone.encode.nodeState("b0000001", 1, 0, nothing));
  lone.advance(imin);
  ok(!lone.take().some((sent) => typesOf(lone, sent).includes(TlvType.RequestNodeState)));
});
