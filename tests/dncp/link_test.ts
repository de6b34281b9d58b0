/** Shared links with streams: who dials whom, dense links and their hubs, clones, what went away. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { NodeId } from "../../lib/dncp/api.ts";
import { nativeProfile } from "../../lib/dncp/mod.ts";
import { TlvType } from "../../lib/dncp/tlv.ts";
import { concat, toHex } from "../../lib/wire/mod.ts";
import { Random } from "../../lib/core/mod.ts";
import { Lone, sharedLink } from "./harness.ts";
import { type Member, Net } from "./toy_links.ts";

const profile = nativeProfile;
const { bound, hubs: HUBS } = profile.dense ?? { bound: 0, hubs: 0 };
const text = (value: string) => profile.tlv.encode(200, new TextEncoder().encode(value));
const idOf = (seed: number, i: number): NodeId => toHex(new Random(1_000 * seed + i).bytes(8));

function join(net: Net, seed: number, i: number): Member {
  const member = net.add(`n${i}`, { profile, nodeId: idOf(seed, i), seed: 1_000 * seed + i });
  member.join("l", sharedLink());
  member.machine.publish(net.now, [text(member.name)]);
  return member;
}

/** `n` nodes that start at once on one link. */
function link(n: number, seed = 1): Net {
  const net = new Net(2);
  for (let i = 0; i < n; i++) join(net, seed, i);
  return net;
}

/** The nodes with the highest ids. */
function hubsOf(net: Net): NodeId[] {
  return net.members.map(({ id }) => id).sort().slice(-HUBS);
}

const listeners = (net: Net) =>
  net.members.filter(({ machine }) => machine.listening().length > 0).map(({ id }) => id).sort();

/** A dense link at rest: everyone has streams with the hubs and with nobody else. */
function checkDense(net: Net, what: string): void {
  const hubs = hubsOf(net);
  const all = net.members.map(({ id }) => id);
  deepStrictEqual(
    listeners(net),
    all.filter((id) => !hubs.includes(id)).sort(),
    `${what}: listeners`,
  );
  for (const member of net.members) {
    const expected = hubs.includes(member.id) ? all : hubs;
    deepStrictEqual(member.peers, expected.filter((id) => id !== member.id).sort(), what);
  }
}

Deno.test("link: few nodes have one stream a pair, dialled by the lower id", () => {
  for (let seed = 1; seed <= 5; seed++) {
    const net = link(bound, seed);
    ok(net.until(() => net.converged, 2_000) !== undefined);
    net.run(60_000);
    for (const member of net.members) {
      const others = net.members.filter((other) => other !== member).map(({ id }) => id).sort();
      deepStrictEqual(member.peers, others);
      strictEqual(member.streams.size, bound - 1);
      const above = others.filter((id) => id > member.id).length;
      strictEqual(member.dials, above, "one dial for each node above");
    }
    deepStrictEqual(listeners(net), []);
  }
});

Deno.test("link: from more nodes than the bound on, all but the hubs fall silent and let go of each other", () => {
  for (const n of [bound + 2, 20, 30]) {
    const net = link(n, n);
    const took = net.until(() => net.converged, 5_000);
    ok(took !== undefined && took < 2_000, `${n} nodes converged after ${took}`);
    net.run(20_000);
    checkDense(net, `${n} nodes`);
    ok(net.converged);
    // At rest a keep-alive of each hub is all that is multicast.
    net.run(100_000);
    const before = net.multicasts;
    net.run(100_000);
    const sent = net.multicasts - before;
    ok(sent <= HUBS * 100_000 / 6_000 + 2, `${sent} multicasts in 100 s from ${n} nodes`);
  }
});

