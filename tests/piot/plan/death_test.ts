/** Plans whose coordinator or executor dies. */
import assert from "node:assert/strict";
import { meet } from "../workers.ts";
import { run, statuses, step, three } from "./plans.ts";

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
