/** The front of the TCP port: real connections on loopback, virtual time. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { Scheduler } from "../../lib/core/mod.ts";
import { MAX_HEAD } from "../../lib/http/request_head.ts";
import { serveFake, until } from "./fake_agent.ts";

const TOKEN = "correct-horse-battery";
const AUTH = `Authorization: Bearer ${TOKEN}\r\n`;
const MOST = 64;

/** Time that passes when the test says so. */
function slowTime() {
  let now = 0;
  let due: { at: number; callback: () => void } | undefined;
  const onError = (error: unknown) => {
    throw error;
  };
  const scheduler = new Scheduler(
    { now: () => now, wall: () => now },
    onError,
    (callback, delay) => {
      due = { at: now + delay, callback };
      return () => due = undefined;
    },
  );
  // The scheduler takes its timer at the end of a turn.
  const turn = () => new Promise((resolve) => setTimeout(resolve, 0));
  const pass = async (ms: number) => {
    const end = now + ms;
    for (await turn(); due !== undefined && due.at <= end; await turn()) {
      const { at, callback } = due;
      now = at;
      due = undefined;
      callback();
    }
    now = end;
  };
  return { scheduler, pass };
}

class Client implements Disposable {
  text = "";
  /** The other side has closed, or broken it off. */
  ended = false;
  readonly #conn: Deno.TcpConn;
  readonly #reading: Promise<void>;

  private constructor(conn: Deno.TcpConn, most: number) {
    this.#conn = conn;
    this.#reading = this.#read(most);
  }

  static async connect(port: number, text = "", most = Infinity): Promise<Client> {
    const client = new Client(await Deno.connect({ hostname: "127.0.0.1", port }), most);
    await client.send(text);
    return client;
  }

  async send(text: string | Uint8Array): Promise<void> {
    let left = typeof text === "string" ? new TextEncoder().encode(text) : text;
    while (left.length > 0) left = left.subarray(await this.#conn.write(left));
  }

  async until(what: string): Promise<void> {
    await until(`${what} in ${this.text.slice(0, 300)}`, () => this.text.includes(what));
  }

  async end(): Promise<string> {
    await until("the end of the connection", () => this.ended);
    return this.text;
  }

  /** `most`: reads no further, in pieces. */
  async #read(most: number): Promise<void> {
    const piece = new Uint8Array(65_536);
    try {
      for (let n = await this.#conn.read(piece); n !== null; n = await this.#conn.read(piece)) {
        this.text += new TextDecoder().decode(piece.subarray(0, n));
        if (--most === 0) return;
      }
    } catch {
      // Reset, or closed by the test.
    }
    this.ended = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this[Symbol.dispose]();
    await this.#reading;
  }

  [Symbol.dispose](): void {
    try {
      this.#conn.close();
    } catch {
      // Twice.
    }
  }
}

async function served() {
  const { scheduler, pass } = slowTime();
  const listen = { host: "127.0.0.1", port: 0 };
  const fake = await serveFake({ listen, token: TOKEN, scheduler });
  const port = fake.server.address?.port as number;
  const socket = Deno.createHttpClient({ proxy: { transport: "unix", path: fake.socket } });
  return {
    ...fake,
    port,
    pass,
    /** A metric, asked for on the socket. */
    async metric(name: string): Promise<number> {
      const text = await (await fetch("http://agent/metrics", { client: socket })).text();
      const line = text.split("\n").find((line) => line.startsWith(`agent_http_${name} `));
      return Number(line?.split(" ")[1]);
    },
    connect: (text?: string, most?: number) => Client.connect(port, text, most),
    async [Symbol.asyncDispose]() {
      socket.close();
      await fake[Symbol.asyncDispose]();
    },
  };
}