Deno.test("link: dense or not, it does not flap around the bound", () => {
  const net = link(bound + 1, 7);
  net.run(20_000);
  deepStrictEqual(listeners(net), [], "the bound counts the others");
  join(net, 7, 100);
  net.run(20_000);
  checkDense(net, "one more");
  // One fewer than made it dense: it stays dense.
  const gone = net.members.find(({ id }) => !hubsOf(net).includes(id));
  ok(gone);
  net.kill(gone);
  net.run(100_000);
  ok(net.converged);
  strictEqual(listeners(net).length, bound - 1);
  for (let i = 0; i < 2; i++) {
    net.kill(net.members[0] as Member);
    net.run(100_000);
  }
  deepStrictEqual(listeners(net), [], "well below it, all speak again");
  for (const member of net.members) strictEqual(member.peers.length, net.members.length - 1);
  ok(net.converged);
});

Deno.test("link: a hub that dies is replaced by the next, and nobody is lost meanwhile", () => {
  for (const notice of [true, false]) {
    const net = link(16, 3);
    net.run(20_000);
    checkDense(net, "before");
    const hub = net.members.find(({ id }) => id === hubsOf(net).at(-1)) as Member;
    for (const { told } of net.members) told.nodes.length = 0;
    net.kill(hub, notice);
    net.run(100_000);
    ok(net.converged, notice ? "its streams broke" : "it just fell silent");
    checkDense(net, "after");
    for (const { told, name } of net.members) {
      const lost = told.nodes.filter(({ after }) => after === undefined).map(({ before }) =>
        before?.id
      );
      deepStrictEqual(lost, [hub.id], `${name} lost only the hub`);
    }
  }
});

Deno.test("link: both hubs dying at once is survived too", () => {
  const net = link(16, 4);
  net.run(20_000);
  for (const id of hubsOf(net)) net.kill(net.members.find((m) => m.id === id) as Member);
  const took = net.until(() => net.converged, 60_000);
  ok(took !== undefined && took < 10_000, `converged after ${took}`);
  net.run(60_000);
  checkDense(net, "after");
});

Deno.test("link: a newcomer with the highest id becomes a hub, and one with the lowest a listener", () => {
  const net = link(14, 5);
  net.run(20_000);
  for (const nodeId of ["ff".repeat(8), "00".repeat(8)]) {
    const member = net.add(nodeId, { profile, nodeId, seed: parseInt(nodeId.slice(0, 2), 16) })
      .join("l", sharedLink());
    member.machine.publish(net.now, [text(nodeId)]);
    const took = net.until(() => net.converged, 10_000);
    ok(took !== undefined && took < 2_000, `${nodeId}: ${took}`);
    net.run(30_000);
    checkDense(net, nodeId);
  }
});

Deno.test("link: what was cut off is back soon after it is heard again, however long it was away", () => {
  for (const away of [1_000, 10_000, 35_000, 45_000, 60_000, 95_000, 180_000, 1_800_000]) {
    for (const n of [2, 5, 16]) {
      const net = link(n, 6);
      ok(net.until(() => net.converged, 5_000) !== undefined);
      net.run(10_000);
      const lost = net.members[1] as Member;
      lost.cut = true;
      net.run(away);
      lost.cut = false;
      const took = net.until(() => net.converged, 100_000);
      ok(
        took !== undefined && took <= 10_000,
        `${n} nodes, ${away} ms away: back after ${took} ms`,
      );
    }
  }
});

Deno.test("link: an address at which nobody is any more is not dialled for ever", () => {
  const net = link(4, 8);
  net.run(5_000);
  const gone = net.members[0] as Member;
  net.kill(gone);
  net.run(300_000);
  const before = net.members.reduce((sum, { dials }) => sum + dials, 0);
  net.run(3_600_000);
  strictEqual(net.members.reduce((sum, { dials }) => sum + dials, 0), before);
});

Deno.test("link: of two copies of a node exactly one takes a new id", () => {
  for (const n of [2, 3, 12]) {
    for (let seed = 1; seed <= 5; seed++) {
      const net = link(n - 1, 20 + seed);
      const original = net.members[0] as Member;
      const copy = net.add("copy", { profile, nodeId: original.id, seed: 900 + seed });
      copy.join("l", sharedLink());
      copy.machine.publish(0, [text("copy")]);
      const took = net.until(() => net.converged, 60_000);
      ok(took !== undefined && took < 20_000, `${n} nodes, seed ${seed}: ${took}`);
      net.run(60_000);
      ok(net.converged);
      const renamed = net.members.reduce((sum, { told }) => sum + told.ids.length, 0);
      strictEqual(renamed, 1, `${n} nodes, seed ${seed}`);
      strictEqual(new Set(net.members.map(({ id }) => id)).size, n);
    }
  }
});

