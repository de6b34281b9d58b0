import assert from "node:assert/strict";
import { AT, PLAIN, SELF, serveFake, SESSION, until } from "../http/fake_agent.ts";
import { linesOf, outcome, spawnCli } from "./run_cli.ts";

/** The next line, parsed. Fails where the stream has ended. */
async function next(lines: AsyncGenerator<string, void>): Promise<unknown> {
  const { value, done } = await lines.next();
  assert.ok(done !== true, "the stream ended");
  return JSON.parse(value as string);
}

/** Reads to the end, so that nothing of the child stays open. */
async function drain(lines: AsyncGenerator<string, void>): Promise<void> {
  while ((await lines.next()).done !== true);
}

Deno.test("watch --json: one line a change, ends with 0 on SIGINT and SIGTERM", async () => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    await using served = await serveFake();
    const child = spawnCli(served, "watch", "heating/", "--json");
    await until("it watches", () => served.agent.listeners.size === 1);
    const lines = linesOf(child.stdout);
    served.agent.put("pi-2", "door", "shut");
    served.agent.put("pi-2", "heating/target", 22);
    served.agent.put("pi-2", "heating/target", null);
    const change = { node: "pi-2", key: "heating/target", at: AT };
    assert.deepEqual(await next(lines), { ...change, value: 22, event: "set" });
    assert.deepEqual(await next(lines), { ...change, value: null, event: "unset" });
    child.kill(signal);
    assert.equal((await child.status).code, 0);
    assert.equal((await lines.next()).done, true);
    await child.stderr.cancel();
    await until("the agent noticed", () => served.agent.listeners.size === 0);
  }
});

Deno.test("watch --snapshot begins with what is there; text has the time of day", async () => {
  await using served = await serveFake();
  const child = spawnCli(served, "watch", "--snapshot");
  const lines = linesOf(child.stdout);
  assert.match((await lines.next()).value ?? "", /^.*\d\d:\d\d:\d\d pi-1 agent\/version 0\.1\.0$/);
  child.kill("SIGTERM");
  assert.equal((await child.status).code, 0);
  await drain(lines);
  await child.stderr.cancel();
});

Deno.test("watch ends with 3 when the agent stops, and in silence when its reader goes", async () => {
  await using served = await serveFake();
  const child = spawnCli(served, "watch", "--json");
  const orphan = spawnCli(served, "watch", "--json");
  await until("both watch", () => served.agent.listeners.size === 2);
  await orphan.stdout.cancel();
  await until("the orphan has ended", () => {
    served.agent.put("pi-2", "door", "x");
    return served.agent.listeners.size === 1;
  });
  assert.equal((await orphan.status).code, 0);
  let complaints = "";
  for await (const line of linesOf(orphan.stderr)) complaints += line;
  assert.equal(complaints, "");
  await served.server.close();
  const { code, stderr } = await outcome(child);
  assert.equal(code, 3);
  assert.equal(stderr, "the agent has stopped; start it with: agent run\n");
});

Deno.test("publish without --ttl: there while it runs, gone when it is killed", async () => {
  for (const signal of ["SIGTERM", "SIGINT", "SIGKILL"] as const) {
    await using served = await serveFake();
    const mine = served.agent.nodesOf.get(SELF.node);
    const child = spawnCli(served, "--leafy", "publish", "t=21.5", "--json");
    const lines = linesOf(child.stdout);
    assert.deepEqual(await next(lines), { node: SELF.node, id: SELF.id, connected: true });
    assert.equal(mine?.get("t"), 21.5);
    child.kill(signal);
    const { code } = await child.status;
    assert.equal(code, signal === "SIGKILL" ? 137 : 0);
    await until("its entry is gone", () => mine?.has("t") === false);
    await drain(lines);
    await child.stderr.cancel();
  }
});