const DROPPED = (reason: string) => `connections_dropped_total{reason="${reason}"}`;
const get = (path: string, more = "") => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`;

Deno.test("front: connections that never finish asking are few, make room, and end", async () => {
  await using api = await served();
  const half = get("/v1/status").slice(0, -4);
  const clients: Client[] = [];
  for (let i = 0; i < 3 * MOST; i++) clients.push(await api.connect(i % 2 === 0 ? half : ""));
  const open = () => clients.filter(({ ended }) => !ended);
  await until("the oldest are closed", () => open().length === MOST);
  deepStrictEqual(open(), clients.slice(-MOST));
  strictEqual(await api.metric("connections"), MOST);
  strictEqual(await api.metric(DROPPED("oldest")), 2 * MOST);
  deepStrictEqual([...new Set(api.problems)], [
    "64 connections to [http] listen are open; the oldest without a request was closed",
  ]);
  // Meanwhile everybody else is answered, and the slow as well, if they are not too slow.
  strictEqual((await fetch(`http://127.0.0.1:${api.port}/v1/status`)).status, 200);
  const slow = clients.at(-2) as Client;
  await api.pass(9_999);
  await slow.send("\r\n\r\n");
  match(await slow.end(), /^HTTP\/1\.1 200 OK\r\n/);
  await api.pass(1);
  await until("the others are closed", () => open().length === 0);
  ok(await api.metric(DROPPED("late")) > 0);
  for (const client of clients) await client[Symbol.asyncDispose]();
  await until("no place is taken", async () => await api.metric("connections") === 0);
});

Deno.test("front: 64 that are answered are not disturbed by a 65th, which is refused", async () => {
  await using api = await served();
  const streams: Client[] = [];
  for (let i = 0; i < MOST; i++) streams.push(await api.connect(get("/v1/events")));
  for (const stream of streams) await stream.until("event: ready");
  const more = await fetch(`http://127.0.0.1:${api.port}/v1/status`).catch(() => undefined);
  if (more !== undefined) {
    strictEqual(more.status, 503);
    match((await more.json()).error, /^too many connections/);
  }
  strictEqual(await api.metric(DROPPED("full")), 1);
  deepStrictEqual(api.problems, [
    "64 connections to [http] listen are being answered; another one was refused",
  ]);
  api.agent.put("pi-2", "door", "shut");
  for (const stream of streams) await stream.until('"door"');
  await streams[0]?.[Symbol.asyncDispose]();
  await until("its place is free", async () => await api.metric("connections") < MOST);
  strictEqual((await fetch(`http://127.0.0.1:${api.port}/v1/status`)).status, 200);
  for (const stream of streams) await stream[Symbol.asyncDispose]();
});

Deno.test("front: an event stream lives for as long as it gives signs of life, and is taken", async () => {
  await using api = await served();
  await using stream = await api.connect(get("/v1/events"));
  await stream.until("event: ready");
  for (let i = 0; i < 50; i++) {
    await api.pass(59_000);
    api.agent.put("pi-2", "n", i);
    await stream.until(`"value":${i},`);
  }
  ok(!stream.ended);
  await api.pass(60_000);
  await stream.end();
  await until("its listener is gone", () => api.agent.listeners.size === 0);
  strictEqual(await api.metric(DROPPED("stalled")), 1);
});

Deno.test("front: an event stream ends with its client", async () => {
  await using api = await served();
  {
    await using stream = await api.connect(get("/v1/events"));
    await stream.until("event: ready");
    strictEqual(api.agent.listeners.size, 1);
  }
  await until("its listener is gone", () => api.agent.listeners.size === 0);
  await until("its place is free", async () => await api.metric("connections") === 0);
});

Deno.test("front: who does not take the answer, or holds back what nobody waits for, goes", async () => {
  await using api = await served();
  api.agent.put("pi-2", "large", "x".repeat(24_000_000));
  await using deaf = await api.connect(get("/v1/state"), 1);
  await deaf.until("200 OK");
  await using mute = await api.connect(
    "PUT /v1/state/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n1",
  );
  await mute.until("a token is needed");
  strictEqual(await api.metric("connections"), 2);
  await api.pass(61_000);
  await mute.end();
  await until("both places are free", async () => await api.metric("connections") === 0);
  strictEqual(await api.metric(DROPPED("stalled")), 2);
  ok(!deaf.ended);
});

Deno.test("front: a client that leaves its connection open after the answer loses it", async () => {
  await using api = await served();
  using open = await Deno.connect({ hostname: "127.0.0.1", port: api.port });
  await open.write(new TextEncoder().encode(get("/v1/status")));
  const text = await new Response(open.readable).text();
  match(text, /\r\nconnection: close\r\n/i);
  await until("its place is free", async () => {
    await api.pass(2_000);
    return await api.metric("connections") === 0;
  });
});

