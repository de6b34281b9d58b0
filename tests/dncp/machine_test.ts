/** The machine as a whole: endpoints that come and go, what it tells, and when it wants to be woken. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { hncpProfile, nativeProfile } from "../../lib/dncp/mod.ts";
import { concat, fromHex, toHex } from "../../lib/wire/mod.ts";
import { Random } from "../../lib/core/mod.ts";
import { datagrams, dialled, Lone, sharedLink, slowNetworkHash } from "./harness.ts";
import { type Member, Net } from "./toy_links.ts";

const A = "a".repeat(16);
const B = "b".repeat(16);
const text = (value: string) => nativeProfile.tlv.encode(200, new TextEncoder().encode(value));

Deno.test("machine: an endpoint that comes late is woken as one that was there from the start", () => {
  for (
    const [profile, config] of [[hncpProfile, datagrams()], [nativeProfile, sharedLink()]] as const
  ) {
    const lone = new Lone({ profile });
    lone.advance(100_000);
    deepStrictEqual(lone.take(), []);
    lone.machine.addEndpoint(lone.now, config);
    lone.advance(1_000);
    ok(lone.take().some(({ kind }) => kind === "multicast"), profile.name);
  }
});

Deno.test("machine: with nothing to do it sleeps", () => {
  const lone = new Lone({ profile: nativeProfile, endpoints: [dialled()] });
  lone.machine.publish(0, [text("mine")]);
  lone.advance(24 * 3_600_000);
  ok(lone.wakes < 30, `${lone.wakes} wakes in a day without links and addresses`);
});

Deno.test("machine: an endpoint that goes closes its streams and ends its dials", () => {
  const lone = new Lone({ profile: nativeProfile, endpoints: [dialled(1), dialled(2)] });
  lone.machine.connect(0, 1, "x");
  lone.machine.connect(0, 2, "y");
  lone.advance(10).take();
  lone.open(1, 1, "x", true).stream(1, lone.encode.nodeEndpoint(A, 1));
  lone.open(2, 2, "y", true).stream(2, lone.encode.nodeEndpoint(B, 1));
  lone.take();
  lone.machine.removeEndpoint(lone.now, 1);
  const closed = lone.take().flatMap((sent) => sent.kind === "close" ? [sent.stream] : []);
  deepStrictEqual(closed, [1]);
  deepStrictEqual(lone.machine.peers().map(({ node }) => node), [B]);
  lone.advance(25_000);
  ok(!lone.take().some(({ kind }) => kind === "dial"));
  lone.open(1, 3, "x");
  deepStrictEqual(lone.take().map(({ kind }) => kind), ["close"], "no such endpoint any more");
});

Deno.test("machine: it tells of every node that comes, changes and goes, once and in order", () => {
  const lone = new Lone({ profile: nativeProfile, nodeId: "5".repeat(16), endpoints: [dialled()] });
  const self = lone.machine.nodeId;
  lone.machine.publish(0, [text("mine")]);
  lone.open(1, 1, "x").stream(1, lone.encode.nodeEndpoint(A, 1)).advance(100);
  lone.told.nodes.length = 0;
  const data = lone.encode.peer(self, 1, 1);
  lone.stream(1, lone.nodeState(A, 1, data));
  lone.stream(1, lone.nodeState(A, 1, data), lone.nodeState(A, 2, data));
  lone.machine.streamClosed(lone.now, 1, "gone");
  lone.advance(100);
  const told = lone.told.nodes.map(({ before, after }) =>
    [before, after].map((view) => view ? `${view.id[0]}${view.seqno}` : "-").join(">")
  );
  deepStrictEqual(told, ["->a1", "a1>a2", "52>53", "a2>-"]);
  deepStrictEqual(lone.told.peers.map(({ kind, why }) => `${kind}: ${why}`), [
    "added: stream taken",
    "dropped: gone",
  ]);
});

Deno.test("machine: it is consistent when the last hash of every peer is its own", () => {
  const lone = new Lone({ profile: nativeProfile, nodeId: "5".repeat(16), endpoints: [dialled()] });
  strictEqual(lone.machine.consistent, true, "alone");
  for (const [i, id] of [A, B].entries()) {
    lone.open(1, i + 1, id).stream(i + 1, lone.encode.nodeEndpoint(id, 1));
  }
  lone.advance(100);
  const hash = () => lone.encode.networkState(fromHex(lone.networkHash));
  const states = () => [lone.machine.consistent, ...lone.machine.peers().map((p) => p.consistent)];
  deepStrictEqual(states(), [false, false, false]);
  lone.stream(1, hash());
  deepStrictEqual(states(), [false, true, false]);
  lone.stream(2, hash());
  deepStrictEqual(states(), [true, true, true]);
  lone.machine.publish(lone.now, [text("changed")]);
  deepStrictEqual(states(), [false, false, false]);
});

Deno.test("machine: a node that leaves without its peers' help is gone when its Peer TLVs are", () => {
  // The polite way to leave (spec §9.3): publish once more, without Peer TLVs.
  const net = new Net();
  const [a, b, c] = ["a", "b", "c"].map((name, i) => {
    const nodeId = name.repeat(16);
    const member = net.add(name, { profile: nativeProfile, nodeId, seed: i + 1 }).join(
      "l",
      dialled(),
    );
    member.machine.publish(0, [text(name)]);
    return member;
  });
  ok(a && b && c);
  a.machine.connect(0, 1, "b");
  b.machine.connect(0, 1, "c");
  ok(net.until(() => net.converged, 5_000) !== undefined);
  c.machine.removeEndpoint(net.now, 1);
  net.run(100);
  for (const { machine } of [a, b]) {
    deepStrictEqual([...machine.nodes()].map(({ id }) => id), [a.id, b.id]);
  }
  strictEqual(toHex(a.machine.networkHash(net.now)), toHex(b.machine.networkHash(net.now)));
});

Deno.test("machine: goodbye by datagram takes a node away at once, also further away", () => {
  const net = new Net();
  const [a, b, c] = ["a", "b", "c"].map((name, i) => {
    const nodeId = name.repeat(8);
    const member = net.add(name, { profile: hncpProfile, nodeId, seed: i + 1 });
    member.machine.publish(0, [hncpProfile.tlv.encode(64, Uint8Array.of(i))]);
    return member;
  });
  ok(a && b && c);
  // A line: b alone is a peer of c.
  a.join("ab", datagrams(1));
  b.join("ab", datagrams(1)).join("bc", datagrams(2));
  c.join("bc", datagrams(1));
  ok(net.until(() => net.converged, 60_000) !== undefined);
  net.run(30_000);
  c.machine.leave(net.now);
  // What it said is on its way; nothing follows.
  net.run(net.latency);
  net.kill(c);
  net.run(100);
  deepStrictEqual([b.peers, [...b.machine.nodes()].map(({ id }) => id)], [[a.id], [a.id, b.id]]);
  const took = net.until(() => [...a.machine.nodes()].length === 2, 10_000);
  ok(took !== undefined && took < 2_000, `the other end of the line knew after ${took} ms`);
});

Deno.test("machine: the application may publish in the moment it is told of something", () => {
  for (let seed = 1; seed <= 5; seed++) {
    const random = new Random(seed);
    const net = new Net(2);
    for (let i = 0; i < 8; i++) {
      const nodeId = toHex(random.bytes(8));
      let told = 0;
      const member: Member = net.add(`n${i}`, {
        profile: nativeProfile,
        nodeId,
        seed: 100 * seed + i,
        // Of itself it is told too: answering to that would never end.
        onNodeChanged: ({ after, before }) => {
          if (i > 0 || (after ?? before)?.self) return;
          member.machine.publish(net.now, [text(`${told++}`)]);
        },
      });
      member.join("l", sharedLink());
      if (i > 0) member.machine.publish(0, [text(member.name)]);
    }
    for (let step = 0; step < 30; step++) {
      const member = random.pick(net.members.slice(1));
      member.cut = !member.cut;
      net.run(random.below(40_000));
      for (const { machine } of net.members) {
        const hash = slowNetworkHash(nativeProfile, machine.nodes());
        strictEqual(toHex(machine.networkHash(net.now)), hash, `seed ${seed}, step ${step}`);
      }
    }
    for (const member of net.members) member.cut = false;
    ok(net.until(() => net.converged, 60_000) !== undefined, `seed ${seed}`);
  }
});

Deno.test("machine: what has no room is told, and what was known stays", () => {
  const profile = { ...hncpProfile, maxAllData: 100 };
  const lone = new Lone({ profile, endpoints: [datagrams()] });
  const { encode } = lone;
  const peer = "a0000001";
  const link = encode.peer(lone.machine.nodeId, 1, 7);
  const from = (seqno: number, data: Uint8Array) =>
    lone.datagram(1, "peer", encode.nodeEndpoint(peer, 7), lone.nodeState(peer, seqno, data));
  from(1, link);
  deepStrictEqual(lone.told.noRoom, []);
  from(2, concat([link, profile.tlv.encode(70, new Uint8Array(90))]));
  deepStrictEqual(lone.told.noRoom, [peer]);
  strictEqual(lone.machine.counters.nodesRefused, 1);
  strictEqual(lone.machine.node(peer)?.seqno, 1);
});
