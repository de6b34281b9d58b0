import assert from "node:assert/strict";
import { Actions, Status } from "../../../lib/piot/mod.ts";
import { encodeHeader, type Header } from "../../../lib/piot/header.ts";
import { meet, Worker } from "../workers.ts";
import { World } from "../world.ts";

function pair(seed: number, config = {}) {
  const world = new World(seed);
  const a = new Worker(world, "a", undefined, config);
  const b = new Worker(world, "b");
  meet(a, b);
  world.run(1_000);
  return { world, a, b };
}

const statusOf = (asked: { results: readonly { status: number }[] }) =>
  asked.results.map(({ status }) => status);

Deno.test("a request ends with the value that its handler gave", () => {
  const { world, a, b } = pair(1);
  const asked = a.ask("b", "echo", { on: true, level: 2.5 });
  world.run(500);
  assert.deepEqual(asked.results, [{ status: Status.Ok, value: { on: true, level: 2.5 } }]);
  assert.deepEqual(b.did, ['echo {"on":true,"level":2.5}']);
  // Nothing is left of it at the requester.
  assert.deepEqual([...a.node.disk.scan("waiting/")], []);
});

Deno.test("unknown actions, failures and bugs are answers", () => {
  const { world, a, b } = pair(2);
  const unknown = a.ask("b", "nothing");
  const failed = a.ask("b", "fail");
  const crashed = a.ask("b", "crash");
  world.run(500);
  assert.deepEqual(statusOf(unknown), [Status.UnknownAction]);
  assert.deepEqual(failed.results, [{ status: Status.Error, value: "it broke" }]);
  assert.deepEqual(crashed.results, [{ status: Status.Error, value: "a bug" }]);
  assert.ok(b.node.events.some((event) => event.kind === "handlerError"));
});

Deno.test("progress comes before the result", () => {
  const { world, a } = pair(3);
  const asked = a.ask("b", "slow", { ms: 2_000, value: 7 });
  world.run(1_000);
  assert.deepEqual(asked.progress, ["begun"]);
  assert.deepEqual(asked.results, []);
  world.run(1_500);
  assert.deepEqual(asked.results, [{ status: Status.Ok, value: 7 }]);
});

Deno.test("the executor gives up when its time is over, and stops its handler", () => {
  const { world, a, b } = pair(4);
  const asked = a.ask("b", "slow", { ms: 60_000 }, { timeout: 5_000 });
  world.run(5_500);
  assert.deepEqual(statusOf(asked), [Status.Timeout]);
  assert.deepEqual(b.aborted, ["timeout"]);
  world.run(100_000);
  assert.equal(asked.results.length, 1);
});

Deno.test("the requester gives up 5 s later by itself, and later answers are told as late", () => {
  const { world, a, b } = pair(5);
  const asked = a.ask("b", "slow", { ms: 3_000, value: 1 }, { timeout: 5_000 });
  world.run(1_000);
  world.reachable(a.node, b.node, false);
  world.run(8_900);
  assert.deepEqual(statusOf(asked), []);
  world.run(200);
  assert.deepEqual(statusOf(asked), [Status.Timeout]);
  world.reachable(a.node, b.node, true);
  world.run(120_000);
  assert.equal(asked.results.length, 1);
  assert.ok(a.node.events.some(({ kind }) => kind === "lateResult"));
});

Deno.test("an action is answered after a reconnect", () => {
  const { world, a, b } = pair(6);
  const asked = a.ask("b", "slow", { ms: 3_000, value: "late" });
  world.run(1_000);
  world.reachable(a.node, b.node, false);
  world.run(10_000);
  world.reachable(a.node, b.node, true);
  assert.ok(world.until(() => asked.results.length > 0, 60_000));
  assert.deepEqual(asked.results, [{ status: Status.Ok, value: "late" }]);
});

Deno.test("an executor that was restarted answers that it lost what it ran", () => {
  const { world, a, b } = pair(7);
  const asked = a.ask("b", "slow", { ms: 20_000 });
  world.run(1_000);
  b.node.crash();
  world.run(2_000);
  b.node.start();
  assert.ok(world.until(() => asked.results.length > 0, 60_000));
  assert.deepEqual(statusOf(asked), [Status.Lost]);
  assert.equal(b.did.length, 1);
});

