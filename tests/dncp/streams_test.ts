/** DNCP over streams: introduction, push, comparison of hashes, mirrors, silence, slow readers. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { NodeId, StreamId } from "../../lib/dncp/api.ts";
import { nativeProfile } from "../../lib/dncp/mod.ts";
import { type Fields, TlvType } from "../../lib/dncp/tlv.ts";
import { concat, toHex } from "../../lib/wire/mod.ts";
import { dialled, Lone, Net, type Sent, sharedLink, slowNetworkHash } from "./harness.ts";

const profile = nativeProfile;
const { imin } = profile.trickle;
const { interval, multiplier } = profile.keepAlive;
const ID = (letter: string): NodeId => letter.repeat(16);
const [A, B, C, D] = [ID("a"), ID("b"), ID("c"), ID("d")];
const text = (value: string) => profile.tlv.encode(200, new TextEncoder().encode(value));
const hello = (lone: Lone, instance = "77") => lone.encode.hello(8331, instance.repeat(8));

/** A node with one open stream a letter, each with an introduced and mutual peer. */
function peered(letters: string, options: { seed?: number } = {}): Lone {
  const lone = new Lone({ profile, nodeId: ID("5"), endpoints: [dialled()], ...options });
  lone.machine.publish(0, [text("mine")]);
  [...letters].forEach((letter, i) => {
    const stream = i + 1;
    lone.open(1, stream, letter);
    lone.stream(stream, lone.encode.nodeEndpoint(ID(letter), 1), hello(lone, `${i}${i}`));
    lone.stream(stream, state(lone, ID(letter), 1, [lone.machine.nodeId]));
  });
  lone.advance(100);
  // All agree, so that nothing is left to be asked.
  agree(lone, [...letters].map((_, i) => i + 1));
  lone.advance(1_000).take();
  deepStrictEqual(lone.nodeIds, [lone.machine.nodeId, ...[...letters].map(ID)].sort());
  return lone;
}

/** A Node State whose data list these peers on endpoint 1, each with its endpoint 1. */
function state(lone: Lone, id: NodeId, seqno: number, peers: NodeId[], more = "") {
  const tlvs = peers.map((peer) => lone.encode.peer(peer, 1, 1));
  return lone.nodeState(id, seqno, concat([...tlvs, text(more)]));
}

function agree(lone: Lone, streams: StreamId[]): void {
  for (const stream of streams) {
    lone.stream(stream, lone.encode.networkState(lone.machine.networkHash(lone.now)));
  }
}

/** What went down each stream, in order. */
function down(lone: Lone, log: readonly Sent[] = lone.take()): Map<StreamId, Fields[]> {
  const out = new Map<StreamId, Fields[]>();
  for (const sent of log) {
    if (sent.kind !== "write") continue;
    out.set(sent.stream, [...out.get(sent.stream) ?? [], ...lone.fields(sent)]);
  }
  return out;
}

const statesOf = (fields: readonly Fields[] = []) =>
  fields.flatMap((f) => f.type === TlvType.NodeState ? [`${f.nodeId[0]}${f.seqno}`] : []);
const closes = (log: readonly Sent[]) =>
  log.flatMap((sent) => sent.kind === "close" ? [[sent.stream, sent.reason]] : []);

Deno.test("streams: the first write says who, which process, the own state and the hash", () => {
  const lone = new Lone({ profile, endpoints: [{ ...dialled(), streamPort: 4711 }] });
  lone.machine.publish(0, [text("mine")]);
  lone.open(1, 9, "x");
  const [first, ...more] = lone.take();
  deepStrictEqual(more, []);
  const fields = first ? lone.fields(first) : [];
  deepStrictEqual(fields.map(({ type }) => type), [3, 32, 5, 4]);
  const [endpoint, greeting, own, hash] = fields;
  ok(endpoint?.type === TlvType.NodeEndpoint && endpoint.endpointId === 1);
  ok(greeting?.type === TlvType.Hello && greeting.streamPort === 4711);
  ok(own?.type === TlvType.NodeState && toHex(own.data) === toHex(text("mine")));
  ok(hash?.type === TlvType.NetworkState && toHex(hash.hash) === lone.networkHash);
});

