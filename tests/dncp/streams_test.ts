/** DNCP over streams: introduction, push, comparison of hashes, mirrors, slow readers. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { TlvType } from "../../lib/dncp/tlv.ts";
import { concat, toHex } from "../../lib/wire/mod.ts";
import { dialled, Lone, slowNetworkHash } from "./harness.ts";
import { Net } from "./toy_links.ts";
import {
  A,
  agree,
  B,
  C,
  closes,
  D,
  down,
  ID,
  imin,
  interval,
  peered,
  profile,
  state,
  statesOf,
  text,
} from "./peered.ts";

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