Deno.test("an executor that lost its disk: the request is lost 5 s after the session began", () => {
  const { world, a, b } = pair(8);
  const asked = a.ask("b", "slow", { ms: 90_000 }, { timeout: 100_000 });
  world.run(1_000);
  b.node.crash();
  b.node.disk.restore(new Map());
  b.node.start();
  world.run(100);
  world.until(() => a.node.piot?.links()[0]?.state === "up", 60_000, 10);
  world.run(4_900);
  assert.deepEqual(statusOf(asked), []);
  world.run(200);
  assert.deepEqual(statusOf(asked), [Status.Lost]);
});

Deno.test("a requester that was restarted still gets the answer, as an event", () => {
  const { world, a } = pair(9);
  const asked = a.ask("b", "slow", { ms: 5_000, value: 3 });
  world.run(1_000);
  a.node.crash();
  world.run(1_000);
  a.node.start();
  world.run(30_000);
  assert.deepEqual(asked.results, []);
  const told = a.node.events.filter((event) => event.kind === "result");
  assert.deepEqual(told.map(({ id, result }) => [id, result.value]), [[asked.id, 3]]);
});

Deno.test("a clean slate: requests end as reset, and what runs is stopped", () => {
  const { world, a, b } = pair(10);
  const asked = a.ask("b", "slow", { ms: 20_000 });
  world.run(1_000);
  a.node.act((piot) => piot.setInherit(1, false));
  world.sever(a.node, b.node);
  assert.ok(world.until(() => asked.results.length > 0, 60_000));
  assert.deepEqual(statusOf(asked), [Status.Reset]);
  assert.deepEqual(b.aborted, ["reset"]);
  world.run(60_000);
  assert.equal(asked.results.length, 1);
});

Deno.test("a request that was not sent yet is reset by a clean slate, too", () => {
  const { world, a, b } = pair(11);
  world.reachable(a.node, b.node, false);
  const asked = a.ask("b", "echo", 1, { ttl: 600_000 });
  a.node.act((piot) => piot.setInherit(1, false));
  world.reachable(a.node, b.node, true);
  assert.ok(world.until(() => asked.results.length > 0, 120_000));
  assert.deepEqual(statusOf(asked), [Status.Reset]);
  // It is told by its answer: there is no notice beside it.
  assert.deepEqual(a.node.piot?.notices(), []);
});

Deno.test("cancel stops what runs; what has finished stays finished", () => {
  const { world, a, b } = pair(12);
  const asked = a.ask("b", "slow", { ms: 20_000 });
  world.run(1_000);
  a.node.act((_piot, now) => assert.ok(a.actions.cancel(now, asked.id)));
  world.run(500);
  assert.deepEqual(statusOf(asked), [Status.Cancelled]);
  assert.deepEqual(b.aborted, ["cancelled"]);
  a.node.act((_piot, now) => assert.equal(a.actions.cancel(now, asked.id), false));
});

Deno.test("cancel of a request that was never sent takes it back", () => {
  const { world, a, b } = pair(13);
  world.reachable(a.node, b.node, false);
  const asked = a.ask("b", "echo", 1, { ttl: 60_000 });
  a.node.act((_piot, now) => a.actions.cancel(now, asked.id));
  assert.deepEqual(statusOf(asked), [Status.Cancelled]);
  assert.equal(a.node.piot?.outbox().length, 0);
  world.reachable(a.node, b.node, true);
  world.run(120_000);
  assert.deepEqual(b.did, []);
});

Deno.test("cancel without an answer ends after 5 s", () => {
  const { world, a, b } = pair(14);
  const asked = a.ask("b", "slow", { ms: 20_000 });
  world.run(1_000);
  world.reachable(a.node, b.node, false);
  a.node.act((_piot, now) => a.actions.cancel(now, asked.id));
  world.run(4_900);
  assert.deepEqual(statusOf(asked), []);
  world.run(200);
  assert.deepEqual(statusOf(asked), [Status.Timeout]);
});