Deno.test("streams: a change of one's own goes down all of them at once", () => {
  const lone = peered("abc");
  lone.machine.publish(lone.now, [text("changed")]);
  const out = down(lone);
  deepStrictEqual([...out.keys()], [1, 2, 3]);
  for (const fields of out.values()) {
    deepStrictEqual(statesOf(fields), [`5${lone.machine.seqno}`]);
    ok(fields.every((f) => f.type !== TlvType.NodeState || f.data.length > 0));
  }
});

Deno.test("streams: what came is passed on, but to nobody who has it already", () => {
  const lone = peered("abcd");
  // b has a as its peer, so a has told it. c has not.
  lone.stream(2, state(lone, B, 2, [lone.machine.nodeId, A]));
  lone.stream(1, state(lone, A, 2, [lone.machine.nodeId, B]));
  lone.advance(1_000).take();
  lone.stream(1, state(lone, A, 3, [lone.machine.nodeId, B], "new"));
  let out = down(lone);
  deepStrictEqual([...out].map(([s, f]) => [s, statesOf(f)]), [[3, ["a3"]], [4, ["a3"]]]);
  // The same again from elsewhere, and an older one: nothing to pass on.
  lone.stream(3, state(lone, A, 3, [lone.machine.nodeId, B], "new"));
  deepStrictEqual(down(lone).size, 0);
  // Of a node further away, told by c: not to c, not to a node that has c as its peer.
  lone.stream(4, state(lone, D, 2, [lone.machine.nodeId, C]));
  lone.advance(1_000).take();
  lone.stream(3, state(lone, ID("e"), 1, [C]));
  out = down(lone);
  deepStrictEqual([...out].map(([s, f]) => [s, statesOf(f)]), [[1, ["e1"]], [2, ["e1"]]]);
});

Deno.test("streams: what one asked for oneself is passed on to all others", () => {
  const lone = peered("abc");
  lone.stream(2, state(lone, B, 2, [lone.machine.nodeId, A]));
  lone.advance(1_000).take();
  const e = ID("e");
  const data = lone.encode.peer(A, 1, 1);
  lone.stream(1, lone.encode.nodeState(e, 4, 0, lone.hash(data)));
  const asked = down(lone).get(1) ?? [];
  deepStrictEqual(asked, [{ type: TlvType.RequestNodeState, nodeId: e }]);
  lone.stream(1, lone.nodeState(e, 4, data));
  const out = down(lone);
  deepStrictEqual([...out].map(([s, f]) => [s, statesOf(f)]), [[2, ["e4"]], [3, ["e4"]]]);
});

Deno.test("streams: the same data are not asked of several peers at once", () => {
  const lone = peered("abc");
  const e = ID("e");
  const short = lone.encode.nodeState(e, 4, 0, lone.hash(text("e")));
  for (const stream of [1, 2, 3]) lone.stream(stream, short);
  deepStrictEqual([...down(lone).keys()], [1]);
  lone.advance(1_001);
  lone.take();
  lone.stream(2, short);
  const again = down(lone).get(2) ?? [];
  ok(
    again.some((f) => f.type === TlvType.RequestNodeState && f.nodeId === e),
    "no answer: asked elsewhere",
  );
});

Deno.test("streams: who is behind with data is told better, about others and about oneself", () => {
  const lone = peered("ab");
  lone.stream(1, state(lone, A, 5, [lone.machine.nodeId]));
  lone.advance(1_000).take();
  lone.stream(2, state(lone, A, 4, [lone.machine.nodeId]));
  deepStrictEqual(statesOf(down(lone).get(2)), ["a5"]);
  lone.machine.publish(lone.now, [text("newer")]);
  lone.advance(1_000).take();
  const own = lone.machine.seqno;
  lone.stream(2, lone.nodeState(lone.machine.nodeId, own - 1, text("older")));
  deepStrictEqual(statesOf(down(lone).get(2)), [`5${own}`]);
});

