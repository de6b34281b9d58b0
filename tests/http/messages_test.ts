import assert from "node:assert/strict";
import { AgentError, ExitCode } from "../../lib/core/mod.ts";
import type { InboxRow } from "../../lib/http/api.ts";
import { AT, type Served, serveFake } from "./fake_agent.ts";

async function ask(
  { socket }: Served,
  method: string,
  path: string,
  body?: unknown,
  type = "application/json",
) {
  using client = Deno.createHttpClient({ proxy: { transport: "unix", path: socket } });
  const response = await fetch(`http://127.0.0.1${path}`, {
    method,
    client,
    headers: { "content-type": type },
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  return { status: response.status, body: JSON.parse(await response.text()) };
}

function row(n: number): InboxRow {
  const id = String(n).padStart(32, "0");
  return { id, from: "pi-2", at: AT, header: { name: "t" }, body: n, key: `1/${id}` };
}

Deno.test("messages: one, several, and one on each line", async () => {
  await using served = await serveFake();
  const one = await ask(served, "POST", "/v1/messages?wait=2s", {
    to: "pi-2",
    text: "x",
    ttl: "5m",
  });
  assert.deepEqual(one, { status: 200, body: { id: "0".repeat(32), state: "confirmed" } });
  const several = await ask(served, "POST", "/v1/messages", [
    { to: "pi-2", body: null, name: "n", type: "application/json", hold: false },
    { to: "pi-2", base64: "AAA=" },
  ]);
  assert.deepEqual(several.body.map(({ state }: { state: string }) => state), ["held", "held"]);
  await ask(
    served,
    "POST",
    "/v1/messages",
    '{"to":"a","body":1}\n\n{"to":"b","body":2}\n',
    "application/x-ndjson",
  );
  assert.deepEqual(served.agent.calls, [
    ["send", [{ to: "pi-2", text: "x", ttlMs: 300_000 }], 2_000],
    ["send", [
      { to: "pi-2", type: "application/json", name: "n", body: null, hold: false },
      { to: "pi-2", base64: "AAA=" },
    ], 0],
    ["send", [{ to: "a", body: 1 }, { to: "b", body: 2 }], 0],
  ]);
});

Deno.test("messages: what is none is refused, in one line", async () => {
  await using served = await serveFake();
  const wrong: [unknown, RegExp][] = [
    ["text", /"to": NODE/],
    [{ text: "x" }, /name the node/],
    [{ to: "a" }, /one of "text"/],
    [{ to: "a", text: "x", body: 1 }, /one of "text"/],
    [{ to: "a", text: 1 }, /"text" is a text/],
    [{ to: "a", text: "x", ttl: [] }, /"ttl" is a duration/],
    [{ to: "a", text: "x", ttl: "soon" }, /soon/],
    [{ to: "a", text: "x", hold: 1 }, /"hold" is/],
    [{ to: "a", text: "x", colour: "red" }, /unknown field "colour"/],
  ];
  for (const [body, pattern] of wrong) {
    const answer = await ask(served, "POST", "/v1/messages", JSON.stringify(body));
    assert.equal(answer.status, 400, JSON.stringify(body));
    assert.match(answer.body.error, pattern);
  }
  served.agent.refusal = new AgentError("the outbox is full", ExitCode.Refused);
  const refused = await ask(served, "POST", "/v1/messages", { to: "a", text: "x" });
  assert.deepEqual(refused, { status: 403, body: { error: "the outbox is full", code: 4 } });
  assert.deepEqual(served.faults, []);
});

Deno.test("messages: the inbox is read and taken", async () => {
  await using served = await serveFake();
  for (const n of [1, 2, 3]) served.agent.inbox.set(row(n).key, row(n));
  assert.deepEqual((await ask(served, "GET", "/v1/messages?limit=2")).body, [row(1), row(2)]);
  assert.equal((await ask(served, "GET", "/v1/messages?limit=-1")).status, 400);
  assert.deepEqual(await ask(served, "DELETE", `/v1/messages/${row(1).key}`), {
    status: 200,
    body: { removed: [row(1).key], missing: [] },
  });
  const keys = [row(1), row(2)].map(({ key }) => `key=${encodeURIComponent(key)}`).join("&");
  assert.deepEqual((await ask(served, "DELETE", `/v1/messages?${keys}`)).body, {
    removed: [row(2).key],
    missing: [row(1).key],
  });
  assert.equal((await ask(served, "DELETE", "/v1/messages/1/none")).status, 404);
  assert.equal((await ask(served, "DELETE", "/v1/messages")).status, 400);
});

Deno.test("messages: links, notices, calls and plans", async () => {
  await using served = await serveFake();
  assert.equal((await ask(served, "PUT", "/v1/piot/links/pi-2", { change: "block" })).status, 200);
  assert.equal((await ask(served, "PUT", "/v1/piot/links/pi-2", { change: "love" })).status, 400);
  assert.equal((await ask(served, "DELETE", "/v1/piot/links/pi%202")).status, 200);
  assert.deepEqual(served.agent.calls, [["block", "pi-2"], ["forget", "pi 2"]]);
  const dismissed = await ask(served, "DELETE", "/v1/outbox/undelivered?notice=7&notice=12345");
  assert.deepEqual(dismissed.body, { removed: [7, 12345] });
  served.agent.calls.splice(0);
  const call = {
    targets: ["*"],
    action: "lamp.set",
    args: [1],
    timeout: "5s",
    mode: { quorum: 2 },
  };
  assert.equal((await ask(served, "POST", "/v1/calls", call)).status, 200);
  assert.deepEqual(served.agent.calls, [["call", {
    targets: ["*"],
    action: "lamp.set",
    args: [1],
    timeoutMs: 5_000,
    mode: { quorum: 2 },
  }]]);
  for (
    const bad of [[], { targets: "x", action: "y" }, { targets: [] }, { ...call, mode: "most" }, {
      ...call,
      timeout: "0s",
    }]
  ) {
    assert.equal((await ask(served, "POST", "/v1/calls", bad)).status, 400, JSON.stringify(bad));
  }
  assert.equal((await ask(served, "GET", "/v1/plans")).body.length, 1);
  assert.equal((await ask(served, "GET", "/v1/plans/p1")).body.id, "p1");
  assert.equal((await ask(served, "GET", "/v1/plans/p2")).status, 404);
  assert.equal((await ask(served, "POST", "/v1/plans", { steps: {} })).body.status, "done");
  assert.deepEqual((await ask(served, "GET", "/v1/actions")).body, ["lamp.set", "piot.ping"]);
});
