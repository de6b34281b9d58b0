import assert from "node:assert/strict";
import { World } from "./world.ts";

const numbers = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => String(from + i));

Deno.test("first contact makes a link at both ends; later sessions know it", async () => {
  const world = new World(1);
  const a = world.node("a");
  const b = world.node("b");
  a.connect(b);
  world.run(1_000);
  assert.equal(a.piot?.links()[0]?.state, "up");
  assert.deepEqual(b.piot?.links().map(({ name, state }) => [name, state]), [["a", "up"]]);
  await a.send("b", "hello");
  world.run(1_000);
  assert.deepEqual(b.texts(), ["hello"]);
  assert.equal(a.piot?.outbox().length, 0);
});

Deno.test("messages in both directions survive fifty cuts at any octet", async () => {
  const world = new World(2);
  const a = world.node("a", { holdEntries: 2_000 });
  const b = world.node("b", { holdEntries: 2_000 });
  a.connect(b);
  world.run(500);
  const sent = [];
  for (const text of numbers(1, 1_000)) {
    sent.push(a.send("b", text), b.send("a", text));
    if (Number(text) % 20 === 0) {
      world.run(world.random.below(20));
      world.sever(a, b);
    }
    if (Number(text) % 7 === 0) world.run(world.random.below(40));
  }
  await Promise.all(sent);
  assert.ok(world.until(() => a.piot?.outbox().length === 0 && b.piot?.outbox().length === 0));
  assert.deepEqual(b.texts(), numbers(1, 1_000));
  assert.deepEqual(a.texts(), numbers(1, 1_000));
});

Deno.test("a clock that is set back leaves the messages of a node in their order", async () => {
  const world = new World(7);
  const a = world.node("a");
  const b = world.node("b");
  a.connect(b);
  for (const text of ["1", "2", "3"]) {
    await a.send("b", text);
    assert.ok(world.until(() => b.texts().includes(text)));
    world.skew -= 3_600_000;
  }
  assert.deepEqual(b.texts(), numbers(1, 3));
  assert.deepEqual(b.piot?.inbox(2).length, 2);
  b.crash();
  b.start();
  assert.deepEqual(b.texts(), numbers(1, 3));
});

Deno.test("a node that lost its settings gets its link id back", () => {
  const world = new World(3);
  const a = world.node("a");
  const b = world.node("b");
  a.connect(b);
  world.run(1_000);
  a.crash();
  a.disk.restore(new Map());
  a.start();
  a.connect(b);
  assert.ok(world.until(() => a.piot?.links()[0]?.state === "up"));
  assert.equal(b.piot?.links().length, 1);
  b.crash();
  b.start();
  assert.ok(world.until(() => b.piot?.links()[0]?.state === "up", 200_000));
  const linked = b.events.filter(({ kind }) => kind === "linked");
  assert.equal(linked.length, 1, "no second introduction");
});

Deno.test("either side is killed again and again; the receiver's disk is wiped once", async () => {
  const world = new World(4);
  const a = world.node("a", { holdEntries: 2_000 });
  const b = world.node("b");
  a.connect(b);
  world.run(500);
  const sent = [];
  const got: string[] = [];
  const collect = () => {
    for (const message of b.piot?.inbox() ?? []) {
      got.push(new TextDecoder().decode(message.body));
      b.act((piot) => void piot.take(message.link, message.id));
    }
  };
  for (const text of numbers(1, 600)) {
    sent.push(a.send("b", text));
    if (Number(text) % 30 === 0) {
      world.run(world.random.below(30));
      const victim = world.random.pick([a, b]);
      victim.crash();
      if (Number(text) === 300) {
        world.run(5_000);
        // What nobody has taken goes with the disk, and its sender knows that it had arrived.
        if (!b.piot) b.start();
        collect();
        b.crash();
        b.disk.restore(new Map());
        b.start();
      }
      for (const node of [a, b]) if (!node.piot) node.start();
      a.connect(b);
      world.run(2_500);
      collect();
    }
  }
  await Promise.all(sent);
  assert.ok(world.until(() => a.piot?.outbox().length === 0));
  collect();
  assert.deepEqual([...new Set(got)], numbers(1, 600), "in order of their first arrival");
});

Deno.test("a clean slate on one side: what was held is reported dropped, numbers begin at 1", async () => {
  const world = new World(5);
  const a = world.node("a");
  const b = world.node("b", { inherit: false });
  await Promise.all(numbers(1, 5).map((text) => a.send("b", text)));
  a.connect(b);
  world.run(1_000);
  const dropped = a.events.flatMap((e) => e.kind === "dropped" ? [e.reason] : []);
  assert.deepEqual(dropped, Array(5).fill("clean-slate"));
  assert.equal(a.piot?.notices().length, 5);
  const up = b.events.find(({ kind }) => kind === "sessionUp");
  assert.ok(up?.kind === "sessionUp" && !up.inherited && up.outcome === 2);
  await a.send("b", "now");
  world.run(1_000);
  assert.deepEqual(b.texts(), ["now"]);
});