Deno.test("hold false: unreachable at once, or after the time to connect", () => {
  const { world, a, b } = pair(15);
  world.reachable(a.node, b.node, false);
  const at = a.ask("b", "echo", 1, { hold: false });
  assert.deepEqual(statusOf(at), [Status.Unreachable]);
  const soon = a.ask("b", "echo", 2, { hold: false, connect: 3_000 });
  world.run(2_900);
  assert.deepEqual(statusOf(soon), []);
  world.run(200);
  assert.deepEqual(statusOf(soon), [Status.Unreachable]);
  const reached = a.ask("b", "echo", 3, { hold: false, connect: 3_000 });
  world.reachable(a.node, b.node, true);
  assert.ok(world.until(() => reached.results.length > 0, 5_000));
  assert.deepEqual(statusOf(reached), [Status.Ok]);
  assert.deepEqual(b.did, ["echo 3"]);
  const nobody = a.ask("nobody", "echo", 1, { hold: false });
  assert.deepEqual(statusOf(nobody), [Status.Unreachable]);
});

Deno.test("what was transmitted does not end as unreachable", () => {
  const { world, a, b } = pair(25);
  world.reachable(a.node, b.node, false);
  world.run(1_000);
  const asked = a.ask("b", "echo", 1, { hold: false, connect: 20_000, timeout: 60_000 });
  world.reachable(a.node, b.node, true);
  const isSent = () => a.node.piot?.outbox()[0]?.state === "sent";
  assert.ok(world.until(isSent, 20_000, 0.1));
  world.reachable(a.node, b.node, false);
  world.run(30_000);
  assert.deepEqual(statusOf(asked), []);
  world.reachable(a.node, b.node, true);
  world.run(30_000);
  assert.deepEqual(statusOf(asked), [Status.Ok]);
});

Deno.test("a request for a name that nobody has met is held until its node appears", () => {
  const world = new World(16);
  const a = new Worker(world, "a");
  const asked = a.ask("b", "echo", "hello", { ttl: 600_000 });
  world.run(60_000);
  const b = new Worker(world, "b");
  meet(a, b);
  world.run(5_000);
  assert.deepEqual(asked.results, [{ status: Status.Ok, value: "hello" }]);
});

Deno.test("a request that leaves the outbox undelivered is dropped", () => {
  const { world, a, b } = pair(17, { holdEntries: 1 });
  world.reachable(a.node, b.node, false);
  const first = a.ask("b", "echo", 1, { ttl: 60_000 });
  const second = a.ask("b", "echo", 2, { ttl: 60_000 });
  assert.deepEqual(statusOf(first), [Status.Dropped]);
  const link = a.node.piot?.links()[0]?.link ?? 0;
  a.node.act((piot, now) => piot.forget(now, link));
  assert.deepEqual(statusOf(second), [Status.Dropped]);
});

Deno.test("arguments that are too large, or no CBOR, are refused", () => {
  const { world, a } = pair(18);
  const large = a.ask("b", "echo", "x".repeat(2_000_000));
  assert.deepEqual(statusOf(large), [Status.Refused]);
  assert.throws(() => a.actions.request(world.now, { name: "b" }, "echo", NaN), RangeError);
});

Deno.test("what we ask ourselves is executed here, with the same answers", () => {
  const world = new World(19);
  const a = new Worker(world, "a");
  const ok = a.ask("a", "echo", 5);
  const slow = a.ask("a", "slow", { ms: 20_000 }, { timeout: 2_000 });
  assert.deepEqual(ok.results, [{ status: Status.Ok, value: 5 }]);
  assert.deepEqual(slow.progress, ["begun"]);
  world.run(2_100);
  assert.deepEqual(statusOf(slow), [Status.Timeout]);
  assert.deepEqual(a.aborted, ["timeout"]);
  const lost = a.ask("a", "slow", { ms: 20_000 });
  a.node.crash();
  a.node.start();
  world.run(100);
  const told = a.node.events.filter((event) => event.kind === "result");
  assert.deepEqual(told.filter(({ id }) => id === lost.id).map(({ result }) => result.status), [
    Status.Lost,
  ]);
});

