import assert from "node:assert/strict";
import type { ActionsOptions, Message } from "../../../lib/piot/mod.ts";
import { Status } from "../../../lib/piot/mod.ts";
import { meet, Worker } from "../workers.ts";
import { textOf, World } from "../world.ts";

function chain(seed: number, names: readonly string[], options: ActionsOptions = { relay: true }) {
  const world = new World(seed);
  const workers = names.map((name) => new Worker(world, name, undefined, {}, options));
  for (const [i, worker] of workers.entries()) {
    const next = workers[i + 1];
    if (next) meet(worker, next);
  }
  world.run(2_000);
  return { world, workers };
}

const linkTo = (worker: Worker, name: string) =>
  worker.node.piot?.links().find((link) => link.name === name)?.link ?? -1;

Deno.test("a channel keeps values with its link, across restarts, until it is forgotten", () => {
  const { workers: [a, b] } = chain(1, ["a", "b"]);
  assert.ok(a && b);
  const link = linkTo(a, "b");
  a.node.act(() => {
    a.actions.channels.set(link, "colour", { r: 1, g: [2] });
    a.actions.channels.set(link, "gone", 1);
  });
  a.node.act(() => {
    assert.ok(a.actions.channels.delete(link, "gone"));
    assert.equal(a.actions.channels.delete(link, "gone"), false);
  });
  a.node.crash();
  a.node.start();
  assert.deepEqual(a.actions.channels.get(link, "colour"), { r: 1, g: [2] });
  assert.equal(a.actions.channels.get(link, "gone"), undefined);
  assert.deepEqual(a.actions.channels.keys(link), ["colour"]);
  a.node.act((piot, now) => piot.forget(now, link));
  assert.throws(() => a.actions.channels.get(link, "colour"), /there is no link/);
  assert.deepEqual([...a.node.disk.scan("")].filter(([key]) => key.includes("/c/")), []);
});

Deno.test("a channel keeps at most 1 MiB, and keys of 1 to 255 bytes", () => {
  const { workers: [a] } = chain(2, ["a", "b"]);
  assert.ok(a);
  const link = linkTo(a, "b");
  const { channels } = a.actions;
  a.node.act(() => channels.set(link, "big", "x".repeat(1_000_000)));
  assert.throws(() => channels.set(link, "more", "x".repeat(100_000)), /a channel keeps 1048576/);
  a.node.act(() => channels.set(link, "big", "x"));
  a.node.act(() => channels.set(link, "more", "x".repeat(100_000)));
  assert.throws(() => channels.set(link, "", 1), /1 to 255/);
  assert.throws(() => channels.set(link, "ä".repeat(128), 1), /1 to 255/);
  assert.throws(() => channels.set(link, "x", NaN), RangeError);
  assert.throws(() => channels.set(99, "x", 1), /no link/);
});

Deno.test("what the disk refused is not kept", () => {
  const { workers: [a] } = chain(3, ["a", "b"]);
  assert.ok(a);
  const link = linkTo(a, "b");
  a.node.act(() => a.actions.channels.set(link, "x", 1));
  a.node.disk.full = true;
  a.node.act(() => a.actions.channels.set(link, "x", 2));
  a.node.disk.full = false;
  assert.equal(a.actions.channels.get(link, "x"), 1);
});

/** Sends a message from one to the other end of a chain of relays. */
function sendTo(from: Worker, via: string, target: string, text: string) {
  from.node.act((piot, now) => {
    piot.send(now, { name: via }, {
      header: { kind: 0, name: "test", target },
      body: new TextEncoder().encode(text),
    });
  });
}

const inbox = (worker: Worker): readonly Message[] => worker.node.piot?.inbox() ?? [];

Deno.test("a message for somebody else is passed on by a relay", () => {
  const { world, workers: [a, b, c] } = chain(4, ["a", "b", "c"]);
  assert.ok(a && b && c);
  sendTo(a, "b", c.id, "over there");
  world.run(2_000);
  const [message] = inbox(c);
  assert.equal(message && textOf(message), "over there");
  assert.equal(message?.header.origin, a.id);
  assert.equal(message?.header.hops, 1);
  assert.deepEqual(inbox(b), []);
});

Deno.test("without relay, without a link, or to itself: refused, and the sender is told", () => {
  const off = chain(5, ["a", "b", "c"], { relay: false });
  const [a, , c] = off.workers;
  assert.ok(a && c);
  sendTo(a, "b", c.id, "no");
  off.world.run(2_000);
  assert.match(a.node.piot?.notices()[0]?.reason ?? "", /messages for others are not passed on/);
  const on = chain(6, ["a", "b"]);
  const [d] = on.workers;
  assert.ok(d);
  sendTo(d, "b", "f".repeat(32), "nowhere");
  sendTo(d, "b", d.id, "back");
  on.world.run(2_000);
  assert.deepEqual(d.node.piot?.notices().map(({ reason }) => reason), [
    "refused: there is no link to its target here",
    "refused: not passed on: it comes from there",
  ]);
  assert.deepEqual(inbox(d), []);
});