Deno.test("streams: an echo of one's own older state does not take back what waits to be sent", () => {
  const lone = peered("ab");
  lone.notes.full.add(2);
  lone.machine.publish(lone.now, [text("one")]);
  lone.advance(1_000);
  lone.machine.publish(lone.now, [text("two")]);
  lone.advance(1_000).take();
  const own = lone.machine.seqno;
  const older = lone.encode.nodeState(lone.machine.nodeId, own - 2, 0, lone.hash(text("mine")));
  lone.stream(2, older);
  lone.notes.full.clear();
  lone.machine.streamWritable(lone.now, 2);
  deepStrictEqual(statesOf(down(lone).get(2)), [`5${own}`]);
});

Deno.test("streams: the hash follows when it has been quiet for Imin, and in unrest after ten", () => {
  const lone = peered("ab");
  lone.stream(1, state(lone, A, 2, [lone.machine.nodeId], "x"));
  const hashes = () =>
    lone.take().filter((sent) => lone.fields(sent).some((f) => f.type === TlvType.NetworkState));
  const start = lone.now;
  lone.advance(imin - 1);
  deepStrictEqual(hashes(), []);
  lone.advance(2);
  deepStrictEqual(hashes().map(({ at }) => at - start), [imin, imin]);
  const unrest = lone.now;
  for (let i = 3; lone.now < unrest + 12 * imin; i++) {
    lone.stream(1, state(lone, A, i, [lone.machine.nodeId], `${i}`));
    lone.advance(imin / 2);
  }
  const first = hashes()[0]?.at ?? Infinity;
  ok(first - unrest >= 9 * imin && first - unrest <= 10 * imin, `${first - unrest} ms`);
});

Deno.test("streams: who differs for longer than a moment is asked, with doubling pauses", () => {
  const lone = peered("a");
  const other = lone.encode.networkState(new Uint8Array(16).fill(9));
  const start = lone.now;
  lone.stream(1, other);
  for (let i = 0; i < 20; i++) {
    lone.advance(3_000);
    lone.stream(1, other);
  }
  const requests = lone.take().filter((sent) =>
    lone.fields(sent).some((f) => f.type === TlvType.RequestNetworkState)
  ).map(({ at }) => at - start);
  const first = requests[0] ?? Infinity;
  ok(first >= imin && first <= 2 * imin, `first after ${first}`);
  const pauses = requests.slice(1).map((at, i) => at - (requests[i] ?? 0));
  deepStrictEqual(pauses.slice(0, 5).map(Math.round), [500, 1_000, 2_000, 4_000, 8_000]);
  ok(pauses.slice(5).every((pause) => Math.round(pause) === 10_000), `${pauses}`);
  agree(lone, [1]);
  lone.advance(60_000);
  ok(!lone.take().some((s) => lone.fields(s).some((f) => f.type === TlvType.RequestNetworkState)));
});

Deno.test("streams: what differs for a moment only is not asked about", () => {
  const lone = peered("ab");
  // a is ahead: its hash is here before the state that explains it.
  const changed = state(lone, A, 2, [lone.machine.nodeId], "new");
  const nodes = [...lone.machine.nodes()].map(({ id, seqno, hash }) => ({ id, seqno, hash }));
  const data = concat([lone.encode.peer(lone.machine.nodeId, 1, 1), text("new")]);
  const ahead = nodes.map((n) => n.id === A ? { id: A, seqno: 2, hash: lone.hash(data) } : n);
  const theirs = lone.encode.networkState(Uint8Array.fromHex(slowNetworkHash(profile, ahead)));
  lone.stream(1, theirs);
  lone.advance(imin / 2);
  lone.stream(1, changed, theirs);
  lone.advance(5_000);
  const types = [...down(lone).values()].flat().map(({ type }) => type as number);
  ok(!types.includes(TlvType.RequestNetworkState));
  deepStrictEqual(lone.machine.peers().map(({ consistent }) => consistent), [true, false]);
});