Deno.test("messages for a name that nobody has yet wait, and arrive first and in order", async () => {
  const world = new World(6);
  const a = world.node("a");
  await Promise.all(numbers(1, 10).map((text) => a.send("b", text)));
  world.run(60_000);
  assert.equal(a.piot?.outbox().length, 10);
  const b = world.node("b");
  a.connect(b, "needed");
  const later = a.send("b", "11");
  world.run(1_000);
  await later;
  assert.deepEqual(b.texts(), numbers(1, 11));
  assert.equal(a.piot?.links().length, 1);
});

Deno.test("time to live: a held message goes, a sent one leaves a tombstone", async () => {
  const world = new World(7);
  const a = world.node("a");
  const b = world.node("b");
  await a.send("b", "held too long", { ttl: 10_000 });
  world.run(61_000);
  assert.equal(a.piot?.outbox().length, 0);
  a.connect(b);
  world.run(1_000);

  // The first of these is on its way when the line breaks, so it has a number.
  const sent = [a.send("b", "sent too long ago", { ttl: 10_000 }), a.send("b", "patient")];
  world.reachable(a, b, false);
  await Promise.all(sent);
  assert.deepEqual(a.piot?.outbox().map(({ state }) => state), ["sent", "sent"]);
  world.run(20_000);
  world.reachable(a, b, true);
  assert.ok(world.until(() => a.piot?.outbox().length === 0));
  assert.deepEqual(b.texts(), ["patient"]);
  const dropped = a.events.flatMap((e) => e.kind === "dropped" ? [e.reason] : []);
  assert.deepEqual(dropped, ["expired", "expired"]);
});

Deno.test("a full outbox drops the oldest, or refuses the newest, as configured", async () => {
  const world = new World(8);
  const oldest = world.node("oldest", { holdEntries: 3, overflow: "oldest" });
  await Promise.all(numbers(1, 5).map((text) => oldest.send("b", text)));
  assert.equal(oldest.piot?.outbox().length, 3);
  assert.deepEqual(oldest.piot?.notices().map(({ reason }) => reason), ["overflow", "overflow"]);

  const reject = world.node("reject", { holdEntries: 3, overflow: "reject" });
  const outcomes = await Promise.allSettled(numbers(1, 5).map((text) => reject.send("b", text)));
  assert.deepEqual(outcomes.map(({ status }) => status), [
    ...Array(3).fill("fulfilled"),
    ...Array(2).fill("rejected"),
  ]);
  const inAll = world.node("all", { holdTotalBytes: 100, overflow: "reject" });
  await inAll.send("b", "x".repeat(60));
  await assert.rejects(inAll.send("c", "x".repeat(60)), /outbox to c is full/);
});

Deno.test("without holding, a send to nobody fails at once and leaves nothing", async () => {
  const world = new World(9);
  const a = world.node("a");
  await assert.rejects(a.send("b", "now or never", { hold: false }), /b is not connected/);
  assert.equal(a.piot?.outbox().length, 0);
});

Deno.test("both nodes dial at the same moment, a hundred times: one session remains", async () => {
  for (let seed = 1; seed <= 100; seed++) {
    const world = new World(seed);
    const a = world.node("a");
    const b = world.node("b");
    a.connect(b);
    b.connect(a);
    if (seed % 2 === 0) {
      // The second time both know each other.
      world.run(5_000);
      world.sever(a, b);
    }
    world.run(20_000);
    for (const node of [a, b]) {
      assert.deepEqual(node.piot?.links().map(({ state }) => state), ["up"], `seed ${seed}`);
      assert.equal(node.pipes.size, 1, `seed ${seed}: connections of ${node.name}`);
    }
    await a.send("b", "after all");
    world.run(1_000);
    assert.deepEqual(b.texts(), ["after all"]);
  }
});

Deno.test("forgetting a link drops what waits, and tells", async () => {
  const world = new World(10);
  const a = world.node("a");
  await a.send("b", "never mind");
  const [link] = a.piot?.links() ?? [];
  assert.ok(link);
  a.act((piot, now) => piot.forget(now, link.link));
  assert.deepEqual(a.piot?.links(), []);
  assert.deepEqual(a.piot?.notices().map(({ reason }) => reason), ["forgotten"]);
  assert.deepEqual([...a.disk.scan("")].filter(([key]) => /^(link\/|0)/.test(key)), []);
});