Deno.test("an action goes through a relay, and its answer comes back the same way", () => {
  const { world, workers: [a, b, c] } = chain(7, ["a", "b", "c"]);
  assert.ok(a && b && c);
  const target = c.id;
  const quick = a.ask("b", "echo", 5, { target });
  const slow = a.ask("b", "slow", { ms: 3_000, value: 6 }, { target });
  const stopped = a.ask("b", "slow", { ms: 30_000 }, { target });
  world.run(1_000);
  assert.deepEqual(slow.progress, ["begun"]);
  // Cuts on the way, and the sessions that follow, do not disturb it.
  world.sever(a.node, b.node);
  world.sever(b.node, c.node);
  a.node.act((_piot, now) => a.actions.cancel(now, stopped.id));
  world.run(30_000);
  assert.deepEqual(quick.results, [{ status: Status.Ok, value: 5 }]);
  assert.deepEqual(slow.results, [{ status: Status.Ok, value: 6 }]);
  assert.equal(stopped.results.length, 1);
  assert.deepEqual(c.aborted, ["cancelled"]);
  assert.deepEqual(b.did, []);
});

Deno.test("a request that a relay could not deliver is answered as dropped", () => {
  const { world, workers: [a, b, c] } = chain(8, ["a", "b", "c"]);
  assert.ok(a && b && c);
  world.reachable(b.node, c.node, false);
  const asked = a.ask("b", "echo", 5, { target: c.id, timeout: 60_000 });
  world.run(1_000);
  b.node.act((piot, now) => piot.forget(now, linkTo(b, "c")));
  world.run(1_000);
  assert.deepEqual(asked.results.map(({ status }) => status), [Status.Dropped]);
  assert.deepEqual(a.node.piot?.notices(), []);
});

Deno.test("passed on by the application: to several channels, but to none twice", () => {
  const { world, workers: [a, b, c] } = chain(9, ["a", "b", "c"]);
  const d = new Worker(world, "d");
  assert.ok(a && b && c);
  meet(b, d);
  world.run(1_000);
  void a.node.send("b", "news");
  world.run(1_000);
  const [message] = inbox(b);
  assert.ok(message);
  const to = (name: string) => () =>
    b.node.act((_piot, now) => void b.actions.pass(now, message, linkTo(b, name)));
  to("c")();
  to("d")();
  assert.throws(to("c"), /it went round in a circle/);
  assert.throws(to("a"), /it comes from there/);
  world.run(1_000);
  const [passed] = inbox(c);
  assert.equal(passed && textOf(passed), "news");
  assert.deepEqual([passed?.header.origin, passed?.header.original, passed?.header.hops], [
    a.id,
    message.id,
    1,
  ]);
  assert.equal(inbox(d).length, 1);
});

Deno.test("a message in a ring of relays comes round once, and no further", () => {
  const world = new World(10);
  const names = ["a", "b", "c", "d"];
  const workers = names.map((name) => new Worker(world, name));
  const next = (worker: Worker) => workers[(workers.indexOf(worker) + 1) % 4] as Worker;
  for (const worker of workers) meet(worker, next(worker));
  world.run(2_000);
  let passes = 0;
  const refusals: string[] = [];
  for (const worker of workers) {
    worker.node.onEvent = (event) => {
      if (event.kind !== "message") return;
      world.at(world.now, () =>
        worker.node.act((_piot, now) => {
          try {
            worker.actions.pass(now, event.message, linkTo(worker, next(worker).name));
            passes++;
          } catch (error) {
            refusals.push(String(error));
          }
        }));
    };
  }
  void workers[0]?.node.send("b", "round");
  world.run(60_000);
  // b to c, c to d; d does not pass it to a, where it comes from.
  assert.equal(passes, 2);
  assert.match(refusals.join(), /it comes from there/);
});

Deno.test("a message is passed on eight times and no more", () => {
  const names = Array.from({ length: 11 }, (_, i) => `n${i}`);
  const { world, workers } = chain(11, names);
  for (const [i, worker] of workers.entries()) {
    worker.node.onEvent = (event) => {
      const next = names[i + 1];
      if (event.kind !== "message" || next === undefined) return;
      world.at(world.now, () =>
        worker.node.act((_piot, now) => {
          try {
            worker.actions.pass(now, event.message, linkTo(worker, next));
          } catch (error) {
            assert.match(String(error), /passed on 8 times/);
          }
        }));
    };
  }
  void workers[0]?.node.send("n1", "far");
  world.run(10_000);
  const reached = workers.filter((worker) => inbox(worker).length > 0).map(({ name }) => name);
  assert.deepEqual(reached, names.slice(1, 10));
});
