import assert from "node:assert/strict";
import { isPlanEnded, Status } from "../../../lib/piot/mod.ts";
import type { Json } from "../../../lib/wire/cbor.ts";
import { meet, Worker } from "../workers.ts";
import { World } from "../world.ts";

/** In CI; `AGENT_SEEDS=5000` for a long night. */
const SEEDS = Number(Deno.env.get("AGENT_SEEDS") ?? 200);

/** What a run was like: the status of each plan, and how often something was undone. */
function monkey(seed: number) {
  const world = new World(seed);
  const { random } = world;
  /** "plan/step at node" → what was done there, in order. */
  const book = new Map<string, string[]>();
  const workers = ["hub", "a", "b", "c"].map((name) =>
    new Worker(world, name, (worker) => ({
      do: (now, call) => {
        const [step, ms, fails] = call.args as [string, number, boolean];
        let stopped = false;
        const end = (now: number) => {
          if (stopped) return;
          const key = `${step} at ${name}`;
          if (!fails) book.set(key, [...book.get(key) ?? [], "do"]);
          call.finish(now, { status: fails ? Status.Error : Status.Ok, value: step });
        };
        if (ms === 0) return end(now);
        worker.later(world, ms, end);
        return () => {
          stopped = true;
        };
      },
      undo: (now, call) => {
        const key = `${call.args} at ${name}`;
        book.set(key, [...book.get(key) ?? [], "undo"]);
        call.finish(now, { status: Status.Ok, value: null });
      },
    }))
  );
  const hub = workers[0] as Worker;
  meet(...workers);
  world.run(2_000);

  let count = 0;
  const node = (plan: string, depth: number): Json => {
    const dice = random.unit();
    if (depth < 3 && dice < 0.5) {
      const nodes = Array.from({ length: 1 + random.below(3) }, () => node(plan, depth + 1));
      return dice < 0.25 ? { seq: nodes } : { par: nodes, limit: 1 + random.below(3) };
    }
    const id = `${plan}.${count++}`;
    const fails = random.chance(0.06);
    return {
      do: "do",
      on: random.chance(0.7) ? random.pick(workers).name : ["a", "c"],
      id,
      args: [id, random.chance(0.5) ? 0 : random.below(3_000), fails],
      timeout: 2 + random.below(10),
      retries: random.below(3),
      optional: random.chance(0.1),
      undo: { do: "undo", args: id },
    };
  };
  const plans: string[] = [];
  for (let round = 0; round < 6; round++) {
    if (hub.node.piot) {
      const id = `p${round}`;
      const resume = random.chance(0.4);
      const plan = { id, resume, timeout: 60, steps: { seq: [node(id, 1), node(id, 1)] } };
      hub.node.act((_piot, now) => void hub.actions.run(now, plan));
      plans.push(id);
    }
    for (let i = 0; i < 6; i++) {
      const worker = random.pick(workers);
      const dice = random.unit();
      if (dice < 0.25) world.sever(worker.node, random.pick(workers).node);
      else if (dice < 0.35) {
        world.reachable(hub.node, worker.node, hub === worker || random.chance(0.5));
      } else if (dice < 0.55) worker.node.dieAtNextCommit(random.pick(["before", "after"]));
      else if (dice < 0.6) worker.node.crash();
      else if (dice < 0.65) {
        const id = plans.at(-1);
        if (id) hub.node.act((_piot, now) => void hub.actions.cancelPlan(now, id));
      }
      world.run(random.below(random.chance(0.5) ? 100 : 5_000));
      if (random.chance(0.5)) restart();
    }
  }
  function restart() {
    for (const worker of workers) {
      if (worker.node.piot) continue;
      worker.node.disk.onCommit = () => {};
      worker.node.start();
    }
    meet(...workers);
  }
  for (let i = 0; i < 12; i++) {
    for (const worker of workers) world.reachable(hub.node, worker.node, true);
    restart();
    world.run(60_000);
  }
  return { plans: plans.map((id) => hub.actions.plan(id)), book };
}

Deno.test(`${SEEDS} monkeys: every plan ends, and what is rolled back leaves nothing behind`, () => {
  const sum: Record<string, number> = {};
  let undone = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { plans, book } = monkey(seed);
    for (const plan of plans) {
      // It may have died before the plan was on its disk.
      const status = plan?.status ?? "unknown";
      sum[status] = (sum[status] ?? 0) + 1;
      if (!plan) continue;
      const name = `seed ${seed}: ${JSON.stringify(plan)}`;
      assert.ok(isPlanEnded(plan.status), name);
      for (const { id, status, undone: how = "", attempts = 0 } of plan.steps) {
        for (const [key, entries] of book) {
          if (!key.startsWith(`${id} at `)) continue;
          const all = `${name}: ${key}: ${entries}`;
          const did = entries.filter((entry) => entry === "do").length;
          assert.ok(did <= attempts, all);
          if (plan.status === "done") assert.ok(!entries.includes("undo"), all);
          else if (!how.startsWith("failed")) {
            assert.equal(entries.at(-1), "undo", all);
            undone += did;
          }
          if (status === "pending") assert.fail(all);
        }
      }
    }
  }
  console.log(JSON.stringify({ ...sum, undone }));
  for (const status of ["done", "rolledBack", "cancelled"]) assert.ok((sum[status] ?? 0) > 10);
  assert.ok(undone > 100);
});
