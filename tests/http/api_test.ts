import assert from "node:assert/strict";
import { AgentError, ExitCode } from "../../lib/core/mod.ts";
import { serveApi } from "../../lib/http/mod.ts";
import { AT, FakeAgent, PLAIN, SELF, type Served, serveFake } from "./fake_agent.ts";

/** A client of the socket, closed with `using`. */
function client(served: Served) {
  const client = Deno.createHttpClient({ proxy: { transport: "unix", path: served.socket } });
  return {
    fetch: (path: string, init: RequestInit = {}) =>
      fetch(`http://agent${path}`, { ...init, client }),
    async json(path: string, init: RequestInit = {}) {
      const response = await fetch(`http://agent${path}`, { ...init, client });
      return { status: response.status, body: await response.json() };
    },
    [Symbol.dispose]: () => client.close(),
  };
}

async function error(response: Response, status: number, code: number, message: RegExp) {
  const body = await response.json();
  assert.equal(response.status, status, body.error);
  assert.deepEqual(Object.keys(body), ["error", "code"]);
  assert.equal(body.code, code);
  assert.match(body.error, message);
  assert.ok(!body.error.includes("\n"));
}

Deno.test("the socket has mode 0660 and is gone after close", async () => {
  const served = await serveFake();
  assert.equal((Deno.statSync(served.socket).mode ?? 0) & 0o777, 0o660);
  await served.server.close();
  assert.throws(() => Deno.statSync(served.socket), Deno.errors.NotFound);
  Deno.removeSync(served.dir, { recursive: true });
});

Deno.test("status, nodes, peers, interfaces, state as JSON", async () => {
  await using served = await serveFake();
  using api = client(served);
  const { agent } = served;
  assert.deepEqual((await api.json("/v1/status")).body, agent.status());
  assert.deepEqual((await api.json("/v1/nodes")).body, agent.nodes());
  assert.deepEqual((await api.json("/v1/nodes?network=home")).body, agent.nodes());
  assert.deepEqual((await api.json("/v1/peers")).body, agent.peers());
  assert.deepEqual((await api.json("/v1/interfaces")).body, agent.interfaces());
  assert.deepEqual((await api.json("/v1/state")).body, agent.state({}));
  const state = async (query: string) => (await api.json(`/v1/state?${query}`)).body;
  const door = { "pi-2": { door: { value: "open", at: AT } } };
  assert.deepEqual(await state("key=door&key=nothing"), door);
  assert.deepEqual(await state("node=pi-2&key=door"), door);
  assert.deepEqual(await state("node=pi-1&key=door"), {});
  assert.deepEqual(await state("prefix=heating%2F"), {
    "pi-2": { "heating/target": { value: 21.5, at: AT } },
  });
});

Deno.test("a partial picture is told in a header, not in the body", async () => {
  await using served = await serveFake();
  using api = client(served);
  const whole = await api.fetch("/v1/state");
  assert.equal(whole.headers.get("agent-partial"), null);
  await whole.body?.cancel();
  served.agent.reasons = ["synchronising with pi-3, é"];
  const part = await api.fetch("/v1/state");
  assert.equal(
    decodeURIComponent(part.headers.get("agent-partial") ?? ""),
    "synchronising with pi-3, é",
  );
  assert.deepEqual(await part.json(), served.agent.state({}));
});