Deno.test("streams: the list is the hash and a short Node State of every node in it", () => {
  const lone = peered("abc");
  lone.stream(2, lone.encode.requestNetworkState());
  const out = down(lone);
  deepStrictEqual([...out.keys()], [2]);
  const [hash, ...states] = out.get(2) ?? [];
  ok(hash?.type === TlvType.NetworkState && toHex(hash.hash) === lone.networkHash);
  deepStrictEqual(states.map((f) => f.type === TlvType.NodeState ? f.nodeId : ""), lone.nodeIds);
  ok(states.every((f) => f.type === TlvType.NodeState && f.data.length === 0));
});

Deno.test("streams: node data are given to whoever asks, also to one who has not said who it is", () => {
  const lone = peered("a");
  lone.open(1, 7, "reader");
  lone.take();
  lone.stream(7, lone.encode.requestNodeState(A), lone.encode.requestNodeState(ID("9")));
  deepStrictEqual(statesOf(down(lone).get(7)), ["a1"]);
  strictEqual(lone.machine.peers().length, 1);
  lone.stream(7, state(lone, ID("e"), 1, [A]));
  strictEqual(lone.machine.node(ID("e")), undefined, "but it cannot tell anything");
  lone.advance(10_001);
  deepStrictEqual(closes(lone.take()).map(([stream]) => stream), [7], "nor stay for ever");
});

Deno.test("streams: a mirror gets short Node States and is never asked", () => {
  const lone = peered("a");
  lone.open(1, 2, "m");
  lone.take();
  lone.stream(2, lone.encode.nodeEndpoint(B, 1), lone.encode.mirror());
  lone.stream(2, state(lone, B, 1, [lone.machine.nodeId], "leaf"));
  deepStrictEqual(lone.nodeIds, [lone.machine.nodeId, A, B].sort());
  lone.stream(2, lone.encode.networkState(new Uint8Array(16)));
  lone.stream(1, state(lone, A, 2, [lone.machine.nodeId], "large".repeat(1_000)));
  lone.advance(5_000);
  const log = lone.take();
  const mine = down(lone, log).get(2) ?? [];
  ok(statesOf(mine).includes("a2"));
  for (const each of mine) {
    ok(each.type !== TlvType.RequestNetworkState && each.type !== TlvType.RequestNodeState);
    ok(each.type !== TlvType.NodeState || each.data.length === 0, "short");
  }
  ok(statesOf(down(lone, log).get(1)).includes("b1"), "its own state goes to everybody");
});

Deno.test("streams: a keep-alive an interval, only where nothing else went out", () => {
  const lone = peered("a");
  const writes: number[] = [];
  for (let t = 0; t < 100_000; t += 5_000) {
    agree(lone, [1]);
    lone.advance(5_000);
    writes.push(...lone.take().filter(({ kind }) => kind === "write").map(({ at }) => at));
  }
  ok(writes.length >= 9 && writes.length <= 11, `${writes.length} in 100 s`);
  const gaps = writes.slice(1).map((at, i) => at - (writes[i] ?? 0));
  ok(Math.max(...gaps) <= interval, `${gaps}`);
});

