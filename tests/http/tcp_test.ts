import assert from "node:assert/strict";
import { AgentError, ExitCode } from "../../lib/core/mod.ts";
import { serveApi } from "../../lib/http/mod.ts";
import { authorize } from "../../lib/http/auth.ts";
import { HttpError } from "../../lib/http/errors.ts";
import { FakeAgent, PLAIN, SELF, serveFake } from "./fake_agent.ts";

const TOKEN = "correct-horse-battery";

async function serveTcp(token?: string) {
  const served = await serveFake({ listen: { host: "127.0.0.1", port: 0 }, token });
  const { address } = served.server;
  assert.ok(address !== undefined && address.port > 0);
  return { served, base: `http://127.0.0.1:${address.port}` };
}

async function statusOf(answer: Promise<Response>): Promise<[number, string]> {
  const response = await answer;
  const body = await response.json();
  return [response.status, body.error ?? ""];
}

Deno.test("TCP on loopback: reading needs no token, changing does", async () => {
  const { served, base } = await serveTcp(TOKEN);
  await using _ = served;
  const put = (headers: HeadersInit = {}) =>
    statusOf(fetch(`${base}/v1/state/k`, { method: "PUT", body: "1", headers }));
  assert.equal((await statusOf(fetch(`${base}/v1/status`)))[0], 200);
  assert.equal((await put())[0], 401);
  assert.equal((await put({ authorization: `Bearer ${TOKEN}x` }))[0], 401);
  assert.equal((await put({ authorization: "Bearer" }))[0], 401);
  assert.equal((await put({ authorization: "Basic !!!" }))[0], 401);
  assert.equal((await put({ authorization: `Digest ${TOKEN}` }))[0], 401);
  assert.equal(served.agent.nodesOf.get(SELF.node)?.has("k"), false);
  assert.equal((await put({ authorization: `bearer ${TOKEN}` }))[0], 200);
  assert.equal((await put({ authorization: `Basic ${btoa(`any:${TOKEN}`)}` }))[0], 200);
  const challenge = await fetch(`${base}/v1/state/k`, { method: "DELETE" });
  assert.match(challenge.headers.get("www-authenticate") ?? "", /^Basic realm=/);
  await challenge.body?.cancel();
});

Deno.test("TCP without a token: nothing can be changed", async () => {
  const { served, base } = await serveTcp();
  await using _ = served;
  const [status, error] = await statusOf(
    fetch(`${base}/v1/lease`, { method: "POST", body: '{"entries":{"a":1}}' }),
  );
  assert.equal(status, 403);
  assert.match(error, /set token_file in \[http\]/);
  assert.equal(served.agent.openLeases, 0);
});

Deno.test("a page of another site gets nothing out of a browser here", () => {
  const rules = { loopback: true, token: TOKEN };
  const request = (method: string, headers: Record<string, string>) =>
    new Request("http://127.0.0.1:8380/v1/state", { method, headers });
  const refused = (method: string, headers: Record<string, string>, status: number, over = {}) =>
    assert.throws(() => authorize(request(method, headers), { ...rules, ...over }), (error) => {
      assert.ok(error instanceof HttpError);
      assert.equal(error.status, status, error.message);
      return true;
    });
  const bearer = { authorization: `Bearer ${TOKEN}` };
  for (const host of ["localhost", "localhost:8380", "127.0.0.1:8380", "[::1]:8380", "127.9.9.9"]) {
    authorize(request("GET", { host }), rules);
  }
  for (
    const host of ["evil.example", "evil.example:8380", "127.0.0.1.evil.example", "[::2]:1", ""]
  ) {
    refused("GET", { host }, 403);
  }
  const host = "localhost:8380";
  authorize(request("PUT", { host, ...bearer, origin: `http://${host}` }), rules);
  refused("PUT", { host, ...bearer, origin: "http://evil.example" }, 403);
  refused("PUT", { host, ...bearer, origin: "null" }, 403);
  // Open to others: every request, whatever its host, needs the token.
  const open = { loopback: false };
  refused("GET", { host: "pi.local:8380" }, 401, open);
  refused("GET", { host: "localhost" }, 401, open);
  authorize(request("GET", { host: "pi.local:8380", ...bearer }), { ...rules, ...open });
});

Deno.test("what [http] must not say", async () => {
  const refused = async (
    listen: { host: string; port: number },
    token: string | undefined,
    code: number,
    message: RegExp,
  ) => {
    const dir = Deno.makeTempDirSync();
    try {
      await assert.rejects(
        serveApi(new FakeAgent(), { ...PLAIN, sockets: [`${dir}/s`], listen, token }),
        (error) => {
          assert.ok(error instanceof AgentError);
          assert.match(error.message, message);
          assert.equal(error.exitCode, code);
          return true;
        },
      );
      assert.throws(() => Deno.statSync(`${dir}/s`), Deno.errors.NotFound);
    } finally {
      Deno.removeSync(dir, { recursive: true });
    }
  };
  await refused(
    { host: "0.0.0.0", port: 0 },
    undefined,
    ExitCode.Config,
    /open to other computers; set token_file/,
  );
  await refused({ host: "127.0.0.1", port: 0 }, "short", ExitCode.Refused, /shorter than 16/);
  const taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await refused(
    { host: "127.0.0.1", port: taken.addr.port },
    TOKEN,
    ExitCode.Refused,
    /is in use by another program; change listen/,
  );
  taken.close();
});
