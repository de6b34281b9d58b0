/** Publish continually: a mirror among real DNCP machines. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { Random } from "../../lib/core/mod.ts";
import { decodeTlvs, nativeProfile, TlvType } from "../../lib/dncp/mod.ts";
import { toHex } from "../../lib/wire/mod.ts";
import { Leaf, type Node, payload, Streams } from "./streams.ts";

const A = "1000000000000000", B = "2000000000000000", C = "3000000000000000";

/** A line A–B–C, settled. */
function line(seed = 1): { world: Streams; a: Node; b: Node; c: Node } {
  const world = new Streams(seed);
  const a = world.node(A);
  const b = world.node(B, A);
  const c = world.node(C, B);
  a.publish({ a: 1 });
  b.publish({ b: 1 });
  c.publish({ c: 1 });
  world.run(2_000);
  ok(a.sees(C), "the line has settled");
  return { world, a, b, c };
}

/** All hashes are the same, the mirror's view of its first hop's included. */
function settled(leaf: Leaf, ...nodes: Node[]): boolean {
  const hashes = new Set(nodes.map((node) => toHex(node.dncp.networkHash(node.world.now))));
  return leaf.mirror.consistent && hashes.size === 1;
}

Deno.test("mirror: appears everywhere, consistent with the network, within half a second", () => {
  const { world, a, b, c } = line();
  const leaf = new Leaf(world);
  leaf.mirror.setPayload(world.now, payload({ door: true }));
  leaf.open(a);
  world.run(500);
  for (const node of [a, b, c]) {
    deepStrictEqual(node.sees(leaf.mirror.nodeId), { door: true });
    strictEqual([...node.dncp.nodes()].length, 4);
  }
  ok(settled(leaf, a, b, c));
  strictEqual(leaf.mirror.firstHop, A);
  strictEqual(leaf.mirror.seqno, 1);
  deepStrictEqual(leaf.log, [`attached ${A}`, "consistent true"]);
});

Deno.test("mirror: a change is published once more, and arrives in a hop's time each", () => {
  const { world, a, b, c } = line();
  const leaf = new Leaf(world);
  leaf.mirror.setPayload(world.now, payload({ door: true }));
  leaf.open(a);
  world.run(1_000);
  leaf.mirror.setPayload(world.now, payload({ door: false }));
  strictEqual(leaf.mirror.seqno, 2);
  world.run(35);
  deepStrictEqual(c.sees(leaf.mirror.nodeId), { door: false });
  leaf.mirror.setPayload(world.now, payload({ door: false }));
  world.run(500);
  strictEqual(leaf.mirror.seqno, 2, "the same again is not published");
  ok(settled(leaf, a, b, c));
});

Deno.test("mirror: says who it is first, and never anything about others", () => {
  const { world, a, b, c } = line();
  const leaf = new Leaf(world);
  leaf.mirror.setPayload(world.now, payload({ door: true }));
  leaf.open(b);
  world.run(200);
  for (let i = 0; i < 20; i++) {
    for (const node of [a, b, c]) node.publish({ count: i });
    leaf.mirror.setPayload(world.now, payload({ door: i }));
    world.run(100);
  }
  world.run(1_000);
  ok(settled(leaf, a, b, c));
  const tlvs = leaf.sent.flatMap(({ tlvs }) => tlvs);
  deepStrictEqual(tlvs.slice(0, 2).map(({ raw }) => raw.type), [
    TlvType.NodeEndpoint,
    TlvType.Mirror,
  ]);
  for (const { raw, fields } of tlvs) {
    ok([1, 3, 4, 5, 34].includes(raw.type), `type ${raw.type}`);
    if (fields?.type === TlvType.NodeState) strictEqual(fields.nodeId, leaf.mirror.nodeId);
  }
  const own = decodeTlvs(nativeProfile, a.dncp.node(leaf.mirror.nodeId)!.data).tlvs;
  deepStrictEqual(
    own.flatMap(({ fields }) => fields?.type === TlvType.Peer ? [fields.peerNodeId] : []),
    [B],
    "exactly one peer",
  );
});

Deno.test("mirror: follows nodes that change, come and go", () => {
  const { world, a, b, c } = line();
  const leaf = new Leaf(world);
  leaf.mirror.setPayload(world.now, payload({ door: true }));
  leaf.open(a);
  world.run(1_000);
  c.publish({ c: 2 });
  world.run(300);
  ok(settled(leaf, a, b, c), "changed");
  const d = world.node("4000000000000000", B);
  d.publish({ d: 1 });
  world.run(1_500);
  ok(settled(leaf, a, b, c, d), "came");
  world.kill(c);
  world.run(45_000);
  strictEqual([...a.dncp.nodes()].length, 4);
  ok(settled(leaf, a, b, d), "went");
});

