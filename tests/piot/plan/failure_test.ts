/** Plans whose steps fail: repetitions, and what was done is undone. */
import assert from "node:assert/strict";
import { Status } from "../../../lib/piot/mod.ts";
import { meet, Worker } from "../workers.ts";
import { World } from "../world.ts";
import { run, statuses, step, three } from "./plans.ts";

Deno.test("a failing third step: what was done is undone in reverse order of completion", () => {
  const { world, hub, book } = three(6);
  const heard = run(hub, {
    steps: {
      seq: [
        { par: [step("1", {}, { ms: 2_000 }), step("2", { on: "b" }, { ms: 500 })] },
        { do: "echo", on: "a", id: "plain" },
        step("3", {}, { fail: true }),
        step("4"),
      ],
    },
  });
  world.run(5_000);
  const [result] = heard.results;
  assert.equal(result?.status, "rolledBack");
  assert.match(result?.reason ?? "", /^3: a: it broke$/);
  assert.deepEqual(book, ["do 2", "do 1", "undo 1", "undo 2"]);
  assert.deepEqual(statuses(result), [
    "1 ok ok",
    "2 ok ok",
    "plain ok none",
    "3 error",
    "4 pending",
  ]);
  assert.ok(hub.node.events.some(({ kind }) => kind === "rollback"));
});

Deno.test("undo gets the result of its own step", () => {
  const { world, hub, a } = three(7);
  run(hub, {
    steps: {
      seq: [
        step(
          "1",
          { undo: { do: "undo", args: { id: "1", of: { $ref: "" }, x: { $ref: "/x" } } } },
          {
            value: { x: 9 },
          },
        ),
        step("2", {}, { fail: true }),
      ],
    },
  });
  world.run(3_000);
  assert.ok(
    a.did.includes('undo {"x":9,"id":"1","of":{"x":9}}') ||
      a.did.includes('undo {"x":9,"of":{"x":9},"id":"1"}'),
    a.did.join("\n"),
  );
});

Deno.test("an undo that fails is recorded after two retries, and the others go on", () => {
  const { world, hub, a, book } = three(8);
  const heard = run(hub, {
    steps: {
      seq: [
        step("1"),
        step("2", { undo: { do: "undo", args: { id: "2", fail: true } } }),
        step("3", {}, { fail: true }),
      ],
    },
  });
  world.run(10_000);
  const [result] = heard.results;
  assert.equal(result?.status, "rollbackIncomplete");
  assert.deepEqual(statuses(result), ["1 ok ok", "2 ok failed: a: stuck", "3 error"]);
  assert.deepEqual(book, ["do 1", "do 2", "undo 1"]);
  assert.equal(a.did.filter((what) => what.startsWith("undo") && what.includes("fail")).length, 3);
});

Deno.test("retries: a new request each, 1 s apart", () => {
  const world = new World(9);
  let tries = 0;
  const a = new Worker(world, "a", () => ({
    flaky: (now, call) => {
      const status = ++tries < 3 ? Status.Error : Status.Ok;
      call.finish(now, { status, value: tries });
    },
  }));
  const hub = new Worker(world, "hub");
  meet(hub, a);
  world.run(1_000);
  const good = run(hub, { steps: { do: "flaky", on: "a", retries: 2 } });
  world.run(2_100);
  assert.equal(good.results[0]?.status, "done");
  assert.equal(good.results[0]?.steps[0]?.attempts, 3);
  assert.equal(new Set(a.began).size, 3);
  tries = -10;
  const bad = run(hub, { steps: { do: "flaky", on: "a", retries: 1 } });
  world.run(3_000);
  assert.equal(bad.results[0]?.status, "rolledBack");
});

Deno.test("a repetition asks only those whose answer was not good", () => {
  const world = new World(10);
  let tries = 0;
  const make = (name: string) =>
    new Worker(world, name, () => ({
      flaky: (now, call) => {
        const status = name === "b" && ++tries < 2 ? Status.Error : Status.Ok;
        call.finish(now, { status, value: name });
      },
    }));
  const [hub, a, b] = [make("hub"), make("a"), make("b")];
  meet(hub, a, b);
  world.run(1_000);
  const heard = run(hub, { steps: { do: "flaky", on: ["a", "b"], retries: 1 } });
  world.run(3_000);
  assert.deepEqual(heard.results[0]?.steps[0]?.value, ["a", "b"]);
  assert.deepEqual([a.did.length, b.did.length], [1, 2]);
});

Deno.test("an optional step may fail", () => {
  const { world, hub } = three(11);
  const heard = run(hub, {
    steps: { seq: [step("1", { optional: true }, { fail: true }), step("2")] },
  });
  world.run(2_000);
  assert.equal(heard.results[0]?.status, "done");
  assert.deepEqual(statuses(heard.results[0]), ["1 error", "2 ok"]);
});

Deno.test("a node that cannot be reached fails its step", () => {
  const { world, hub, b, book } = three(12);
  world.reachable(hub.node, b.node, false);
  const heard = run(hub, { steps: { seq: [step("1"), step("2", { on: "b" })] } });
  world.run(5_000);
  assert.match(heard.results[0]?.reason ?? "", /2: b: b is not connected/);
  assert.deepEqual(book, ["do 1", "undo 1"]);
});

Deno.test("the first failure cancels what runs, and what was cancelled is undone, too", () => {
  const { world, hub, a, book } = three(13);
  const heard = run(hub, {
    steps: { par: [step("1", {}, { ms: 30_000 }), step("2", { on: "b" }, { fail: true })] },
  });
  world.run(2_000);
  assert.deepEqual(a.aborted, ["cancelled"]);
  assert.equal(heard.results[0]?.status, "rolledBack");
  assert.deepEqual(statuses(heard.results[0]), ["1 cancelled ok", "2 error"]);
  assert.deepEqual(book, ["undo 1"]);
});

Deno.test("a step without an answer has an unknown outcome: it is undone when its node is back", () => {
  const { world, hub, a, book } = three(14);
  const heard = run(hub, { timeout: "10s", steps: step("1", {}, { ms: 3_000 }) });
  world.run(1_000);
  world.reachable(hub.node, a.node, false);
  world.run(20_000);
  // The plan's time was over after 10 s, and nobody answered the cancel within 5.
  assert.equal(hub.actions.plan(heard.id)?.status, "rollingBack");
  world.reachable(hub.node, a.node, true);
  world.run(60_000);
  assert.equal(heard.results[0]?.status, "rolledBack");
  assert.match(heard.results[0]?.reason ?? "", /longer/);
  assert.deepEqual(book, ["do 1", "undo 1"]);
});

Deno.test("cancelled by its caller", () => {
  const { world, hub, book } = three(15);
  const heard = run(hub, { steps: { seq: [step("1"), step("2", {}, { ms: 20_000 })] } });
  world.run(2_000);
  hub.node.act((_piot, now) => assert.ok(hub.actions.cancelPlan(now, heard.id)));
  world.run(2_000);
  assert.equal(heard.results[0]?.status, "cancelled");
  assert.deepEqual(book, ["do 1", "undo 2", "undo 1"]);
  hub.node.act((_piot, now) => assert.equal(hub.actions.cancelPlan(now, heard.id), false));
});