Deno.test("publish without --ttl comes back when the agent does", async () => {
  await using served = await serveFake();
  const child = spawnCli(served, "--leafy", "publish", "t=1");
  const lines = linesOf(child.stdout);
  assert.match((await lines.next()).value ?? "", /^published through pi-1 until this command ends/);
  await served.server.close();
  const { serveApi } = await import("../../lib/http/mod.ts");
  const again = await serveApi(served.agent, { ...PLAIN, sockets: [served.socket] });
  assert.match((await lines.next()).value ?? "", /^published through pi-1/);
  assert.equal(served.agent.nodesOf.get(SELF.node)?.get("t"), 1);
  child.kill("SIGTERM");
  assert.equal((await child.status).code, 0);
  const notes = linesOf(child.stderr);
  assert.equal((await notes.next()).value, "the agent went away; trying again");
  await drain(lines);
  await drain(notes);
  await again.close();
});

Deno.test("output into a closed pipe is no error", async () => {
  await using served = await serveFake();
  for (let i = 0; i < 5_000; i++) served.agent.put("pi-2", `k${i}`, "x".repeat(100));
  const child = spawnCli(served, "get", "--json");
  await child.stdout.cancel();
  let complaints = "";
  for await (const line of linesOf(child.stderr)) complaints += line;
  assert.equal(complaints, "");
  assert.equal((await child.status).code, 0);
});

Deno.test("interfaces --watch: a line each, then each change at once", async () => {
  await using served = await serveFake();
  const child = spawnCli(served, "interfaces", "--watch", "--json");
  const lines = linesOf(child.stdout);
  const [row] = served.agent.interfaces();
  const { event, at, ...present } = await next(lines) as Record<string, unknown>;
  assert.equal(event, "present");
  assert.ok(Date.parse(at as string) > 0);
  assert.deepEqual(present, row);
  const changed = { event: "changed" as const, at: AT, ...row!, running: false };
  for (const tell of served.agent.interfaceListeners) tell(changed);
  assert.deepEqual(await next(lines), changed);
  child.kill("SIGTERM");
  assert.equal((await child.status).code, 0);
  await drain(lines);
  await child.stderr.cancel();
  await until("the agent noticed", () => served.agent.interfaceListeners.size === 0);
});

Deno.test("lsoe watch: the sessions that are there, then a line an event", async () => {
  await using served = await serveFake();
  served.agent.sessions = [SESSION];
  const child = spawnCli(served, "lsoe", "watch", "--json");
  const text = spawnCli(served, "lsoe", "watch");
  const lines = linesOf(child.stdout);
  const shown = linesOf(text.stdout);
  const { at: _, ...present } = await next(lines) as Record<string, unknown>;
  const { sinceSeconds: __, stale: ___, carrier: ____, ...row } = SESSION;
  assert.deepEqual(present, { event: "present", ...row });
  assert.match((await shown.next()).value ?? "", /\d present eth0 pi-2 192\.0\.2\.2\/24$/);
  const about = { interface: "eth0", peerMac: SESSION.peerMac, peerId: SESSION.peerId };
  const closed = { at: AT, event: "closed" as const, ...about, peerNode: null, reason: "silence" };
  const up = {
    at: AT,
    event: "linkUp" as const,
    peerId: SESSION.peerId,
    peerNode: "pi-2",
    pairs: [{ local: "192.0.2.1", remote: "192.0.2.2" }],
  };
  for (const tell of served.agent.lsoeListeners) for (const event of [closed, up]) tell(event);
  assert.deepEqual([await next(lines), await next(lines)], [closed, up]);
  assert.match(
    (await shown.next()).value ?? "",
    /\d closed eth0 \(00:00:00:00:00:00:c0:00:02:02\) silence$/,
  );
  assert.match((await shown.next()).value ?? "", /\d linkUp pi-2 192\.0\.2\.1 – 192\.0\.2\.2$/);
  for (const process of [child, text]) {
    process.kill("SIGINT");
    assert.equal((await process.status).code, 0);
    await process.stderr.cancel();
  }
  await drain(lines);
  await drain(shown);
});
