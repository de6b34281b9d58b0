import assert from "node:assert/strict";
import type { LinkConditions } from "./link.ts";
import { cable, emptyWorld, type TopologyOptions } from "./topology.ts";
import { type Recorder, recorder } from "./stand_ins.ts";
import type { SimNode } from "./node.ts";
import { SEND_BUFFER } from "./stream.ts";
import type { World } from "./world.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

interface Pair {
  world: World;
  a: SimNode;
  b: SimNode;
  notesOf: (node: SimNode) => Recorder;
  /** A's and B's stream. */
  ids: () => [number, number];
}

/** A dials B over one cable. */
function pair(conditions: Partial<LinkConditions> = {}, seed = 1): Pair {
  const options: TopologyOptions = { seed, machine: recorder, mode: "connect", ...conditions };
  const world = emptyWorld(2, options);
  const [a, b] = world.nodes as [SimNode, SimNode];
  cable(world, options, a, b);
  world.start();
  const notesOf = (node: SimNode) => node.machine as Recorder;
  const ids = (): [number, number] => [
    notesOf(a).of("dialled").at(-1)?.id ?? 0,
    notesOf(b).of("accepted").at(-1)?.id ?? 0,
  ];
  return { world, a, b, notesOf, ids };
}

Deno.test("a stream opens after one round trip for TCP and one for Noise", () => {
  const { world, a, b, notesOf } = pair({ delay: 10 });
  world.run(100);
  assert.equal(notesOf(b).of("accepted")[0]?.at, 30);
  assert.equal(notesOf(a).of("dialled")[0]?.at, 40);
});

Deno.test("what the acceptor writes at once arrives with the opening, not before it", () => {
  const { world, a, b, notesOf, ids } = pair({ delay: 10 });
  world.runUntil(30);
  b.write(ids()[1], bytes("hello"));
  world.run(100);
  assert.deepEqual(notesOf(a).notes.slice(-2).map(({ what, at }) => [what, at]), [
    ["dialled", 40],
    ["read", 40],
  ]);
});

Deno.test("writes of one moment share a packet, and bytes keep their order", () => {
  const { world, a, b, notesOf, ids } = pair({ delay: 10 });
  world.run(100);
  a.write(ids()[0], bytes("one "));
  a.write(ids()[0], bytes("two "));
  world.run(5);
  a.write(ids()[0], bytes("three"));
  world.run(100);
  assert.deepEqual(notesOf(b).of("read").map(({ at, text }) => [at, text]), [
    [110, "one two "],
    [115, "three"],
  ]);
});

Deno.test("a lost packet comes again after the timer, and what follows waits for it", () => {
  const { world, a, b, notesOf, ids } = pair({ delay: 10 });
  world.run(100);
  const [link] = world.links;
  assert.ok(link);
  link.conditions = { ...link.conditions, loss: 1 };
  a.write(ids()[0], bytes("first "));
  link.conditions = { ...link.conditions, loss: 0 };
  world.run(1);
  a.write(ids()[0], bytes("second"));
  world.run(1_000);
  // 100 + round trip + 200 ms of timer + one delay.
  assert.deepEqual(notesOf(b).of("read").map(({ at, text }) => [at, text]), [
    [330, "first second"],
  ]);
});

Deno.test("5 % loss on a stream costs time and never bytes", () => {
  const { world, a, b, notesOf, ids } = pair({ delay: 10, jitter: 5, loss: 0.05 });
  world.run(10_000);
  let sent = "";
  for (let i = 0; i < 500; i++) {
    a.write(ids()[0], bytes(`${i},`));
    sent += `${i},`;
    world.run(20);
  }
  world.run(60_000);
  assert.equal(notesOf(b).read, sent);
  const { packets } = a.traffic;
  assert.ok(packets > 505 && packets < 560, `${packets} packets for 500 writes`);
});

Deno.test("data wait out a partition until the doubled timer comes round", () => {
  const { world, a, b, notesOf, ids } = pair({ delay: 10 });
  world.run(100);
  world.setLink(world.links[0]!, false);
  a.write(ids()[0], bytes("late"));
  // The timer: 220, then 440, 880, … ms: due at 320, 760, 1640, 3400, 6920.
  world.runUntil(4_000);
  world.setLink(world.links[0]!, true);
  world.runUntil(6_900);
  assert.equal(notesOf(b).read, "");
  world.runUntil(7_000);
  assert.deepEqual(notesOf(b).of("read").map(({ at, text }) => [at, text]), [[6_930, "late"]]);
});

Deno.test("after a quarter of an hour without an answer the kernel gives up", () => {
  const { world, a, notesOf, ids } = pair({ delay: 10 });
  world.run(100);
  world.setLink(world.links[0]!, false);
  a.write(ids()[0], bytes("never"));
  world.run(850_000);
  assert.deepEqual(notesOf(a).of("closed"), []);
  world.run(150_000);
  assert.equal(notesOf(a).of("closed")[0]?.text, "timed out");
});

