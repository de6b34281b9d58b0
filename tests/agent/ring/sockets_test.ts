/** The ring's sockets on loopback: those who do not read, half-open ones, and last words. */
import { match, ok, rejects, strictEqual, throws } from "node:assert/strict";
import { RingSockets, type SocketsHost } from "../../../lib/agent/ring/sockets.ts";
import { until } from "../in_process.ts";

function sockets(overrides: Partial<SocketsHost> = {}, lingerMs?: number) {
  const received: string[] = [];
  const ended: [number, string][] = [];
  let last = 0;
  const all = new RingSockets({
    accepted: () => ++last,
    connected: () => {},
    received: (_, piece) => void received.push(new TextDecoder().decode(piece)),
    ended: (id, reason) => void ended.push([id, reason]),
    failed: () => {},
    ...overrides,
  }, lingerMs);
  const port = Number(all.listen("127.0.0.1", 0).split(":")[1]);
  return {
    all,
    port,
    received,
    ended,
    connect: () => Deno.connect({ hostname: "127.0.0.1", port }),
  };
}

Deno.test("last words arrive, although the other end still sends", async () => {
  const { all, connect } = sockets({
    received: (id) => {
      all.write(id, new TextEncoder().encode("ERR syntax\n"));
      all.close(id);
    },
  });
  const conn = await connect();
  await conn.write(new Uint8Array(200_000));
  let text = "";
  const buffer = new Uint8Array(100);
  for (let n = await conn.read(buffer); n !== null; n = await conn.read(buffer)) {
    text += new TextDecoder().decode(buffer.subarray(0, n));
  }
  strictEqual(text, "ERR syntax\n");
  conn.close();
  await all.stop();
});

Deno.test("who does not read is no longer read, and given up in the end", async () => {
  const { all, connect, ended, received } = sockets();
  const conn = await connect();
  await conn.write(new Uint8Array(1));
  await until("it is there", () => received.length > 0);
  for (let i = 0; i < 20; i++) all.write(1, new Uint8Array(1_048_576));
  await new Promise((resolve) => setTimeout(resolve, 20));
  strictEqual(ended.length, 0);
  for (let i = 0; i < 20; i++) all.write(1, new Uint8Array(1_048_576));
  await until("it is given up", () => ended.length > 0);
  match(ended[0]?.[1] ?? "", /does not read/);
  conn.close();
  await all.stop();
});

Deno.test("who does not read cannot keep a connection open that is to be closed", async () => {
  const { all, connect, received } = sockets({}, 50);
  const conn = await connect();
  await conn.write(new Uint8Array(1));
  await until("it is there", () => received.length > 0);
  for (let i = 0; i < 20; i++) all.write(1, new Uint8Array(1_048_576));
  all.close(1);
  await all.stop();
  conn.close();
});

Deno.test("paused: nothing is read until it goes on", async () => {
  const { all, connect, received } = sockets();
  const conn = await connect();
  await conn.write(new TextEncoder().encode("a"));
  await until("it is there", () => received.length === 1);
  all.pause(1, true);
  await conn.write(new TextEncoder().encode("b"));
  // One read may be under way already.
  await until("it was read", () => received.length === 2);
  await conn.write(new TextEncoder().encode("c"));
  await new Promise((resolve) => setTimeout(resolve, 20));
  strictEqual(received.length, 2);
  all.pause(1, false);
  await until("it goes on", () => received.length === 3);
  conn.close();
  await all.stop();
});

Deno.test("a port that is taken is said in one line", async () => {
  const { all, port } = sockets();
  throws(() => sockets().all.listen("127.0.0.1", port), /TCP port \d+ is taken by another program/);
  throws(() => all.listen("192.0.2.1", 0), /this computer has no such address/);
  await all.stop();
  await rejects(Deno.connect({ hostname: "127.0.0.1", port }));
});

Deno.test("dialling: why not; and a connection that is no longer wanted is closed", async () => {
  const { all, port, ended } = sockets({ connected: (id) => void connected.push(id) });
  const connected: number[] = [];
  all.dial(100, [{ host: "127.0.0.1", port: 1 }], 1_000);
  all.dial(101, [], 1_000);
  all.dial(102, [{ host: "127.0.0.1", port: 1 }, { host: "127.0.0.1", port }], 1_000);
  all.dial(103, [{ host: "127.0.0.1", port }], 1_000);
  all.close(103);
  const told = (id: number) => ended.some(([one]) => one === id);
  await until("all are told", () => told(100) && told(101) && connected.length === 1);
  const why = new Map(ended);
  match(why.get(100) ?? "", /nothing listens at 127\.0\.0\.1:1/);
  match(why.get(101) ?? "", /not known/);
  strictEqual(connected[0], 102);
  ok(!why.has(103));
  await all.stop();
});