Deno.test("PUT and DELETE of one key, whatever its characters", async () => {
  await using served = await serveFake();
  using api = client(served);
  for (
    const key of ["a", "heating/target", "a b?c#d%e+f", "é/\u{1f600}", "__proto__", "x:y"]
  ) {
    const path = `/v1/state/${encodeURIComponent(key)}`;
    const put = await api.json(path, { method: "PUT", body: '{"on": [1, null]}' });
    assert.equal(put.status, 200, key);
    assert.deepEqual(put.body, SELF);
    assert.deepEqual(served.agent.nodesOf.get(SELF.node)?.get(key), { on: [1, null] }, key);
    const gone = await api.json(path, { method: "DELETE" });
    assert.deepEqual(gone, { status: 200, body: { removed: [key], missing: [] } });
    assert.equal(served.agent.nodesOf.get(SELF.node)?.has(key), false);
  }
  await api.json("/v1/state/plain/slash", { method: "PUT", body: "1" });
  assert.equal(served.agent.nodesOf.get(SELF.node)?.get("plain/slash"), 1);
  // `fetch` would make `/v1/` of this.
  const raw = await Deno.connect({ transport: "unix", path: served.socket });
  await raw.write(
    new TextEncoder().encode("PUT /v1/state/%2e%2E HTTP/1.0\r\nContent-Length: 1\r\n\r\n7"),
  );
  await raw.read(new Uint8Array(1_000));
  raw.close();
  assert.equal(served.agent.nodesOf.get(SELF.node)?.get(".."), 7);
  await error(
    await api.fetch("/v1/state/none", { method: "DELETE" }),
    404,
    ExitCode.NotThere,
    /^none: not set by this node$/,
  );
});

Deno.test("PUT of several keys is one call; DELETE of several says which were missing", async () => {
  await using served = await serveFake();
  using api = client(served);
  const body = JSON.stringify({ a: 1, b: "x" });
  assert.equal((await api.json("/v1/state", { method: "PUT", body })).status, 200);
  assert.deepEqual(served.agent.calls.at(-1), ["set", { a: 1, b: "x" }, undefined]);
  assert.deepEqual(await api.json("/v1/state?key=a&key=c", { method: "DELETE" }), {
    status: 200,
    body: { removed: ["a"], missing: ["c"] },
  });
});

Deno.test("PUT with a TTL: figure, default, and the receipt", async () => {
  await using served = await serveFake();
  using api = client(served);
  const put = (ttl: string) => api.json(`/v1/state/k?ttl=${ttl}`, { method: "PUT", body: "1" });
  assert.deepEqual((await put("5m")).body, {
    ...SELF,
    until: "2026-11-21T09:05:00.000Z",
    ttlSeconds: 300,
  });
  assert.deepEqual(served.agent.calls.at(-1), ["set", { k: 1 }, 300_000]);
  await put("");
  assert.deepEqual(served.agent.calls.at(-1), ["set", { k: 1 }, "default"]);
  await put("1.5");
  assert.deepEqual(served.agent.calls.at(-1), ["set", { k: 1 }, 1_500]);
  for (const wrong of ["0", "soon", "-1s"]) {
    const response = await api.fetch(`/v1/state/k?ttl=${wrong}`, { method: "PUT", body: "1" });
    await error(response, 400, ExitCode.Usage, /TTL|duration/);
  }
});