Deno.test("streams: an endpoint's own keep-alive interval is kept, and announced", () => {
  for (const config of [dialled(), sharedLink()]) {
    const endpoint = { ...config, keepAliveInterval: 2_000 };
    const lone = new Lone({ profile, nodeId: ID("5"), endpoints: [endpoint] });
    lone.open(1, 1, "a").stream(1, lone.encode.nodeEndpoint(A, 1));
    lone.stream(1, state(lone, A, 1, [lone.machine.nodeId]));
    const own = lone.machine.node(lone.machine.nodeId)?.data ?? new Uint8Array(0);
    ok(toHex(own).includes(toHex(lone.encode.keepAliveInterval(1, 2_000))));
    lone.advance(1_000).take();
    const writes: number[] = [lone.now];
    for (let t = 0; t < 40_000; t += 1_000) {
      agree(lone, [1]);
      lone.advance(1_000);
      writes.push(...lone.take().filter(({ kind }) => kind === "write").map(({ at }) => at));
    }
    const gaps = writes.slice(1).map((at, i) => at - (writes[i] ?? 0));
    ok(writes.length > 15 && Math.max(...gaps) <= 2_000, `${config.mode}: gaps ${gaps}`);
  }
});

Deno.test("streams: silence of three intervals ends a stream, and its peer", () => {
  const lone = peered("ab");
  const last = lone.machine.peers()[0]?.lastContact ?? NaN;
  lone.advance(last + interval * multiplier - lone.now - 10);
  lone.stream(2, lone.encode.networkState(lone.machine.networkHash(lone.now)));
  deepStrictEqual(closes(lone.take()), []);
  lone.advance(20);
  deepStrictEqual(closes(lone.take()), [[1, "nothing heard for 30 s"]]);
  deepStrictEqual(lone.machine.peers().map(({ node }) => node), [B]);
  lone.advance(1_000);
  deepStrictEqual(lone.nodeIds, [lone.machine.nodeId, B]);
  strictEqual(lone.told.peers.at(-1)?.why, "nothing heard for 30 s");
});

Deno.test("streams: the interval that the peer announces decides, and 0 means that silence is no sign", () => {
  const cases: [tlv: (lone: Lone) => Uint8Array, after: number][] = [
    [({ encode }) => encode.keepAliveInterval(1, 1_000), 3_000],
    [({ encode }) => encode.keepAliveInterval(0, 100_000), 300_000],
    [({ encode }) => encode.keepAliveInterval(1, 0), Infinity],
  ];
  for (const [tlv, after] of cases) {
    const lone = new Lone({ profile, nodeId: ID("5"), endpoints: [dialled()] });
    lone.open(1, 1, "a").stream(1, lone.encode.nodeEndpoint(A, 1));
    lone.stream(1, lone.nodeState(A, 1, concat([lone.encode.peer(ID("5"), 1, 1), tlv(lone)])));
    lone.advance(Math.min(after, 3_600_000) - 1);
    strictEqual(lone.machine.peers().length, 1, `before ${after}`);
    lone.advance(2);
    strictEqual(lone.machine.peers().length, after === Infinity ? 1 : 0, `after ${after}`);
  }
});

Deno.test("streams: a slow reader gets the latest of each node once, when it reads on", () => {
  const lone = peered("ab");
  lone.notes.full.add(2);
  for (let i = 2; i < 500; i++) {
    lone.stream(1, state(lone, A, i, [lone.machine.nodeId], `${i}`));
    lone.machine.publish(lone.now, [text(`${i}`)]);
    lone.advance(25);
    agree(lone, [1, 2]);
  }
  const log = lone.take();
  const blocked = log.filter((sent) => sent.kind === "write" && sent.stream === 2);
  strictEqual(blocked.length, 1, "one write filled it, none followed");
  lone.notes.full.clear();
  lone.machine.streamWritable(lone.now, 2);
  deepStrictEqual(statesOf(down(lone).get(2)).sort(), [`5${lone.machine.seqno}`, "a499"]);
});

Deno.test("streams: what a peer makes one want is bounded while it does not read", () => {
  const small = { ...profile, maxNodes: 50 };
  const lone = new Lone({ profile: small, nodeId: ID("5"), endpoints: [dialled()] });
  lone.open(1, 1, "a").stream(1, lone.encode.nodeEndpoint(A, 1));
  lone.notes.full.add(1);
  lone.advance(interval + 1);
  lone.take();
  for (let i = 0; i < 5_000; i++) {
    const id = i.toString(16).padStart(16, "0");
    lone.stream(1, lone.encode.nodeState(id, 1, 0, new Uint8Array(16).fill(1)));
  }
  lone.notes.full.clear();
  lone.machine.streamWritable(lone.now, 1);
  const wanted = (down(lone).get(1) ?? []).filter((f) => f.type === TlvType.RequestNodeState);
  ok(wanted.length > 0 && wanted.length <= 50, `${wanted.length} requests`);
});

