import assert from "node:assert/strict";
import type { PlanResult } from "../../lib/piot/mod.ts";
import { Status } from "../../lib/piot/mod.ts";
import type { Json } from "../../lib/wire/cbor.ts";
import { meet, Worker } from "./workers.ts";
import { World } from "./world.ts";

/** A coordinator and two nodes that keep books of what was done to them. */
function three(seed: number) {
  const world = new World(seed);
  /** What was done and undone on all nodes, in order. */
  const book: string[] = [];
  const make = (name: string) =>
    new Worker(world, name, (worker) => ({
      // {id, ms?, fail?, value?}
      do: (now, call) => {
        const { id, ms, fail, value } = call.args as Record<string, Json>;
        let stopped = false;
        const end = (now: number) => {
          if (stopped) return;
          if (fail) return void call.finish(now, { status: Status.Error, value: "it broke" });
          book.push(`do ${id}`);
          call.finish(now, { status: Status.Ok, value: value ?? null });
        };
        if (!ms) return end(now);
        worker.later(world, Number(ms), end);
        return (_now, why) => {
          stopped = true;
          worker.aborted.push(why);
        };
      },
      undo: (now, call) => {
        const { id, fail } = call.args as Record<string, Json>;
        if (fail) return void call.finish(now, { status: Status.Error, value: "stuck" });
        book.push(`undo ${id}${call.args && "of" in (call.args as object) ? " of" : ""}`);
        call.finish(now, { status: Status.Ok, value: null });
      },
    }), { tags: new Map([["kind", "worker"]]) });
  const hub = make("hub");
  const a = make("a");
  const b = make("b");
  meet(hub, a, b);
  world.run(2_000);
  return { world, hub, a, b, book };
}

const step = (id: string, more: Record<string, Json> = {}, args: Record<string, Json> = {}) => ({
  do: "do",
  on: "a",
  id,
  args: { id, ...args },
  undo: { do: "undo", args: { id } },
  ...more,
});

function run(worker: Worker, plan: unknown) {
  const heard = { id: "", results: [] as PlanResult[] };
  worker.node.act((_piot, now) => {
    heard.id = worker.actions.run(now, plan, (result) => void heard.results.push(result));
  });
  return heard;
}

const statuses = (result: PlanResult | undefined) =>
  result?.steps.map(({ id, status, undone }) => `${id} ${status}${undone ? ` ${undone}` : ""}`);

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

// Crashes of the coordinator

const PLAN = {
  id: "p",
  timeout: "100s",
  steps: {
    seq: [
      step("1"),
      { par: [step("2", { on: "b" }, { ms: 300 }), step("3", {}, { ms: 100 })] },
      step("4", { on: ["a", "b"] }),
      step("5", { on: "hub" }),
    ],
  },
};

/** Runs a plan whose coordinator dies at the k-th commit after its start; whether it died at all. */
function dieAt(
  seed: number,
  k: number,
  when: "before" | "after",
  plan: typeof PLAN & { resume?: boolean },
) {
  const { world, hub, a, b, book } = three(seed);
  let left = k;
  let started = false;
  let died = false;
  const { onCommit } = hub.node.disk;
  hub.node.disk.onCommit = (moment, changes) => {
    onCommit(moment, changes);
    if (!started || died || moment !== when || --left > 0) return;
    died = true;
    world.dying = hub.node;
    throw new Error("power");
  };
  started = true;
  run(hub, plan);
  world.run(20_000);
  if (hub.node.piot && !died) return undefined;
  world.run(1_000);
  hub.node.start();
  meet(hub, a, b);
  world.run(200_000);
  return { result: hub.actions.plan("p"), book, workers: [hub, a, b] };
}

const planned = ["1", "2", "3", "4", "4", "5"];