Deno.test("front: large bodies pass, in whatever pieces, and so do large answers", async () => {
  await using api = await served();
  const base = `http://127.0.0.1:${api.port}`;
  const headers = { authorization: `Bearer ${TOKEN}` };
  const text = "é".repeat(3_900_000);
  const sent = await fetch(`${base}/v1/messages`, {
    method: "POST",
    body: JSON.stringify({ to: "pi-2", text }),
    headers,
  });
  strictEqual(sent.status, 200, await sent.text());
  const [, messages] = api.agent.calls.find(([name]) => name === "send") as unknown[];
  strictEqual((messages as { text: string }[])[0]?.text, text);
  const tooLarge = await fetch(`${base}/v1/state/k`, {
    method: "PUT",
    body: `"${"x".repeat(500_000)}"`,
    headers,
  });
  strictEqual(tooLarge.status, 413);
  await tooLarge.body?.cancel();
  api.agent.put("pi-2", "large", text);
  const state = await (await fetch(`${base}/v1/state?key=large`)).json();
  strictEqual(state["pi-2"].large.value, text);
  await using drops = await api.connect();
  const request = `PUT /v1/state/k HTTP/1.1\r\nHost: localhost\r\n${AUTH}` +
    "Transfer-Encoding: chunked\r\n\r\n2\r\n12\r\n0\r\n\r\n";
  for (const c of request) await drops.send(c);
  match(await drops.end(), /^HTTP\/1\.1 200 OK\r\n/);
  strictEqual(api.agent.nodesOf.get("pi-1")?.get("k"), 12);
});

Deno.test("front: one request a connection, and whatever a client says of it counts for nothing", async () => {
  await using api = await served();
  for (const how of ["", "Connection: keep-alive\r\n", "connection: Upgrade\r\nUpgrade: h2c\r\n"]) {
    await using two = await api.connect(get("/v1/status", how).repeat(2));
    const answers = (await two.end()).match(/^HTTP\/1\.1 \d+/gm);
    deepStrictEqual(answers, ["HTTP/1.1 200"], how);
  }
  await using old = await api.connect(
    "GET /v1/status HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n",
  );
  match(await old.end(), /^HTTP\/1\.0 200 OK\r\n/);
  await using h2 = await api.connect("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  match(await h2.end(), /^HTTP\/1\.1 400 /);
  // By the number of another one, which then would be thought to be served for ever.
  await using half = await api.connect("GET / HTTP/1.1\r\n");
  for (let id = 1; id < 20; id++) {
    await using liar = await api.connect(get("/v1/status", `Agent-Connection: ${id}\r\n`));
    await liar.end();
  }
  await api.pass(10_000);
  strictEqual(await half.end(), "");
});

Deno.test("front: a head without end is refused, and what is no request too", async () => {
  await using api = await served();
  await using long = await api.connect();
  await long.send(`GET /${"a".repeat(MAX_HEAD)}`).catch(() => {});
  match(await long.end(), /^HTTP\/1\.1 431 [\s\S]*above the limit of 65536 bytes/);
  await using noise = await api.connect();
  await noise.send(Uint8Array.from({ length: 4_000 }, (_, i) => i * 7 % 256 || 1));
  await noise.send("\r\n\r\n");
  match(await noise.end(), /^HTTP\/1\.1 400 /);
  await until("no place is taken", async () => {
    await api.pass(2_000);
    return await api.metric("connections") === 0;
  });
});

Deno.test("front: behind it is a socket for us alone, which goes with the server", async () => {
  const api = await served();
  const inner = `${api.dir}/agent-tcp.sock`;
  strictEqual((Deno.statSync(inner).mode ?? 0) & 0o777, 0o600);
  await using half = await api.connect("GET /");
  await using stream = await api.connect(get("/v1/events"));
  await stream.until("event: ready");
  await api.server.close();
  await half.end();
  match(await stream.end(), /event: ready/);
  ok(![...Deno.readDirSync(api.dir)].some(({ name }) => name.endsWith(".sock")));
  await api[Symbol.asyncDispose]();
});
