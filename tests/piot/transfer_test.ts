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
