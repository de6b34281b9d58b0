/** Plans: order, references, who runs them, and what is refused before it begins. */
import assert from "node:assert/strict";
import { Status } from "../../../lib/piot/mod.ts";
import type { Json } from "../../../lib/wire/cbor.ts";
import { meet, Worker } from "../workers.ts";
import { run, step, three } from "./plans.ts";

Deno.test("one after the other, each when the last has ended", () => {
  const { world, hub, book } = three(1);
  const heard = run(hub, {
    steps: { seq: [step("1", {}, { ms: 1_000 }), step("2", { on: "b" }), step("3")] },
  });
  world.run(900);
  assert.deepEqual(book, []);
  assert.deepEqual(hub.actions.plan(heard.id)?.steps.map(({ status }) => status), [
    "running",
    "pending",
    "pending",
  ]);
  world.run(1_000);
  assert.deepEqual(book, ["do 1", "do 2", "do 3"]);
  assert.equal(heard.results[0]?.status, "done");
  const kinds = hub.node.events.filter(({ kind }) => kind === "step" || kind === "plan");
  assert.equal(kinds.length, 7);
  // The journal keeps the result, and no steps.
  assert.deepEqual([...hub.node.disk.scan("step/")], []);
  assert.deepEqual(hub.actions.plan(heard.id), heard.results[0]);
});

Deno.test("at once, up to the limit", () => {
  const { world, hub, a, book } = three(2);
  const slow = (id: string) => step(id, {}, { ms: 1_000 });
  const heard = run(hub, { steps: { par: ["1", "2", "3", "4", "5"].map(slow), limit: 2 } });
  world.run(500);
  assert.equal(a.actions.running, 2);
  world.run(1_000);
  assert.equal(a.actions.running, 2);
  world.run(2_000);
  assert.equal(heard.results[0]?.status, "done");
  assert.equal(book.length, 5);
});

Deno.test("a seq within a par within a seq", () => {
  const { world, hub, book } = three(3);
  const heard = run(hub, {
    steps: {
      seq: [
        step("0"),
        { par: [{ seq: [step("1", {}, { ms: 500 }), step("2")] }, step("3", {}, { ms: 2_000 })] },
        step("4", { on: "hub" }),
      ],
    },
  });
  world.run(4_000);
  assert.equal(heard.results[0]?.status, "done");
  assert.deepEqual(book, ["do 0", "do 1", "do 2", "do 3", "do 4"]);
});

Deno.test("references take parts of earlier results", () => {
  const { world, hub } = three(4);
  const heard = run(hub, {
    steps: {
      seq: [
        step("1", {}, { value: { list: [{ x: 5 }] } }),
        { do: "echo", on: "b", args: { whole: { $ref: "1" }, part: [{ $ref: "1/list/0/x" }] } },
        { do: "echo", on: ["a", "b"], id: "many", args: { $ref: "step-2/part" } },
        { do: "echo", on: "kind=worker", id: "last", args: { $ref: "many/1/0" } },
      ],
    },
  });
  world.run(2_000);
  assert.equal(heard.results[0]?.status, "done");
  assert.deepEqual(heard.results[0]?.steps.map(({ value }) => value).slice(1), [
    { whole: { list: [{ x: 5 }] }, part: [5] },
    [[5], [5]],
    [5, 5, 5],
  ]);
});

Deno.test("a reference to what is not there fails its step", () => {
  const { world, hub, book } = three(5);
  const heard = run(hub, {
    steps: { seq: [step("1"), { do: "echo", on: "b", args: { $ref: "1/nothing" } }] },
  });
  world.run(2_000);
  assert.equal(heard.results[0]?.status, "rolledBack");
  assert.match(heard.results[0]?.reason ?? "", /step-2: "1\/nothing": there is no "nothing"/);
  assert.deepEqual(book, ["do 1", "undo 1"]);
});

Deno.test("the same plan id is not run twice, and plans are checked before they start", () => {
  const { world, hub, book } = three(16);
  run(hub, { id: "mine", steps: step("1") });
  world.run(1_000);
  const again = () => hub.actions.run(world.now, { id: "mine", steps: step("1") });
  assert.throws(again, /"mine" was run before/);
  assert.throws(() => hub.actions.run(world.now, { steps: {} }), /^AgentError: plan: steps/);
  hub.node.crash();
  hub.node.start();
  world.run(1_000);
  assert.throws(() => hub.actions.run(world.now, { id: "mine", steps: step("1") }), /run before/);
  assert.deepEqual(book, ["do 1"]);
});

Deno.test("another node runs the plan", () => {
  const { world, hub, book } = three(17);
  const client = new Worker(world, "client");
  meet(client, hub);
  world.run(1_000);
  const good = client.ask("hub", "piot.run", { steps: step("1") });
  const bad = client.ask("hub", "piot.run", {
    steps: { seq: [step("2"), step("3", {}, { fail: true })] },
  });
  const wrong = client.ask("hub", "piot.run", { steps: 1 });
  const slow = client.ask("hub", "piot.run", { steps: step("4", {}, { ms: 20_000 }) });
  world.run(3_000);
  assert.equal((good.results[0]?.value as Record<string, Json>)["status"], "done");
  const { code, text } = bad.results[0]?.value as Record<string, Json>;
  assert.deepEqual([code, text], ["rolledBack", "rolledBack: 3: a: it broke"]);
  assert.match(String(wrong.results[0]?.value), /^plan: steps is to be an object/);
  client.node.act((_piot, now) => client.actions.cancel(now, slow.id));
  world.run(3_000);
  assert.deepEqual(slow.results.map(({ status }) => status), [Status.Cancelled]);
  assert.deepEqual(book.filter((what) => what.endsWith("4")), ["undo 4"]);
});

Deno.test("a plan without steps is done", () => {
  const { world, hub } = three(18);
  const heard = run(hub, { steps: { seq: [{ par: [] }] } });
  world.run(100);
  assert.equal(heard.results[0]?.status, "done");
});

Deno.test("a full disk: the plan is told not to have begun", () => {
  const { world, hub, book } = three(19);
  hub.node.disk.full = true;
  const heard = run(hub, { steps: step("1") });
  hub.node.disk.full = false;
  world.run(60_000);
  assert.equal(heard.results[0]?.reason, "the plan could not be stored");
  assert.deepEqual(book, []);
});
