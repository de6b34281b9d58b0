import assert from "node:assert/strict";
import type { StateEvent } from "../../lib/http/mod.ts";
import { AT, SELF, type Served, serveFake, until } from "./fake_agent.ts";

/** A raw client: what it reads is up to the test, also nothing. */
async function connect(served: Served, request: string) {
  const connection = await Deno.connect({ transport: "unix", path: served.socket });
  await connection.write(new TextEncoder().encode(request));
  const decoder = new TextDecoder();
  let text = "";
  return {
    connection,
    /** Reads on until the text read so far holds `wanted`, or the stream ends. */
    async readUntil(wanted: string): Promise<string> {
      const buffer = new Uint8Array(65_536);
      while (!text.includes(wanted)) {
        const n = await connection.read(buffer);
        if (n === null) break;
        text += decoder.decode(buffer.subarray(0, n), { stream: true });
      }
      return text;
    },
    [Symbol.dispose]() {
      try {
        connection.close();
      } catch {
        // The test has closed it already.
      }
    },
  };
}

function get(path: string): string {
  return `GET ${path} HTTP/1.0\r\n\r\n`;
}

function post(path: string, body: unknown): string {
  const text = JSON.stringify(body);
  return `POST ${path} HTTP/1.0\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
}

function events(text: string): StateEvent[] {
  return [...text.matchAll(/^data: (\{"node".*)$/gm)].map(([, json]) => JSON.parse(json as string));
}

const READY = "event: ready\ndata: {}\n\n";

Deno.test("events: ready, then each change as it happens, then nothing after the client left", async () => {
  await using served = await serveFake();
  {
    using reader = await connect(served, get("/v1/events"));
    assert.deepEqual(events(await reader.readUntil(READY)), []);
    served.agent.put("pi-2", "door", "shut");
    served.agent.put("pi-2", "door", null);
    assert.deepEqual(events(await reader.readUntil('"unset"')), [
      { node: "pi-2", key: "door", value: "shut", at: AT, event: "set" },
      { node: "pi-2", key: "door", value: null, at: AT, event: "unset" },
    ]);
    assert.equal(served.agent.listeners.size, 1);
  }
  await until("the listener is gone", () => served.agent.listeners.size === 0);
});

Deno.test("events: prefix, key and node filter both the snapshot and what follows", async () => {
  await using served = await serveFake();
  using reader = await connect(
    served,
    get("/v1/events?snapshot=1&prefix=heating%2F&key=x&node=pi-2"),
  );
  assert.deepEqual(events(await reader.readUntil(READY)).map(({ key }) => key), ["heating/target"]);
  served.agent.put("pi-2", "door", 1);
  served.agent.put("pi-1", "x", 1);
  served.agent.put("pi-2", "x", 1);
  served.agent.put("pi-2", "heating/target", 22);
  const seen = events(await reader.readUntil('"value":22'));
  assert.deepEqual(seen.slice(1).map(({ key }) => key), ["x", "heating/target"]);
});

Deno.test("events: the snapshot and the changes join without a gap and without a repetition", async () => {
  await using served = await serveFake();
  // Larger than what any buffer on the way takes at once, so that changes fall into its sending.
  for (let i = 0; i < 4_000; i++) served.agent.put("pi-3", `k${i}`, `${0}${"x".repeat(200)}`);
  using reader = await connect(served, get("/v1/events?snapshot=1"));
  await reader.readUntil('"k0"');
  for (let i = 0; i < 100; i++) served.agent.put("pi-3", `k${i * 40}`, i + 1);
  const text = await reader.readUntil('"value":100,');
  const latest = new Map<string, unknown>();
  const counts = new Map<string, number>();
  for (const { node, key, value } of events(text)) {
    const id = `${node}:${key}`;
    latest.set(id, value);
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  for (const [node, entries] of served.agent.nodesOf) {
    for (const [key, value] of entries) assert.deepEqual(latest.get(`${node}:${key}`), value, key);
  }
  assert.equal(latest.size, 4_003);
  assert.equal([...counts.values()].filter((count) => count === 2).length, 100);
  assert.equal([...counts.values()].filter((count) => count > 2).length, 0);
  assert.ok(
    text.indexOf(READY) < text.indexOf('"value":1,'),
    "live changes come after the snapshot",
  );
});

Deno.test("events: a reader that does not read is dropped, and memory stays bounded", async () => {
  await using served = await serveFake();
  using slow = await connect(served, get("/v1/events"));
  using good = await connect(served, get("/v1/events?key=last"));
  await slow.readUntil(READY);
  await good.readUntil(READY);
  const value = "x".repeat(10_000);
  let pushed = 0;
  while (served.agent.listeners.size === 2 && pushed < 100_000_000) {
    served.agent.put("pi-2", "flood", value);
    pushed += value.length;
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  assert.ok(pushed < 4_000_000, `${pushed} bytes were taken for a reader that reads nothing`);
  assert.equal(served.agent.listeners.size, 1);
  const text = await slow.readUntil("event: dropped");
  assert.match(text, /event: dropped\ndata: \{"error":"the reader was too slow"\}\n\n$/);
  served.agent.put("pi-2", "last", 1);
  assert.equal(events(await good.readUntil('"last"')).length, 1);
  using metrics = await connect(served, get("/metrics"));
  assert.match(await metrics.readUntil("no such text"), /streams_dropped_total 1\n/);
});

Deno.test("lease: entries live as long as the connection, also when the client is killed", async () => {
  await using served = await serveFake();
  const mine = served.agent.nodesOf.get(SELF.node) as Map<string, unknown>;
  {
    using holder = await connect(served, post("/v1/lease", { entries: { a: 1, b: 2 } }));
    const text = await holder.readUntil("}\n");
    const first = JSON.parse(text.slice(text.indexOf("\r\n\r\n") + 4));
    assert.match(first.lease, /^[0-9a-f-]{36}$/);
    assert.equal(first.node, SELF.node);
    assert.deepEqual([mine.get("a"), mine.get("b")], [1, 2]);

    const put = `PUT /v1/lease/${first.lease} HTTP/1.0\r\nContent-Length: 7\r\n\r\n{"b":3}`;
    using update = await connect(served, put);
    assert.match(await update.readUntil("no such text"), /^HTTP\/1.0 200/);
    assert.deepEqual([mine.has("a"), mine.get("b")], [false, 3]);
  }
  await until("the lease is released", () => served.agent.openLeases === 0);
  assert.equal(mine.has("b"), false);

  const holder = new Deno.Command(Deno.execPath(), {
    args: [
      "eval",
      `const c = await Deno.connect({ transport: "unix", path: ${JSON.stringify(served.socket)} });
       await c.write(new TextEncoder().encode(${
        JSON.stringify(post("/v1/lease", { entries: { script: "alive" } }))
      }));
       await new Promise(() => setTimeout(() => {}, 1e9));`,
    ],
  }).spawn();
  await until("the script's value is there", () => mine.get("script") === "alive");
  holder.kill("SIGKILL");
  await until("the crashed script's value is gone", () => !mine.has("script"));
  await holder.status;
});

Deno.test("lease: a TTL ends it, and the client sees the end", async () => {
  await using served = await serveFake();
  using holder = await connect(served, post("/v1/lease", { entries: { a: 1 }, ttl: "50ms" }));
  await holder.readUntil("no such text");
  assert.equal(served.agent.openLeases, 0);
  assert.deepEqual(served.agent.calls[0], ["lease", { a: 1 }, 50]);
});

Deno.test("no more than 256 streams at a time; the next one is told why", async () => {
  await using served = await serveFake();
  const readers = await Promise.all(
    Array.from({ length: 256 }, () => connect(served, get("/v1/events"))),
  );
  await Promise.all(readers.map((reader) => reader.readUntil(READY)));
  using refused = await connect(served, get("/v1/events"));
  assert.match(await refused.readUntil("no such text"), /^HTTP\/1.0 503 .*256 event streams/s);
  assert.equal(served.agent.listeners.size, 256);
  using noLease = await connect(served, post("/v1/lease", { entries: { a: 1 } }));
  assert.match(await noLease.readUntil("no such text"), /^HTTP\/1.0 503/);
  assert.equal(served.agent.openLeases, 0);
  for (const reader of readers) reader.connection.close();
  await until("all are gone", () => served.agent.listeners.size === 0);
});

Deno.test("close ends streams and releases leases", async () => {
  const served = await serveFake();
  using reader = await connect(served, get("/v1/events"));
  using holder = await connect(served, post("/v1/lease", { entries: { a: 1 } }));
  await reader.readUntil(READY);
  await holder.readUntil("}\n");
  await served.server.close();
  assert.equal(served.agent.listeners.size, 0);
  assert.equal(served.agent.openLeases, 0);
  await reader.readUntil("no such text");
  Deno.removeSync(served.dir, { recursive: true });
});
