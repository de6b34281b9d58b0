import assert from "node:assert/strict";
import {
  type AggregateAnswer,
  type AggregateRequest,
  type AggregateResult,
  parseAggregate,
  REDUCERS,
  Status,
} from "../../../lib/piot/mod.ts";
import type { Json } from "../../../lib/wire/cbor.ts";
import { meet, Worker } from "../workers.ts";
import { World } from "../world.ts";

/** A hub and five nodes: three well, one slow, one failing; `e` is down on request. */
function five(seed: number, options: { down?: string[]; relay?: boolean } = {}) {
  const world = new World(seed);
  const values: Record<string, number> = { a: 1, b: 2, c: 3, d: 4, e: 5 };
  const hub = new Worker(world, "hub", () => ({
    value: (now, call) => void call.finish(now, { status: Status.Ok, value: 100 }),
  }), { tags: new Map([["room", "cellar"]]) });
  const nodes = Object.keys(values).map((name) =>
    new Worker(world, name, (worker) => ({
      value: (now, call) => {
        if (name === "d") return void call.finish(now, { status: Status.Error, value: "broken" });
        const finish = (now: number) =>
          void call.finish(now, { status: Status.Ok, value: values[name] ?? null });
        if (name !== "c") return finish(now);
        worker.later(world, 4_000, finish);
        return (_now, why) => void worker.aborted.push(why);
      },
    }), { tags: new Map([["room", name < "c" ? "kitchen" : "cellar"]]) })
  );
  meet(hub, ...nodes);
  world.run(2_000);
  for (const worker of nodes) if (options.down?.includes(worker.name)) worker.node.crash();
  world.run(1_000);
  const [a, b, c, d, e] = nodes as [Worker, Worker, Worker, Worker, Worker];
  return { world, hub, nodes, a, b, c, d, e };
}

function aggregate(worker: Worker, request: Omit<AggregateRequest, "args"> & { args?: Json }) {
  const heard = { id: "", answers: [] as AggregateAnswer[], results: [] as AggregateResult[] };
  worker.node.act((_piot, now) => {
    heard.id = worker.actions.aggregate(now, { args: null, ...request }, {
      answer: (answer) => void heard.answers.push(answer),
      ended: (result) => void heard.results.push(result),
    });
  });
  return heard;
}

const all = ["a", "b", "c", "d", "e"];
const statuses = (result: AggregateResult | undefined) =>
  result?.answers.map(({ name, status }) => `${name} ${status}`);

Deno.test("mode all: waits for every answer, and is partial where one failed or is down", () => {
  const { world, hub } = five(1, { down: ["e"] });
  const heard = aggregate(hub, { targets: all, name: "value" });
  // The one that is down answers at once.
  assert.deepEqual(heard.answers.map(({ name, status }) => [name, status]), [["e", "unreachable"]]);
  world.run(3_900);
  assert.equal(heard.results.length, 0);
  world.run(200);
  const [result] = heard.results;
  assert.equal(result?.status, "partial");
  assert.deepEqual(statuses(result), ["a ok", "b ok", "c ok", "d error", "e unreachable"]);
  assert.deepEqual(result?.value, [1, 2, 3]);
  assert.equal(result?.answers[3]?.error, "broken");
  assert.ok((result?.answers[2]?.ms ?? 0) >= 4_000);
});

Deno.test("mode all: complete where all are ok; the timeout is one of the whole", () => {
  const { world, hub, c } = five(2);
  const good = aggregate(hub, { targets: ["a", "b", "c"], name: "value", reduce: "sum" });
  const late = aggregate(hub, { targets: ["a", "c"], name: "value", timeout: 2_000 });
  world.run(2_000);
  assert.equal(late.results[0]?.status, "partial");
  assert.deepEqual(statuses(late.results[0]), ["a ok", "c timeout"]);
  world.run(3_000);
  assert.equal(good.results[0]?.status, "complete");
  assert.equal(good.results[0]?.value, 6);
  assert.ok(c.aborted.length === 1);
  // Who answers too late is passed over.
  assert.ok(!hub.node.events.some(({ kind }) => kind === "lateResult"));
});

Deno.test("mode any: ends with the first that is ok, and cancels the others", () => {
  const { world, hub, c } = five(3);
  const heard = aggregate(hub, { targets: ["c", "d", "a"], name: "value", mode: "any" });
  world.run(1_000);
  assert.equal(heard.results[0]?.status, "complete");
  assert.deepEqual(heard.results[0]?.value, [1]);
  assert.deepEqual(c.aborted, ["cancelled"]);
  assert.deepEqual(statuses(heard.results[0])?.[0], "c cancelled");
  const failed = aggregate(hub, { targets: ["d"], name: "value", mode: "any" });
  world.run(1_000);
  assert.equal(failed.results[0]?.status, "failed");
});

