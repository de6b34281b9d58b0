/** DNCP over datagrams: who is a peer and for how long, readers, and one's own id. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { type Fields, TlvType } from "../../lib/dncp/tlv.ts";
import { concat, fromHex, toHex } from "../../lib/wire/mod.ts";
import { datagrams, Lone } from "./harness.ts";
import { Net } from "./toy_links.ts";
import {
  DROP,
  full,
  imin,
  isRequest,
  multicastsOf,
  odd,
  PEER,
  profile,
  typesOf,
  withPeer,
} from "./hearing.ts";

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