Deno.test("mirror: sends next to nothing while nothing happens, and is not dropped", () => {
  const { world, a, b, c } = line();
  const leaf = new Leaf(world);
  leaf.mirror.setPayload(world.now, payload({ door: true }));
  leaf.open(a);
  world.run(5_000);
  leaf.sent.length = 0;
  world.run(600_000);
  ok(settled(leaf, a, b, c));
  deepStrictEqual(c.sees(leaf.mirror.nodeId), { door: true });
  strictEqual(leaf.sent.length, 60, "one keep-alive in 10 s");
  for (const { tlvs } of leaf.sent) {
    deepStrictEqual(tlvs.map(({ raw }) => raw.type), [TlvType.NetworkState]);
  }
});

Deno.test("mirror: vanishes when it leaves", () => {
  const { world, a, c } = line();
  const leaf = new Leaf(world);
  leaf.mirror.setPayload(world.now, payload({ door: true }));
  leaf.open(a);
  world.run(1_000);
  leaf.leave();
  strictEqual(leaf.mirror.nextWake(), Infinity);
  strictEqual(leaf.mirror.firstHop, undefined);
  world.run(1_000);
  strictEqual(c.sees(leaf.mirror.nodeId), undefined);
});

Deno.test("mirror: gives up a silent first hop, and is found again behind another", () => {
  const { world, a, b, c } = line();
  const leaf = new Leaf(world);
  leaf.mirror.setPayload(world.now, payload({ door: true }));
  leaf.open(a);
  world.run(1_000);
  world.kill(a);
  world.run(29_000);
  ok(leaf.stream !== undefined);
  world.run(12_000);
  strictEqual(leaf.stream, undefined);
  match(leaf.log.find((text) => text.startsWith("close")) ?? "", /close nothing heard for 30 s/);
  strictEqual(leaf.mirror.consistent, false);
  leaf.mirror.setPayload(world.now, payload({ door: "changed meanwhile" }));
  leaf.open(c);
  world.run(2_000);
  strictEqual(leaf.mirror.firstHop, C);
  strictEqual(leaf.mirror.seqno, 2, "another peer");
  deepStrictEqual(b.sees(leaf.mirror.nodeId), { door: "changed meanwhile" });
  ok(settled(leaf, b, c));
});

Deno.test("mirror: comes back to the same first hop with what it has", () => {
  const { world, a, b, c } = line();
  const leaf = new Leaf(world);
  leaf.mirror.setPayload(world.now, payload({ door: true }));
  leaf.open(a);
  world.run(1_000);
  leaf.leave();
  world.run(1_000);
  leaf.open(a);
  world.run(1_000);
  strictEqual(leaf.mirror.seqno, 1, "nothing to publish anew");
  deepStrictEqual(c.sees(leaf.mirror.nodeId), { door: true });
  ok(settled(leaf, a, b, c));
});

Deno.test("mirror: several of them, through one node and through two", () => {
  const { world, a, b, c } = line();
  const leaves = [a, a, c].map((hop, i) => {
    const leaf = new Leaf(world);
    leaf.mirror.setPayload(world.now, payload({ leaf: i }));
    leaf.open(hop);
    return leaf;
  });
  world.run(1_500);
  for (const [i, leaf] of leaves.entries()) {
    ok(settled(leaf, a, b, c), `${i}`);
    deepStrictEqual(b.sees(leaf.mirror.nodeId), { leaf: i });
  }
});

Deno.test("mirror: finds its way through a random life, over 15 seeds", () => {
  for (let seed = 1; seed <= 15; seed++) {
    const { world, a, b, c } = line(seed);
    const random = new Random(seed * 7_919);
    const leaf = new Leaf(world);
    let last = 0;
    leaf.open(a);
    for (let i = 0; i < 60; i++) {
      const action = random.below(6);
      if (action === 0) leaf.leave();
      if (action === 0 || leaf.stream === undefined) leaf.open(random.pick([a, b, c]));
      if (action === 1 || action === 2) random.pick([a, b, c]).publish({ x: random.below(5) });
      if (action === 3) leaf.mirror.setPayload(world.now, payload({ last: last = i }));
      world.run(random.pick([0, 3, 40, 900]));
    }
    leaf.mirror.setPayload(world.now, payload({ last: last = 1_000 }));
    if (leaf.stream === undefined) leaf.open(a);
    world.run(12_000);
    ok(settled(leaf, a, b, c), `seed ${seed}: ${leaf.log.slice(-4)}`);
    for (const node of [a, b, c]) {
      deepStrictEqual(node.sees(leaf.mirror.nodeId), { last }, `seed ${seed}`);
    }
    const types = leaf.sent.flatMap(({ tlvs }) => tlvs.map(({ raw }) => raw.type));
    ok(!types.includes(TlvType.RequestNodeState), "asks for nobody's data");
  }
});