/** A node among `ids`, all heard, with streams to some of them. */
function among(ids: readonly NodeId[], connected: readonly NodeId[]): Lone {
  const lone = new Lone({ profile, nodeId: "00".repeat(8), endpoints: [sharedLink()] });
  lone.machine.publish(0, [text("mine")]);
  for (const id of ids) hear(lone, id);
  connected.forEach((id, i) => {
    lone.open(1, i + 1, id);
    lone.stream(i + 1, lone.encode.nodeEndpoint(id, 1), lone.encode.hello(8331, "01".repeat(8)));
    lone.stream(i + 1, lone.nodeState(id, 1, lone.encode.peer(lone.machine.nodeId, 1, 1)));
  });
  return lone;
}

function hear(lone: Lone, id: NodeId, port = 8331, at = `at-${id}`): void {
  const { encode } = lone;
  const hash = encode.networkState(new Uint8Array(16));
  const instance = id.slice(0, 14) + "42";
  lone.multicast(1, at, encode.nodeEndpoint(id, 1), encode.hello(port, instance), hash);
}

const dialsOf = (lone: Lone) =>
  lone.take().flatMap((sent) => sent.kind === "dial" ? [sent.address] : []);

Deno.test("link: in a crowd only the hubs are dialled", () => {
  const ids = Array.from({ length: 30 }, (_, i) => idOf(9, i));
  const lone = among(ids, []);
  lone.advance(1_000);
  const hubs = [...ids].sort().slice(-HUBS);
  deepStrictEqual(dialsOf(lone).sort(), hubs.map((id) => `at-${id}`).sort());
});

Deno.test("link: a hub that cannot be dialled is passed over", () => {
  const ids = Array.from({ length: 30 }, (_, i) => idOf(9, i)).sort();
  const lone = among(ids, []);
  const dead = `at-${ids.at(-1)}`;
  const dials: string[] = [];
  for (let t = 0; t < 20_000; t += 100) {
    if (t % 5_000 === 0) ids.forEach((id) => hear(lone, id));
    for (const address of dialsOf(lone.advance(100))) {
      dials.push(address);
      if (address === dead) lone.machine.dialFailed(lone.now, 1, address, "refused");
    }
  }
  deepStrictEqual(
    new Set(dials),
    new Set(ids.slice(-HUBS - 1).map((id) => `at-${id}`)),
    "the next below it is dialled instead",
  );
});

Deno.test("link: a mirror or another node that cannot be dialled is never a hub", () => {
  const ids = Array.from({ length: 14 }, (_, i) => idOf(9, i)).sort();
  const lone = among(ids, []);
  // Two mirrors with the highest ids have this node as their first hop.
  for (const [i, letter] of ["e", "f"].entries()) {
    lone.open(1, 50 + i, "leaf");
    const id = letter.repeat(16);
    lone.stream(50 + i, lone.encode.nodeEndpoint(id, 1), lone.encode.mirror());
    lone.stream(50 + i, lone.nodeState(id, 1, lone.encode.peer(lone.machine.nodeId, 1, 1)));
  }
  lone.advance(3_000);
  deepStrictEqual(dialsOf(lone).sort(), ids.slice(-HUBS).map((id) => `at-${id}`).sort());
});

