import assert from "node:assert/strict";
import { Random } from "../../lib/core/mod.ts";
import { isConverged, notConverged, runUntilConverged } from "./convergence.ts";
import { EventQueue } from "./event_queue.ts";
import { cable, emptyWorld, line, mesh, ring, shared, star, value } from "./topology.ts";
import type { Mode, Topology, TopologyOptions } from "./topology.ts";
import { flood, type Recorder, recorder } from "./stand_ins.ts";
import type { SimNode } from "./node.ts";
import type { World } from "./world.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const notesOf = (node: SimNode | undefined) => node?.machine as Recorder;

Deno.test("the queue gives events by time, and in order of scheduling within a moment", () => {
  const queue = new EventQueue();
  const random = new Random(1);
  const out: [number, number][] = [];
  const times = Array.from({ length: 5_000 }, () => random.below(300));
  times.forEach((time, i) => queue.push(time, { fire: (now) => out.push([now, i]) }));
  while (queue.length > 0) {
    const time = queue.nextTime;
    queue.pop().fire(time);
  }
  const expected = times.map((time, i): [number, number] => [time, i])
    .sort(([a, i], [b, j]) => a - b || i - j);
  assert.deepEqual(out, expected);
});

/** Two nodes that take notes, on one shared link. */
function recorders(n: number, options: Partial<TopologyOptions> = {}): World {
  const world = shared(n, { seed: 7, machine: recorder, mode: "hncp", ...options });
  world.start();
  return world;
}

Deno.test("a multicast reaches all others after the delay, and not its sender", () => {
  const world = recorders(5, { delay: 12 });
  world.nodes[0]?.multicast(1, bytes("x"));
  world.run(100);
  assert.deepEqual(notesOf(world.nodes[0]).of("multicast"), []);
  for (const node of world.nodes.slice(1)) {
    assert.deepEqual(notesOf(node).of("multicast").map(({ at }) => at), [12]);
  }
  assert.equal(world.traffic().multicasts, 1);
});

Deno.test("with loopback it reaches its sender too", () => {
  const world = recorders(3, { multicastLoopback: true });
  world.nodes[0]?.multicast(1, bytes("x"));
  world.run(100);
  for (const node of world.nodes) assert.equal(notesOf(node).of("multicast").length, 1);
});

Deno.test("loss, duplication and reordering happen as often as they are asked for", () => {
  const world = recorders(2, { loss: 0.2, duplicate: 0.1, reorder: 0.3, delay: 10 });
  const to = world.nodes[1]?.endpoints[0]?.attachments[0]?.address ?? "";
  const sent = 20_000;
  for (let i = 0; i < sent; i++) {
    world.nodes[0]?.datagram(1, to, bytes(`${i}`));
    world.run(1);
  }
  world.run(1_000);
  const got = notesOf(world.nodes[1]).of("datagram");
  const distinct = new Set(got.map(({ text }) => text)).size;
  // 80 % arrive; of the lost ones a tenth survives as its duplicate.
  assert.ok(Math.abs(distinct / sent - 0.82) < 0.01, `${distinct} of ${sent} arrived`);
  assert.ok(Math.abs(got.length / sent - 0.9) < 0.015, `${got.length} copies`);
  const late = got.filter(({ at, text }) => at - Number(text) > 10.001).length / got.length;
  assert.ok(Math.abs(late - 0.3) < 0.015, `${late} late`);
  const overtaken = got.filter(({ text }, i) => i > 0 && Number(got[i - 1]?.text) > Number(text));
  assert.ok(overtaken.length > sent / 20, `${overtaken.length} overtaken`);
});

Deno.test("each receiver of a multicast loses it on its own account", () => {
  for (const jitter of [0, 3]) {
    const world = recorders(11, { loss: 0.3, jitter });
    for (let i = 0; i < 1_000; i++) {
      world.nodes[0]?.multicast(1, bytes("x"));
      world.run(20);
    }
    world.run(100);
    const counts = world.nodes.slice(1).map((node) => notesOf(node).of("multicast").length);
    for (const count of counts) assert.ok(Math.abs(count - 700) < 60, `${counts}`);
    assert.ok(new Set(counts).size > 3, `${counts}`);
  }
});