Deno.test("a repeated request: ignored while it runs, the stored answer afterwards", () => {
  const { world, a, b } = pair(20);
  const corr = "c".repeat(32);
  const send = (header: Partial<Header>) =>
    a.node.act((piot, now) => {
      const whole: Header = { kind: 1, name: "slow", correlation: corr, ...header };
      piot.send(now, { name: "b" }, { header: whole, body: Uint8Array.of(0xa0) });
    });
  send({});
  send({});
  world.run(500);
  assert.equal(b.did.length, 1);
  world.run(1_000);
  const late = () => a.node.events.filter(({ kind }) => kind === "lateResult").length;
  assert.equal(late(), 1);
  send({});
  world.run(500);
  assert.equal(late(), 2);
  assert.equal(b.did.length, 1);
  // A cancel of what has finished is answered with nothing.
  send({ kind: 3 });
  world.run(500);
  assert.equal(late(), 2);
  // After a restart it is still known, and after 10 minutes it is not.
  b.node.crash();
  b.node.start();
  world.run(10_000);
  send({});
  world.run(500);
  assert.deepEqual([b.did.length, late()], [1, 3]);
  world.run(700_000);
  send({});
  world.run(5_000);
  assert.equal(b.did.length, 2);
});

Deno.test("what runs for a requester that does not wait is stopped at the next session", () => {
  const { world, a, b } = pair(21);
  const asked = a.ask("b", "slow", { ms: 200_000 }, { timeout: 300_000 });
  world.run(1_000);
  a.node.crash();
  a.node.disk.restore(new Map());
  a.node.start();
  meet(a, b);
  assert.ok(world.until(() => b.aborted.length > 0, 60_000));
  assert.deepEqual(b.aborted, ["cancelled"]);
  assert.deepEqual(asked.results, []);
});

Deno.test("built-in actions", () => {
  const { world, a, b } = pair(22);
  const ping = a.ask("b", "piot.ping", ["x"]);
  const info = a.ask("b", "piot.info");
  const slow = a.ask("b", "slow", { ms: 3_000, value: 1 });
  world.run(500);
  const running = a.ask("b", "piot.query", { corr: slow.id });
  const unknown = a.ask("b", "piot.query", { corr: "0".repeat(32) });
  const wrong = a.ask("b", "piot.query", { corr: 3 });
  world.run(4_000);
  const known = a.ask("b", "piot.query", { corr: slow.id });
  world.run(500);
  assert.deepEqual(ping.results[0]?.value, ["x"]);
  const { id, name, actions } = info.results[0]?.value as Record<string, unknown>;
  assert.deepEqual([id, name], [b.id, "b"]);
  assert.ok((actions as string[]).includes("slow"));
  assert.deepEqual(running.results[0]?.value, { state: "running" });
  assert.deepEqual(unknown.results[0]?.value, { state: "unknown" });
  assert.deepEqual(statusOf(wrong), [Status.Error]);
  assert.deepEqual(known.results[0]?.value, { state: "result", status: 0, value: 1 });
});

Deno.test("a node runs only so many actions of one link", () => {
  const { world, a, b } = pair(23);
  const asked = Array.from({ length: 300 }, () => a.ask("b", "slow", { ms: 10_000 }));
  world.run(5_000);
  assert.equal(b.actions.running, 256);
  assert.equal(asked.filter((one) => statusOf(one)[0] === Status.Refused).length, 44);
  world.run(20_000);
  assert.ok(asked.every(({ results }) => results.length === 1));
});

Deno.test("a full disk: the request is answered, and everything goes on afterwards", () => {
  const { world, a } = pair(24);
  a.node.disk.full = true;
  const asked = a.ask("b", "echo", 1);
  a.node.disk.full = false;
  world.run(1_000);
  assert.deepEqual(statusOf(asked), [Status.Dropped]);
  world.run(60_000);
  const again = a.ask("b", "echo", 2);
  world.run(1_000);
  assert.deepEqual(statusOf(again), [Status.Ok]);
});

Deno.test("names of the node's own actions cannot be taken", () => {
  const actions = new Actions();
  assert.throws(() => actions.register("piot.ping", () => {}), /node's own/);
  assert.throws(() => actions.register("", () => {}), /node's own/);
  assert.equal(actions.unregister("piot.ping"), false);
});

Deno.test("action headers are those of the specification's examples", () => {
  const correlation = "41".repeat(16);
  const request = { kind: 1, name: "lamp.set", correlation, created: 1_700_000_000_000 };
  assert.equal(
    encodeHeader({ ...request, timeout: 5_000 }).toHex(),
    `a5010102686c616d702e7365740350${correlation}041b0000018bcfe5680006191388`,
  );
  const result = { kind: 2, correlation, created: 1_700_000_000_100, status: 0 };
  assert.equal(
    encodeHeader(result).toHex(),
    `a401020350${correlation}041b0000018bcfe568640a00`,
  );
});