Deno.test("mode quorum: met, or impossible and over at once", () => {
  const { world, hub, c } = five(4, { down: ["e"] });
  const met = aggregate(hub, { targets: all, name: "value", mode: { quorum: 2 } });
  world.run(1_000);
  assert.equal(met.results[0]?.status, "complete");
  assert.deepEqual(met.results[0]?.value, [1, 2]);
  const impossible = aggregate(hub, { targets: all, name: "value", mode: { quorum: 4 } });
  world.run(1_000);
  assert.equal(impossible.results[0]?.status, "failed");
  assert.equal(c.aborted.length, 2);
  const tooMany = aggregate(hub, { targets: ["a"], name: "value", mode: { quorum: 2 } });
  assert.equal(tooMany.results[0]?.status, "failed");
});

Deno.test("mode settled never fails; all fails where nobody is ok", () => {
  const { world, hub } = five(5, { down: ["e"] });
  const settled = aggregate(hub, { targets: ["d", "e"], name: "value", mode: "settled" });
  const failed = aggregate(hub, { targets: ["d", "e"], name: "value" });
  world.run(1_000);
  assert.equal(settled.results[0]?.status, "partial");
  assert.equal(failed.results[0]?.status, "failed");
});

Deno.test("targets: names, ids, selectors and ourselves, each once, in their order", () => {
  const { world, hub, a } = five(6);
  const heard = aggregate(hub, {
    targets: ["b", "room=kitchen", a.id, "hub", "room=attic", "nobody"],
    name: "value",
    reduce: "map",
  });
  world.run(1_000);
  const [result] = heard.results;
  assert.deepEqual(statuses(result), ["b ok", "a ok", "hub ok", "nobody unreachable"]);
  assert.deepEqual(Object.values(result?.value as Record<string, Json>), [2, 1, 100]);
  assert.deepEqual(hub.did, ["value null"]);
  const cellar = aggregate(hub, { targets: ["room=cellar"], name: "value", reduce: "count" });
  world.run(5_000);
  assert.deepEqual(statuses(cellar.results[0]), ["c ok", "d error", "e ok", "hub ok"]);
  assert.equal(cellar.results[0]?.value, 3);
});

Deno.test("no targets: complete and empty", () => {
  const { hub } = five(7);
  for (const mode of ["all", "any", "settled", { quorum: 3 }] as const) {
    const { results: [result] } = aggregate(hub, { targets: [], name: "value", mode });
    assert.deepEqual([result?.status, result?.answers, result?.value], ["complete", [], []]);
  }
});

Deno.test("concurrency: so many at once, and all in the end", () => {
  const { world, hub, nodes } = five(8);
  const targets = nodes.map(({ name }) => name);
  const heard = aggregate(hub, { targets, name: "slow", args: { ms: 1_000 }, concurrency: 2 });
  let most = 0;
  for (let i = 0; i < 80; i++) {
    world.run(50);
    most = Math.max(most, nodes.reduce((sum, { actions }) => sum + actions.running, 0));
  }
  assert.equal(most, 2);
  assert.equal(heard.results[0]?.status, "complete");
});

Deno.test("hold: a target that is away gets the request when it comes back in time", () => {
  const { world, hub, e } = five(9, { down: ["e"] });
  const heard = aggregate(hub, { targets: ["a", "e"], name: "value", hold: true, timeout: 60_000 });
  const tooLate = aggregate(hub, { targets: ["e"], name: "echo", hold: true, timeout: 5_000 });
  world.run(10_000);
  assert.deepEqual(statuses(tooLate.results[0]), ["e timeout"]);
  e.node.start();
  world.run(60_000);
  assert.equal(heard.results[0]?.status, "complete");
  // What nobody waits for any more is not executed.
  assert.deepEqual(e.did, ["value null"]);
});

Deno.test("cancelled by its caller", () => {
  const { world, hub, c } = five(10);
  const heard = aggregate(hub, { targets: ["a", "c"], name: "value" });
  world.run(1_000);
  hub.node.act((_piot, now) => assert.ok(hub.actions.cancelAggregate(now, heard.id)));
  world.run(1_000);
  assert.equal(heard.results[0]?.status, "cancelled");
  assert.deepEqual(statuses(heard.results[0]), ["a ok", "c cancelled"]);
  assert.deepEqual(c.aborted, ["cancelled"]);
});

Deno.test("reducers", () => {
  const answers = [2, 5, "x", -1].map((value, i) => ({ node: `n${i}`, value }));
  assert.deepEqual(REDUCERS.list(answers), [2, 5, "x", -1]);
  assert.deepEqual(REDUCERS.map(answers), { n0: 2, n1: 5, n2: "x", n3: -1 });
  assert.equal(REDUCERS.count(answers), 4);
  assert.equal(REDUCERS.sum(answers), 6);
  assert.equal(REDUCERS.min(answers), -1);
  assert.equal(REDUCERS.max(answers), 5);
  assert.equal(REDUCERS.avg(answers), 2);
  assert.deepEqual([REDUCERS.sum([]), REDUCERS.min([]), REDUCERS.avg([])], [0, null, null]);
});