Deno.test("link: two processes of one address are both met, the second one right behind the first", () => {
  const lone = new Lone({ profile, nodeId: "00".repeat(8), endpoints: [sharedLink()] });
  const ids = ["11".repeat(8), "22".repeat(8)];
  ids.forEach((id, i) => hear(lone, id, 8331 + i, "host"));
  const dials = () => lone.take().flatMap((sent) => sent.kind === "dial" ? [sent.port] : []);
  lone.advance(60);
  deepStrictEqual(dials(), [8331]);
  lone.open(1, 1, "host", true);
  lone.advance(1);
  deepStrictEqual(dials(), [8332]);
  lone.open(1, 2, "host", true);
  ids.forEach((id, i) => lone.stream(i + 1, lone.encode.nodeEndpoint(id, 1)));
  deepStrictEqual(lone.machine.peers().map(({ node }) => node).sort(), ids);
  lone.advance(5_000);
  deepStrictEqual(dials(), []);
  // One of them ends and comes back, at another port.
  lone.machine.streamClosed(lone.now, 1, "gone");
  hear(lone, ids[0]!, 9000, "host");
  lone.advance(300);
  deepStrictEqual(dials(), [9000]);
});

Deno.test("link: the higher id dials where the lower one does not", () => {
  const lone = new Lone({ profile, nodeId: "ff".repeat(8), endpoints: [sharedLink()] });
  hear(lone, "11".repeat(8));
  lone.advance(1_500);
  deepStrictEqual(dialsOf(lone), [], "first it is the turn of the lower id");
  lone.advance(4_000);
  ok(dialsOf(lone).length > 0);
});

Deno.test("link: who seals with another key is dialled at once, because it may be deaf", () => {
  const lone = new Lone({ profile, nodeId: "ff".repeat(8), endpoints: [sharedLink()] });
  const { encode } = lone;
  const hash = encode.networkState(new Uint8Array(16));
  const payload = concat([
    encode.nodeEndpoint("11".repeat(8), 1),
    encode.hello(8331, "42".repeat(8)),
    hash,
  ]);
  lone.machine.receiveMulticast(lone.now, 1, "x", payload, { foreignKey: true });
  lone.advance(200);
  deepStrictEqual(dialsOf(lone), ["x"]);
});

Deno.test("link: a node that takes no streams is not dialled", () => {
  const lone = new Lone({ profile, nodeId: "00".repeat(8), endpoints: [sharedLink()] });
  hear(lone, "11".repeat(8), 0);
  lone.advance(10_000);
  deepStrictEqual(dialsOf(lone), []);
});

Deno.test("link: a multicast says who, where and how it stands, and one's own echo is nothing", () => {
  const lone = new Lone({ profile, endpoints: [sharedLink()] });
  lone.machine.publish(0, [text("mine")]);
  lone.advance(100);
  const [first] = lone.take();
  ok(first?.kind === "multicast");
  const fields = lone.fields(first);
  deepStrictEqual(fields.map(({ type }) => type), [
    TlvType.NodeEndpoint,
    TlvType.Hello,
    TlvType.NetworkState,
  ]);
  for (let i = 0; i < 50; i++) {
    lone.machine.receiveMulticast(lone.now, 1, "me", first.payload);
    lone.advance(100);
  }
  deepStrictEqual(dialsOf(lone), []);
  deepStrictEqual([lone.told.ids, lone.machine.counters.collisions], [[], 0]);
});

Deno.test("link: keep-alives go out in time though Trickle is silenced", () => {
  const lone = new Lone({ profile, endpoints: [sharedLink()] });
  lone.machine.publish(0, [text("mine")]);
  lone.advance(60_000).take();
  const sent: number[] = [];
  for (let t = 0; t < 100_000; t += 200) {
    const { encode } = lone;
    const hash = encode.networkState(lone.machine.networkHash(lone.now));
    lone.multicast(
      1,
      "x",
      encode.nodeEndpoint("11".repeat(8), 1),
      encode.hello(0, "42".repeat(8)),
      hash,
    );
    lone.advance(200);
    sent.push(...lone.take().filter(({ kind }) => kind === "multicast").map(({ at }) => at));
  }
  const gaps = sent.slice(1).map((at, i) => at - (sent[i] ?? 0));
  ok(sent.length >= 9 && sent.length <= 11, `${sent.length} in 100 s`);
  ok(Math.max(...gaps) <= profile.keepAlive.interval, `${gaps}`);
});