Deno.test("an idle stream outlives a partition", () => {
  const { world, a, b, notesOf, ids } = pair({ delay: 10 });
  world.run(100);
  world.setLink(world.links[0]!, false);
  world.run(1_800_000);
  world.setLink(world.links[0]!, true);
  a.write(ids()[0], bytes("still here"));
  world.run(100);
  assert.equal(notesOf(b).read, "still here");
});

Deno.test("a dial into nothing fails after 4 s, at a host without the process after a round trip", () => {
  const silent = pair({ delay: 10 });
  silent.b.powerCut();
  silent.world.run(5_000);
  const [failed] = silent.notesOf(silent.a).of("failed");
  assert.deepEqual([failed?.at, failed?.text], [4_000, "timed out"]);

  const refused = pair({ delay: 10 });
  refused.b.crash();
  refused.world.run(5_000);
  const [no] = refused.notesOf(refused.a).of("failed");
  assert.deepEqual([no?.at, no?.text], [20, "connection refused"]);
});

Deno.test("a lost SYN goes out again after 1 and 3 s", () => {
  const { world, a, notesOf } = pair({ delay: 10 });
  world.setLink(world.links[0]!, false);
  world.runUntil(2_000);
  world.setLink(world.links[0]!, true);
  world.runUntil(4_000);
  assert.equal(notesOf(a).of("dialled")[0]?.at, 3_040);
});

Deno.test("a crash closes the peer's end after one delay, behind the data", () => {
  const { world, a, b, notesOf, ids } = pair({ delay: 10 });
  world.run(100);
  b.write(ids()[1], bytes("last words"));
  b.crash();
  world.run(100);
  const notes = notesOf(a).notes.slice(-2).map(({ at, what }) => [at, what]);
  assert.deepEqual(notes, [[110, "read"], [110, "closed"]]);
});

Deno.test("a power cut leaves the peer half-open until the rebooted host is written to", () => {
  const { world, a, b, notesOf, ids } = pair({ delay: 10 });
  world.run(100);
  b.powerCut();
  world.run(60_000);
  assert.deepEqual(notesOf(a).of("closed"), []);
  b.start();
  world.run(60_000);
  assert.deepEqual(notesOf(a).of("closed"), []);
  const before = world.now;
  a.write(ids()[0], bytes("are you there?"));
  world.run(100);
  assert.deepEqual(notesOf(a).of("closed").map(({ at, text }) => [at - before, text]), [
    [20, "reset by the other side"],
  ]);
});

Deno.test("a closed stream reads to its end at the other side, and is silent at this one", () => {
  const { world, a, b, notesOf, ids } = pair({ delay: 10 });
  world.run(100);
  a.write(ids()[0], bytes("bye"));
  a.close(ids()[0], "done");
  b.write(ids()[1], bytes("too late"));
  world.run(1_000);
  assert.equal(notesOf(b).read, "bye");
  assert.equal(notesOf(b).of("closed")[0]?.at, 110);
  assert.equal(notesOf(a).read, "");
  assert.deepEqual(notesOf(a).of("closed"), []);
});

Deno.test("a full send buffer pushes back, and says when it has drained", () => {
  const { world, a, b, notesOf, ids } = pair({ delay: 10, bandwidth: 100 });
  world.run(100);
  const kilobyte = new Uint8Array(1_024).fill(0x61);
  let written = 0;
  while (a.write(ids()[0], kilobyte)) written++;
  assert.equal(written, SEND_BUFFER / 1_024);
  world.run(1_000);
  assert.deepEqual(notesOf(a).of("writable"), []);
  world.run(4_000);
  const [writable] = notesOf(a).of("writable");
  // Half of 257 KiB at 100 bytes a millisecond, and the way there and back.
  assert.ok(writable && Math.abs(writable.at - 100 - 1_331 - 20) < 15, `at ${writable?.at}`);
  assert.equal(notesOf(b).read.length, 257 * 1_024);
});

Deno.test("choppy reads cut anywhere and lose nothing", () => {
  const options: TopologyOptions = {
    seed: 3,
    machine: recorder,
    mode: "connect",
    choppyReads: true,
    scratchReads: true,
  };
  const world = emptyWorld(2, options);
  const [a, b] = world.nodes as [SimNode, SimNode];
  cable(world, options, a, b);
  world.start();
  world.run(100);
  const id = (a.machine as Recorder).of("dialled")[0]?.id ?? 0;
  const text = Array.from({ length: 10_000 }, (_, i) => i).join();
  for (let at = 0; at < text.length; at += 500) {
    a.write(id, bytes(text.slice(at, at + 500)));
    world.run(1);
  }
  world.run(1_000);
  const { read } = b.machine as Recorder;
  assert.equal(read, text);
  assert.ok((b.machine as Recorder).of("read").length > 110);
});