Deno.test("streams: bytes cut anywhere mean the same", () => {
  const lone = peered("a");
  const bytes = concat([
    state(lone, A, 2, [lone.machine.nodeId, B], "x".repeat(5_000)),
    state(lone, B, 1, [A]),
    lone.encode.requestNetworkState(),
  ]);
  for (const size of [1, 3, 7, 4_096]) {
    const other = peered("a");
    for (let at = 0; at < bytes.length; at += size) {
      other.machine.receiveStream(other.now, 1, bytes.subarray(at, at + size));
    }
    deepStrictEqual(other.nodeIds, [other.machine.nodeId, A, B].sort());
    const list = (down(other).get(1) ?? []).filter((f) => f.type === TlvType.NodeState);
    ok(list.length >= 3);
  }
});

Deno.test("streams: what was received may be overwritten by its transport", () => {
  const lone = peered("a");
  const bytes = concat([
    state(lone, A, 2, [lone.machine.nodeId, B], "kept"),
    state(lone, B, 1, [A], "kept too"),
  ]);
  const before = bytes.slice();
  lone.machine.receiveStream(lone.now, 1, bytes);
  bytes.fill(0xee);
  const after = lone.machine.node(A);
  ok(after && toHex(before).includes(toHex(after.data)));
  strictEqual(toHex(lone.hash(after.data)), toHex(after.hash));
  strictEqual(lone.networkHash, slowNetworkHash(profile, lone.machine.nodes()));
});

Deno.test("streams: a TLV larger than any node data ends the stream, whole node data do not", () => {
  const lone = peered("ab");
  const header = Uint8Array.of(5, 0xff, 0xff, 0xff);
  lone.stream(1, header);
  const log = closes(lone.take());
  deepStrictEqual(log.map(([stream]) => stream), [1]);
  ok(/TLV of 16777219 bytes/.test(String(log[0]?.[1])), String(log[0]?.[1]));
  strictEqual(lone.machine.counters.malformed, 1);
  const large = profile.tlv.encode(200, new Uint8Array(profile.maxNodeData - 100));
  lone.stream(
    2,
    lone.nodeState(B, 2, concat([lone.encode.peer(lone.machine.nodeId, 1, 1), large])),
  );
  strictEqual(lone.machine.node(B)?.seqno, 2);
  const more = profile.tlv.encode(200, new Uint8Array(profile.maxNodeData));
  lone.stream(2, lone.nodeState(B, 3, more));
  strictEqual(lone.machine.node(B)?.seqno, 2, "beyond the limit it is refused");
});

Deno.test("streams: of two between the same two nodes both sides keep the one of the lower id", () => {
  for (const lower of [true, false]) {
    for (const [first, second] of [[true, false], [false, true]] as const) {
      const lone = new Lone({ profile, nodeId: lower ? ID("1") : ID("e"), endpoints: [dialled()] });
      if (first || second) lone.machine.connect(0, 1, "a");
      lone.advance(1).take();
      lone.open(1, 1, "a", first).stream(1, lone.encode.nodeEndpoint(A, 1));
      lone.open(1, 2, "a", second).stream(2, lone.encode.nodeEndpoint(A, 1));
      // The one to stay is the one that this node dialled, if it has the lower id.
      const keep = first === lower ? 1 : 2;
      deepStrictEqual(closes(lone.take()).map(([stream]) => stream), [3 - keep]);
      strictEqual(lone.machine.peers().length, 1);
      lone.stream(keep, state(lone, A, 1, [lone.machine.nodeId]));
      deepStrictEqual(lone.nodeIds.length, 2, "the peer lives on the stream that stays");
      strictEqual(lone.told.peers.length, 1, "and nobody hears of it");
    }
  }
});