/** All moments at which the coordinator of a plan can die, over several worlds. */
function* deaths(when: "before" | "after", plan: typeof PLAN & { resume?: boolean }) {
  for (let seed = 1_000; seed < 1_020; seed++) {
    for (let k = 1;; k++) {
      const run = dieAt(seed, k, when, plan);
      if (!run) break;
      const of = (what: string) =>
        run.book.filter((entry) => entry.startsWith(what)).map((entry) => entry.slice(what.length));
      const name = `seed ${seed}, k ${k}: ${run.book.join(", ")}; ${JSON.stringify(run.result)}`;
      yield { ...run, k, did: of("do "), undid: of("undo "), name };
    }
  }
}

/** Nothing is repeated in this plan, so no step is done twice at the same node. */
function assertOnce(did: readonly string[], name: string): void {
  for (const id of did) {
    assert.ok(did.filter((one) => one === id).length <= (id === "4" ? 2 : 1), name);
  }
}

for (const when of ["before", "after"] as const) {
  Deno.test(`the coordinator dies ${when} its k-th commit: done, or undone in reverse order`, () => {
    let [done, undone] = [0, 0];
    for (const { k, result, book, did, undid, workers, name } of deaths(when, PLAN)) {
      for (const { began } of workers) assert.equal(new Set(began).size, began.length, name);
      assertOnce(did, name);
      if (!result) {
        // It died before the plan was on its disk.
        assert.deepEqual([when, k, book], ["before", 1, []], name);
        continue;
      }
      if (result.status === "done") {
        assert.deepEqual([did.toSorted(), undid], [planned, []], name);
        done++;
        continue;
      }
      assert.deepEqual([result.status, result.restarts], ["rolledBack", 1], name);
      undone++;
      // All that was done is undone, and nothing is done behind its undo.
      for (const id of did) {
        assert.ok(book.lastIndexOf(`do ${id}`) < book.lastIndexOf(`undo ${id}`), name);
      }
      const order = undid.map((id) => result.steps.find((step) => step.id === id)?.ended ?? 0);
      assert.deepEqual(order, order.toSorted((x, y) => y - x), name);
    }
    assert.ok(undone > 100, `${done} ${undone}`);
    if (when === "after") assert.ok(done > 0);
  });

  Deno.test(`a plan that resumes goes on when its coordinator dies ${when} its k-th commit`, () => {
    let [all, done] = [0, 0];
    for (const { result, did, undid, name } of deaths(when, { ...PLAN, resume: true })) {
      all++;
      assertOnce(did, name);
      if (result?.status !== "done") continue;
      done++;
      assert.deepEqual([did.toSorted(), undid], [planned, []], name);
    }
    assert.ok(done > all * 0.6, `${done} of ${all}`);
  });
}

Deno.test("the coordinator dies while it rolls back, again and again", () => {
  const { world, hub, a, b, book } = three(300);
  const steps = {
    seq: [step("1"), step("2", { on: "b" }), step("3"), step("4", {}, { fail: true })],
  };
  run(hub, { id: "p", steps });
  for (let i = 0; i < 8; i++) {
    hub.node.dieAtNextCommit(i % 2 ? "before" : "after");
    world.run(3_000);
    if (hub.node.piot) break;
    hub.node.start();
    meet(hub, a, b);
  }
  world.run(200_000);
  assert.equal(hub.actions.plan("p")?.status, "rolledBack");
  const undone = book.filter((what) => what.startsWith("undo"));
  const once = undone.filter((what, i) => undone.indexOf(what) === i);
  const done = book.filter((what) => what.startsWith("do"));
  assert.deepEqual(once, done.map((what) => `un${what}`).toReversed());
});

Deno.test("an executor dies with a step: its outcome is unknown, and it is undone", () => {
  const { world, hub, a, book } = three(301);
  const heard = run(hub, { steps: { seq: [step("1"), step("2", {}, { ms: 10_000 })] } });
  world.run(2_000);
  a.node.crash();
  world.run(1_000);
  a.node.start();
  world.run(100_000);
  assert.equal(heard.results[0]?.status, "rolledBack");
  assert.deepEqual(statuses(heard.results[0]), ["1 ok ok", "2 lost ok"]);
  assert.deepEqual(book, ["do 1", "undo 2", "undo 1"]);
});