Deno.test("a slow link delays by size, and drops what would wait too long", () => {
  const world = recorders(2, { bandwidth: 10, delay: 5 });
  const to = world.nodes[1]?.endpoints[0]?.attachments[0]?.address ?? "";
  world.nodes[0]?.datagram(1, to, new Uint8Array(1_000));
  world.run(1_000);
  assert.equal(notesOf(world.nodes[1]).of("datagram")[0]?.at, 105);
  for (let i = 0; i < 20; i++) world.nodes[0]?.datagram(1, to, new Uint8Array(1_000));
  world.run(10_000);
  assert.equal(notesOf(world.nodes[1]).of("datagram").length, 1 + 3);
});

Deno.test("partitions, links that are down, deaf receivers and plugs in other links", () => {
  const world = recorders(4);
  const [link] = world.links;
  assert.ok(link);
  const heard = () => {
    const before = world.nodes.map((node) => notesOf(node).of("multicast").length);
    world.nodes[0]?.multicast(1, bytes("x"));
    world.run(100);
    return world.nodes.map((n, i) => notesOf(n).of("multicast").length - (before[i] ?? 0)).join("");
  };
  assert.equal(heard(), "0111");
  world.partition(link, ({ node }) => node.index >> 1);
  assert.equal(heard(), "0100");
  world.heal(link);
  world.setLink(link, false);
  assert.equal(heard(), "0000");
  world.setLink(link, true);
  const third = world.nodes[3]?.endpoints[0]?.attachments[0];
  assert.ok(third);
  world.setDeaf(third, true);
  assert.equal(heard(), "0110");
  world.replug(third, world.addLink());
  world.setDeaf(third, false);
  assert.equal(heard(), "0110");
  world.replug(third, link);
  assert.equal(heard(), "0111");
});

Deno.test("an interface goes down and comes back under another endpoint id", () => {
  const world = recorders(2);
  const [a, b] = world.nodes as [SimNode, SimNode];
  const endpoint = b.endpoints[0];
  assert.ok(endpoint);
  b.endpointDown(endpoint);
  a.multicast(1, bytes("unheard"));
  world.run(100);
  b.endpointUp(endpoint);
  a.multicast(1, bytes("heard"));
  world.run(100);
  const notes = notesOf(b).notes.map(({ what, id, text }) => `${what} ${id} ${text}`);
  assert.deepEqual(notes, [
    "up 1 multicast+datagram",
    "down 1 ",
    "up 2 multicast+datagram",
    "multicast 2 heard",
  ]);
});

Deno.test("a machine is woken when it asked for, once", () => {
  const world = recorders(1);
  const [node] = world.nodes as [SimNode];
  notesOf(node).wakeAt = 250;
  node.publish([]);
  notesOf(node).wakeAt = 120.5;
  node.publish([]);
  world.run(1_000);
  assert.deepEqual(notesOf(node).of("wake").map(({ at }) => at), [120.5]);
});

Deno.test("a machine that never moves its wake is found out", () => {
  const world = recorders(1);
  const [node] = world.nodes as [SimNode];
  const machine = notesOf(node);
  machine.wake = () => {};
  machine.wakeAt = 10;
  node.publish([]);
  assert.throws(() => world.run(100), /seed 7, at 10 ms: n0: wake\(\) leaves nextWake\(\) at 10/);
});

Deno.test("a restart keeps id and sequence number, or forgets both", () => {
  const world = line(2, { seed: 5, machine: flood });
  world.start();
  runUntilConverged(world, 5_000);
  const [a] = world.nodes as [SimNode];
  const { id } = a;
  a.publish([value(world.profile, "n0", 1)]);
  a.crash();
  assert.equal(a.running, false);
  a.start();
  assert.equal(a.id, id);
  assert.ok((a.machine?.node(id)?.seqno ?? 0) > 2);
  a.powerCut();
  a.start({ forget: true });
  assert.notEqual(a.id, id);
  assert.equal(a.machine?.node(a.id)?.seqno, 1);
  assert.equal(world.nodeById(a.id), a);
  assert.equal(world.nodeById(id), undefined);
});

