/** DNCP over datagrams, as HNCP has it: requests, replies, Trickle and keep-alives, bounds. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { TlvType } from "../../lib/dncp/tlv.ts";
import { concat, fromHex, toHex } from "../../lib/wire/mod.ts";
import { datagrams, type Sent } from "./harness.ts";
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