Deno.test("wrong requests: one line of JSON, the right status and exit code", async () => {
  await using served = await serveFake();
  using api = client(served);
  const cases: [string, RequestInit, number, number, RegExp][] = [
    ["/v1/nothing", {}, 404, 1, /there is no \/v1\/nothing/],
    ["/v1/state/", { method: "PUT", body: "1" }, 404, 1, /there is no \/v1\/state\//],
    ["/v1/status", { method: "POST", body: "" }, 405, 2, /takes GET, not POST/],
    ["/v1/state", { method: "PATCH", body: "" }, 405, 2, /takes GET, PUT, DELETE, not PATCH/],
    ["/v1/state?prefx=a", {}, 400, 2, /unknown parameter "prefx"; \/v1\/state takes network, node/],
    ["/v1/state?network=lab", {}, 404, 1, /there is no network "lab"/],
    ["/v1/events?snapshot=maybe", {}, 400, 2, /snapshot is 1 or 0/],
    ["/v1/state/k", { method: "PUT", body: "open" }, 400, 2, /not JSON; text needs quotes/],
    ["/v1/state/k", { method: "PUT", body: "" }, 400, 2, /not JSON/],
    ["/v1/state/k", { method: "PUT", body: "null" }, 400, 2, /null is no value; to remove "k"/],
    ["/v1/state/%ff", { method: "PUT", body: "1" }, 400, 2, /not URL-encoded UTF-8/],
    ["/v1/state", { method: "PUT", body: "[1]" }, 400, 2, /must be a JSON object/],
    ["/v1/state", { method: "PUT", body: '{"a": null}' }, 400, 2, /to remove "a" use DELETE/],
    ["/v1/state/k", { method: "PUT", body: "[1e999]" }, 400, 2, /too large/],
    ["/v1/state/k", { method: "PUT", body: "[".repeat(99) + "]".repeat(99) }, 400, 2, /deeper/],
    ["/v1/state", { method: "DELETE" }, 400, 2, /name the keys/],
    ["/v1/lease", { method: "POST", body: "[]" }, 400, 2, /the body is/],
    ["/v1/lease", { method: "POST", body: "{}" }, 400, 2, /a lease is/],
    ["/v1/lease", { method: "POST", body: '{"entries":{},"tll":1}' }, 400, 2, /without "tll"/],
    ["/v1/lease", { method: "POST", body: '{"entries":{},"ttl":true}' }, 400, 2, /ttl is a/],
    ["/v1/lease/x", { method: "PUT", body: "{}" }, 404, 1, /there is no lease "x"/],
  ];
  for (const [path, init, status, code, message] of cases) {
    await error(await api.fetch(path, init), status, code, message);
  }
  const invalid = new Uint8Array([0x22, 0xff, 0x22]);
  await error(
    await api.fetch("/v1/state/k", { method: "PUT", body: invalid }),
    400,
    2,
    /not UTF-8/,
  );
  assert.deepEqual(served.agent.calls, []);
  assert.deepEqual(served.faults, []);
});

Deno.test("a body above the limit is refused, announced or not", async () => {
  await using served = await serveFake();
  using api = client(served);
  const large = `"${"x".repeat(400_000)}"`;
  await error(await api.fetch("/v1/state/k", { method: "PUT", body: large }), 413, 4, /above the/);
  const chunked = new Blob([large]).stream();
  await error(
    await api.fetch("/v1/state/k", { method: "PUT", body: chunked }),
    413,
    4,
    /above the/,
  );
});

Deno.test("what the agent refuses goes to the client as it is; a fault is told and does not end it", async () => {
  await using served = await serveFake();
  using api = client(served);
  const put = () => api.fetch("/v1/state/k", { method: "PUT", body: "1" });
  served.agent.refusal = new AgentError("70000 of 65536 bytes", ExitCode.Refused);
  await error(await put(), 403, 4, /^70000 of 65536 bytes$/);
  served.agent.refusal = new AgentError("key too long", ExitCode.Usage);
  await error(await put(), 400, 2, /^key too long$/);
  served.agent.refusal = new TypeError("undefined is\nnot a function");
  await error(await put(), 500, 70, /^fault in the agent: undefined is not a function$/);
  assert.equal(served.faults.length, 1);
  assert.equal((await api.json("/v1/status")).status, 200);
});

Deno.test("HEAD answers like GET, without a body", async () => {
  await using served = await serveFake();
  using api = client(served);
  const response = await api.fetch("/v1/status", { method: "HEAD" });
  assert.equal(response.status, 200);
  assert.equal(await response.text(), "");
  const events = await api.fetch("/v1/events", { method: "HEAD" });
  assert.equal(events.status, 405);
});

Deno.test("metrics: families of the agent and of the API, in the text format", async () => {
  await using served = await serveFake();
  using api = client(served);
  await api.json("/v1/nothing");
  const response = await api.fetch("/metrics");
  assert.equal(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  const text = await response.text();
  assert.ok(
    text.startsWith(
      '# HELP agent_info What runs.\n# TYPE agent_info gauge\nagent_info{version="0.1.0"} 1\n',
    ),
    text,
  );
  assert.match(text, /\nagent_http_requests_total\{status="4xx"\} 1\n/);
  const families = text.split("\n").filter((line) => line.startsWith("# TYPE "));
  assert.equal(new Set(families).size, families.length);
});

Deno.test("the status page needs nothing from outside, and says so", async () => {
  await using served = await serveFake();
  using api = client(served);
  const response = await api.fetch("/");
  assert.match(response.headers.get("content-type") ?? "", /^text\/html/);
  assert.match(response.headers.get("content-security-policy") ?? "", /default-src 'none'/);
  const page = await response.text();
  assert.ok(!/(?:src|href)=|https?:\/\/|url\(|@import|innerHTML/.test(page));
  assert.match(page, /<html lang="en">/);
  assert.match(page, /color-scheme: light dark/);
  const script = /<script[^>]*>([^]*)<\/script>/.exec(page)?.[1] ?? "";
  new Function(script);
  for (const [, id] of script.matchAll(/(?:at|fill)\("(\w+)"/g)) {
    assert.ok(page.includes(`id="${id}"`), id);
  }
});

Deno.test("a dead agent's socket is replaced; a live one is not disturbed", async () => {
  await using served = await serveFake();
  await assert.rejects(
    serveApi(new FakeAgent(), { ...PLAIN, sockets: [served.socket] }),
    (error) =>
      error instanceof AgentError && error.exitCode === ExitCode.Refused &&
      error.message ===
        `an agent is already running on ${served.socket}; stop it, or choose another: --socket`,
  );
  using api = client(served);
  assert.equal((await api.json("/v1/status")).status, 200);

  const dead = `${served.dir}/dead.sock`;
  const child = await new Deno.Command(Deno.execPath(), {
    args: [
      "eval",
      `Deno.listen({ transport: "unix", path: ${JSON.stringify(dead)} }); Deno.exit()`,
    ],
  }).output();
  assert.ok(child.success);
  assert.ok(Deno.statSync(dead).isSocket);
  const server = await serveApi(new FakeAgent(), { ...PLAIN, sockets: [dead] });
  assert.equal(server.socket, dead);
  await server.close();
});

Deno.test("socket paths: folders are made, impossible ones passed over, files kept", async () => {
  const dir = Deno.makeTempDirSync();
  const serve = (...sockets: string[]) => serveApi(new FakeAgent(), { ...PLAIN, sockets });
  try {
    const made = await serve(`${dir}/a/b/agent.sock`);
    await made.close();
    Deno.writeTextFileSync(`${dir}/file`, "kept");
    const second = await serve(`${dir}/file/agent.sock`, `${dir}/c/agent.sock`);
    assert.equal(second.socket, `${dir}/c/agent.sock`);
    await second.close();
    const refused = (sockets: string[], message: RegExp) =>
      assert.rejects(serve(...sockets), (error) => {
        assert.ok(error instanceof AgentError);
        assert.equal(error.exitCode, ExitCode.Refused);
        assert.match(error.message, message);
        return true;
      });
    await refused(
      [`${dir}/file`],
      /\/file is there and is no socket; remove it, or choose another/,
    );
    assert.equal(Deno.readTextFileSync(`${dir}/file`), "kept");
    await refused([`${dir}/file/agent.sock`], /cannot make the socket .*choose another: --socket/);
    await refused([`${dir}/${"x".repeat(120)}`], /longer than 107 bytes/);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});

Deno.test("a request that never ends does not hold up close", async () => {
  await using served = await serveFake();
  using api = client(served);
  const connection = await Deno.connect({ transport: "unix", path: served.socket });
  await connection.write(
    new TextEncoder().encode("PUT /v1/state/k HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1"),
  );
  await api.json("/v1/status");
  await served.server.close();
  assert.throws(() => Deno.statSync(served.socket), Deno.errors.NotFound);
  connection.close();
});