const SHAPES: Record<string, Topology> = { line, ring, star, shared, mesh };

for (const mode of ["native", "connect", "hncp", "unicast"] satisfies Mode[]) {
  Deno.test(`a flood converges on every shape, mode ${mode}`, () => {
    for (const [name, shape] of Object.entries(SHAPES)) {
      const world = shape(9, {
        seed: 11,
        machine: flood,
        mode: mode === "unicast" ? "hncp" : mode,
      });
      world.start();
      assert.ok(!isConverged(world), name);
      const ms = runUntilConverged(world, 10_000);
      assert.ok(ms > 0 && ms < 5_000, `${name}: ${ms}`);
    }
  });
}

Deno.test("convergence is judged by part, and the reason for its lack is told", () => {
  const world = line(4, { seed: 2, machine: flood, mode: "connect" });
  world.setLink(world.links[1]!, false);
  world.start();
  runUntilConverged(world, 5_000);
  world.setLink(world.links[1]!, true);
  assert.match(notConverged(world) ?? "", /n0 has network hash .* n2 lacks n0 \(lists 2 of 4\)/);
  runUntilConverged(world, 20_000);
  world.nodes[0]?.publish([value(world.profile, "n0", 1)]);
  assert.match(notConverged(world) ?? "", /has n0 at 1, which is at 2/);
  // A flood forgets nobody: a node that left is a reason too.
  world.run(1_000);
  assert.equal(notConverged(world), undefined);
  world.nodes[3]?.crash();
  assert.match(notConverged(world) ?? "", /which it cannot reach/);
  assert.throws(() => runUntilConverged(world, 1_000), /seed 2: not converged within 1000 ms/);
});

Deno.test("the time of convergence is exact whatever the step", () => {
  const times = [7, 50, 400].map((step) => {
    const world = line(10, { seed: 4, machine: flood, mode: "connect" });
    world.start();
    return runUntilConverged(world, 5_000, { step });
  });
  // The last stream opens at the dialler after 4 delays; then 9 hops at the most.
  assert.ok((times[0] ?? 0) > 40 && (times[0] ?? 0) <= 130, `${times}`);
  assert.deepEqual(times, times.map(() => times[0]));
});

/** A run with all kinds of trouble, as its digest. */
function troubledRun(seed: number): string {
  const options: TopologyOptions = {
    seed,
    machine: flood,
    loss: 0.1,
    jitter: 5,
    duplicate: 0.05,
    reorder: 0.05,
    choppyReads: true,
  };
  const world = emptyWorld(8, options);
  for (let i = 0; i < 7; i++) {
    const kind: Mode = i % 2 === 0 ? "native" : "connect";
    cable(world, { ...options, mode: kind }, world.nodes[i]!, world.nodes[i + 1]!);
  }
  world.start();
  world.run(2_000);
  world.setLink(world.links[2]!, false);
  world.nodes[5]?.crash();
  world.nodes[1]?.powerCut();
  world.run(3_000);
  world.setLink(world.links[2]!, true);
  world.nodes[5]?.start();
  world.nodes[1]?.start({ forget: true });
  world.run(5_000);
  return world.trace.digest();
}

Deno.test("the same seed gives the same run, another seed another", () => {
  const first = troubledRun(42);
  assert.equal(troubledRun(42), first);
  assert.notEqual(troubledRun(43), first);
});

Deno.test("a thousand nodes cost microseconds an event", () => {
  const world = shared(1_000, { seed: 1, machine: recorder, mode: "hncp" });
  world.start();
  for (const node of world.nodes) node.multicast(1, bytes("x"));
  world.run(100);
  for (const node of world.nodes.slice(0, 3)) {
    assert.equal(notesOf(node).of("multicast").length, 999);
  }
  assert.ok(world.events < 5_000, `${world.events} events for 999 000 receptions`);
});
