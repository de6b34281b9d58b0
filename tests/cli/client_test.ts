import assert from "node:assert/strict";
import { AgentError, ExitCode } from "../../lib/core/mod.ts";
import { Client, NotRunning } from "../../lib/cli/client.ts";
import { FakeAgent, serveFake } from "../http/fake_agent.ts";

/** A server that answers one connection with these parts, one write each, and closes. */
async function answering(
  parts: readonly (string | Uint8Array)[],
  test: (client: Client) => Promise<void>,
): Promise<void> {
  const dir = Deno.makeTempDirSync();
  const path = `${dir}/s`;
  const listener = Deno.listen({ transport: "unix", path });
  const served = (async () => {
    const connection = await listener.accept();
    await connection.read(new Uint8Array(4_096));
    for (const part of parts) {
      const bytes = typeof part === "string" ? new TextEncoder().encode(part) : part;
      await connection.write(bytes);
      // The next turn, so that the client sees the parts apart.
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    connection.close();
  })();
  try {
    await test(new Client([path]));
  } finally {
    await served;
    listener.close();
    Deno.removeSync(dir, { recursive: true });
  }
}

async function fails(call: Promise<unknown>, code: number, message: RegExp): Promise<void> {
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof AgentError, String(error));
    assert.equal(error.exitCode, code);
    assert.match(error.message, message);
    return true;
  });
}

Deno.test("an answer may come in any pieces", async () => {
  const text = 'HTTP/1.0 200 OK\r\nContent-Length: 9\r\nX-Y:  z \r\n\r\n{"é": 1}';
  const bytes = new TextEncoder().encode(text);
  for (let at = 1; at < bytes.length; at++) {
    await answering([bytes.subarray(0, at), bytes.subarray(at)], async (client) => {
      const { body, headers } = await client.request("GET", "/");
      assert.deepEqual(JSON.parse(body), { é: 1 });
      assert.equal(headers.get("x-y"), "z");
    });
  }
});

Deno.test("an answer that breaks off, or is none, is said in one line", async () => {
  const broken = (parts: string[], message: RegExp) =>
    answering(parts, (client) => fails(client.request("GET", "/"), ExitCode.Unreachable, message));
  await broken([], /went away while it answered; try again/);
  await broken(["HTTP/1.0 200"], /went away/);
  await broken(["HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\n1234"], /went away/);
  await broken(["HTTP/1.0 500 Oops\r\n\r\n<html>"], /what answers on .* is no agent/);
  await broken(["HTTP/1.0 404 No\r\n\r\n[1]"], /is no agent/);
  await broken([`${"x".repeat(50_000)}`, `${"x".repeat(50_000)}`], /went away/);
});

Deno.test("the agent's error keeps its words and its exit code", async () => {
  const told = (code: number) => [`HTTP/1.0 400 No\r\n\r\n{"error":"so it is","code":${code}}`];
  for (const code of [1, 2, 3, 4, 78]) {
    await answering(told(code), (client) => fails(client.request("GET", "/"), code, /^so it is$/));
  }
  await answering(told(70), async (client) => {
    await assert.rejects(
      client.request("GET", "/"),
      (error) => !(error instanceof AgentError) && error instanceof Error,
    );
  });
});

Deno.test("the first socket with an agent behind it is asked; with none, the first is named", async () => {
  await using served = await serveFake();
  const client = new Client([`${served.dir}/none`, served.socket]);
  const { body } = await client.request("GET", "/v1/status");
  assert.deepEqual(JSON.parse(body), new FakeAgent().status());
  const lost = new Client([`${served.dir}/a`, `${served.dir}/b`]);
  await assert.rejects(
    lost.request("GET", "/"),
    (error) =>
      error instanceof NotRunning && error.exitCode === ExitCode.Unreachable &&
      error.message === `no agent answers on ${served.dir}/a; start it with: agent run`,
  );
});

Deno.test("a stream: lines whole, whatever the pieces; ended by us in silence", async () => {
  const stop = new AbortController();
  const text = "HTTP/1.0 200 OK\r\n\r\nfirst\nsécond\n\nthird\npart";
  const bytes = new TextEncoder().encode(text);
  const parts = Array.from({ length: bytes.length }, (_, i) => bytes.subarray(i, i + 1));
  await answering(parts, async (client) => {
    const lines: string[] = [];
    for await (const line of client.lines("GET", "/", stop.signal)) lines.push(line);
    assert.deepEqual(lines, ["first", "sécond", "", "third"]);
  });
  await using served = await serveFake();
  const client = new Client([served.socket]);
  setTimeout(() => stop.abort(), 20);
  for await (const _ of client.lines("GET", "/v1/events", stop.signal)) {
    /* only the end counts */
  }
  for await (const _ of client.lines("GET", "/v1/events", stop.signal)) assert.fail("was aborted");
  await fails(
    client.lines("GET", "/v1/nothing", new AbortController().signal).next(),
    ExitCode.NotThere,
    /there is no \/v1\/nothing/,
  );
});