Deno.test("streams: of two in the same direction the newer stays", () => {
  const lone = peered("a");
  lone.open(1, 2, "a").stream(2, lone.encode.nodeEndpoint(A, 1));
  deepStrictEqual(closes(lone.take()).map(([stream]) => stream), [1]);
  strictEqual(lone.machine.peers().length, 1);
});

Deno.test("streams: a stream to oneself is closed, and its address left alone", () => {
  const net = new Net();
  const a = net.add("a", { profile, nodeId: A }).join("l", dialled());
  a.machine.connect(0, 1, "a");
  net.run(50_000);
  strictEqual(a.dials, 1);
  strictEqual(a.streams.size, 0);
  deepStrictEqual([a.peers, a.id, a.told.ids], [[], A, []]);
  net.run(20_000);
  strictEqual(a.dials, 2, "looked at again after a minute");
});

Deno.test("streams: of two processes with one id exactly one takes a new one", () => {
  for (let seed = 1; seed <= 10; seed++) {
    const net = new Net();
    const [a, b] = ["a", "b"].map((name, i) => {
      const member = net.add(name, { profile, nodeId: A, seed: 100 * seed + i }).join(
        "l",
        dialled(),
      );
      member.machine.publish(0, [text(name)]);
      return member;
    });
    ok(a && b);
    a.machine.connect(0, 1, "b");
    b.machine.connect(0, 1, "a");
    const took = net.until(() => net.converged, 20_000);
    ok(took !== undefined && took < 6_000, `seed ${seed}: ${took}`);
    strictEqual(a.told.ids.length + b.told.ids.length, 1, `seed ${seed}`);
    strictEqual(new Set([a.id, b.id]).size, 2);
  }
});

Deno.test("streams: beyond the limit of an endpoint they are refused", () => {
  const few = { ...profile, maxStreams: 3 };
  const lone = new Lone({ profile: few, endpoints: [dialled(), dialled(2)] });
  for (let i = 1; i <= 10; i++) lone.open(1, i, `${i}`);
  lone.open(2, 20, "other endpoint");
  deepStrictEqual(closes(lone.take()).map(([stream]) => stream), [4, 5, 6, 7, 8, 9, 10]);
  strictEqual(lone.machine.counters.streamsRefused, 7);
  lone.machine.streamClosed(lone.now, 1, "gone");
  lone.open(1, 11, "11");
  deepStrictEqual(closes(lone.take()), []);
});

Deno.test("streams: a closed stream is forgotten with all that waited", () => {
  const lone = peered("ab");
  lone.machine.streamClosed(lone.now, 1, "reset by peer");
  lone.stream(1, state(lone, A, 9, [lone.machine.nodeId]));
  lone.machine.streamWritable(lone.now, 1);
  lone.machine.streamClosed(lone.now, 1, "twice");
  lone.advance(5_000);
  ok(!lone.take().some((sent) => "stream" in sent && sent.stream === 1));
  strictEqual(lone.machine.peers().length, 1);
  deepStrictEqual(lone.nodeIds, [lone.machine.nodeId, B]);
});

Deno.test("streams: in a line of nodes a change is everywhere after one step a hop", () => {
  const net = new Net(10);
  const nodes = Array.from({ length: 8 }, (_, i) => {
    const nodeId = (i + 1).toString(16).padStart(16, "0");
    return net.add(`n${i}`, { profile, nodeId, seed: i + 1 }).join("l", dialled());
  });
  nodes.slice(1).forEach((node, i) => node.machine.connect(0, 1, `n${i}`));
  for (const { machine, name } of nodes) machine.publish(0, [text(name)]);
  ok(net.until(() => net.converged, 5_000) !== undefined);
  net.run(5_000);
  const [first] = nodes;
  const last = nodes.at(-1);
  ok(first && last);
  first.machine.publish(net.now, [text("changed")]);
  const took = net.until(
    () => last.machine.node(first.id)?.seqno === first.machine.seqno,
    1_000,
    1,
  );
  strictEqual(took, 70);
});