Deno.test("a function as reducer, and one that throws", () => {
  const { world, hub } = five(11);
  const product = aggregate(hub, {
    targets: ["a", "b"],
    name: "value",
    reduce: (answers) => answers.reduce((all, { value }) => all * Number(value), 7),
  });
  const broken = aggregate(hub, {
    targets: ["a"],
    name: "value",
    reduce: () => {
      throw new Error("a bug");
    },
  });
  world.run(1_000);
  assert.equal(product.results[0]?.value, 14);
  assert.equal(broken.results[0]?.value, null);
  assert.ok(hub.node.events.some((event) => event.kind === "handlerError"));
});

Deno.test("another node does the fan-out", () => {
  const { world, hub } = five(12);
  const outside = new Worker(world, "outside");
  meet(outside, hub);
  world.run(1_000);
  const asked = outside.ask("hub", "piot.aggregate", {
    targets: ["a", "b", "hub"],
    name: "value",
    reduce: "sum",
  });
  const slow = outside.ask("hub", "piot.aggregate", { targets: ["a", "c"], name: "value" }, {
    timeout: 2_000,
  });
  const wrong = outside.ask("hub", "piot.aggregate", { targets: 3 });
  world.run(3_000);
  const { status, value } = asked.results[0]?.value as Record<string, Json>;
  assert.deepEqual([status, value], ["complete", 103]);
  // With the time of its own action it answers with what there is.
  assert.equal((slow.results[0]?.value as Record<string, Json>)["status"], "partial");
  assert.equal(wrong.results[0]?.status, Status.Error);
  assert.match(String(wrong.results[0]?.value), /^aggregate: targets is to be/);
});

Deno.test("a remote aggregate that is cancelled cancels its requests", () => {
  const { world, hub, c } = five(13);
  const outside = new Worker(world, "outside");
  meet(outside, hub);
  world.run(1_000);
  const asked = outside.ask("hub", "piot.aggregate", { targets: ["c"], name: "value" });
  world.run(1_000);
  outside.node.act((_piot, now) => outside.actions.cancel(now, asked.id));
  world.run(1_000);
  assert.equal(asked.results[0]?.status, Status.Cancelled);
  assert.deepEqual(c.aborted, ["cancelled"]);
});

Deno.test("remote aggregates nest three deep", () => {
  const world = new World(14);
  const workers = ["n0", "n1", "n2", "n3", "n4", "n5"].map((name) => new Worker(world, name));
  meet(...workers);
  world.run(2_000);
  const nest = (from: number, to: number): Json =>
    from === to
      ? { targets: [`n${to}`], name: "piot.ping", args: "deep" }
      : { targets: [`n${from}`], name: "piot.aggregate", args: nest(from + 1, to) };
  const three = workers[0]?.ask("n1", "piot.aggregate", nest(2, 4));
  const four = workers[0]?.ask("n1", "piot.aggregate", nest(2, 5));
  world.run(2_000);
  assert.match(JSON.stringify(three?.results), /"deep"/);
  assert.doesNotMatch(JSON.stringify(four?.results), /"deep"/);
  assert.match(JSON.stringify(four?.results), /nested deeper than 3/);
});

Deno.test("an aggregate ends when the disk is full", () => {
  const { world, hub } = five(15);
  const heard = aggregate(hub, { targets: ["a", "c"], name: "value" });
  world.run(1_000);
  hub.node.disk.full = true;
  hub.ask("a", "echo");
  hub.node.disk.full = false;
  world.run(1_000);
  assert.equal(heard.results.length, 1);
  assert.deepEqual(statuses(heard.results[0]), ["a ok", "c dropped"]);
});

Deno.test("what another node wants aggregated is checked field by field", () => {
  const base = { targets: ["a"], name: "x" };
  const full = {
    ...base,
    args: [1],
    mode: { quorum: 2 },
    timeout: "5s",
    reduce: "sum",
    hold: true,
    concurrency: 3,
  };
  assert.deepEqual(parseAggregate(full), { ...full, timeout: 5_000 });
  const wrong: Json[] = [
    null,
    [],
    { ...base, targets: [""] },
    { ...base, name: "" },
    { ...base, mode: "most" },
    { ...base, mode: { quorum: 0 } },
    { ...base, timeout: 0 },
    { ...base, timeout: "soon" },
    { ...base, reduce: "toString" },
    { ...base, hold: 1 },
    { ...base, concurrency: 1e9 },
  ];
  for (const value of wrong) assert.throws(() => parseAggregate(value), { name: "AgentError" });
});