Deno.test("streams: a new id of one's own ends all streams, and nothing follows on them", () => {
  const lone = new Lone({ profile, nodeId: ID("5"), seqno: 0x9000_0000, endpoints: [dialled()] });
  lone.machine.publish(0, [text("mine")]);
  lone.open(1, 1, "a").stream(1, lone.encode.nodeEndpoint(A, 1));
  lone.stream(1, lone.nodeState(ID("5"), 0xa000_0000, text("other")));
  strictEqual(lone.machine.seqno, 0xa000_0000 + profile.collisionStep);
  lone.advance(1_000).take();
  lone.stream(
    1,
    lone.nodeState(ID("5"), 0xb000_0000, text("other")),
    lone.encode.requestNetworkState(),
  );
  ok(lone.machine.nodeId !== ID("5"));
  const log = lone.take();
  deepStrictEqual(closes(log).map(([stream]) => stream), [1]);
  deepStrictEqual(down(lone, log).size, 0);
});

Deno.test("streams: what a slow reader tells itself is not given back to it", () => {
  const lone = peered("ab");
  lone.notes.full.add(1);
  lone.machine.publish(lone.now, [text("fills the stream")]);
  lone.stream(2, state(lone, B, 2, [lone.machine.nodeId]));
  lone.take();
  lone.stream(1, state(lone, B, 3, [lone.machine.nodeId]));
  lone.notes.full.clear();
  lone.machine.streamWritable(lone.now, 1);
  deepStrictEqual(statesOf(down(lone).get(1)), []);
});

Deno.test("twins: whose stream is given up for another process of the same id is told of it, and then closed", () => {
  const lone = peered("a");
  const introduce = (stream: StreamId, instance: string) => {
    lone.open(1, stream, `again-${stream}`);
    lone.stream(stream, lone.encode.nodeEndpoint(A, 1), hello(lone, instance));
  };
  introduce(2, "99");
  strictEqual(lone.machine.peers().length, 1);
  const log = lone.take();
  deepStrictEqual(down(lone, log).get(1), [{ type: TlvType.Twin, instance: "99".repeat(8) }]);
  deepStrictEqual(closes(log), [], "so that it arrives");
  deepStrictEqual(closes(lone.advance(1_100).take()), [[1, "replaced by a newer stream"]]);
  strictEqual(lone.machine.peers().length, 1);
  // Another stream of the same process, and one of which nothing is known, are no twins.
  introduce(3, "99");
  deepStrictEqual(closes(lone.take()), [[2, "replaced by a newer stream"]]);
  lone.open(1, 4, "silent");
  lone.stream(4, lone.encode.nodeEndpoint(A, 1));
  deepStrictEqual(closes(lone.take()), [[3, "replaced by a newer stream"]]);
  // One that restarts has said so.
  const paused = peered("a");
  paused.stream(1, paused.encode.pause(5_000));
  paused.open(1, 2, "again");
  paused.stream(2, paused.encode.nodeEndpoint(A, 1), hello(paused, "99"));
  strictEqual(down(paused).get(1), undefined);
});

Deno.test("twins: the lower instance takes a new id, the higher one and a process itself do not", () => {
  for (const [instance, yields] of [["ff", true], ["00", false], [undefined, false]] as const) {
    const lone = peered("a");
    const { nodeId } = lone.machine;
    lone.open(1, 9, "b");
    const own = down(lone).get(9)?.find((fields) => fields.type === TlvType.Hello);
    const theirs = instance?.repeat(8) ?? own!.instance;
    lone.stream(1, lone.encode.twin(theirs));
    strictEqual(lone.machine.nodeId !== nodeId, yields, instance);
    strictEqual(closes(lone.take()).length > 0, yields);
  }
});
