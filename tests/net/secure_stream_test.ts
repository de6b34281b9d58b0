/** Streams that are open: much at once, much that waits, and the end. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { Random } from "../../lib/core/mod.ts";
import { HARD_CAP, HIGH_WATER, newStreamCounters, type SecureStream } from "../../lib/net/mod.ts";
import { bytes, dial, gone, Host, Inbox, Later, text } from "./streams.ts";

/** Writes as one should: holding back when told to. */
async function pour(stream: SecureStream, total: number, piece: number, random: Random) {
  let held: Later<void> | undefined;
  stream.onWritable(() => held?.resolve());
  const sent: Uint8Array[] = [];
  for (let left = total; left > 0;) {
    const chunk = random.bytes(Math.min(left, 1 + random.below(piece)));
    left -= chunk.length;
    sent.push(chunk);
    held = new Later<void>();
    if (!stream.write(chunk)) await held.promise;
    ok(stream.buffered < HIGH_WATER + piece + 65_536, `${stream.buffered} bytes wait`);
  }
  return sent;
}

async function digest(data: Uint8Array): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", data.slice())).toHex();
}

async function digestAll(parts: Uint8Array[]): Promise<string> {
  return await digest(new Uint8Array(await new Blob(parts.map((p) => p.slice())).arrayBuffer()));
}

Deno.test("stream: ten megabytes each way at the same time, byte for byte", async () => {
  const host = new Host();
  const counters = newStreamCounters();
  const client = await dial(host, { counters });
  const server = await host.stream();
  const [here, there] = [new Inbox(client), new Inbox(server)];
  const total = 10 * 1024 * 1024;
  const [up, down] = await Promise.all([
    pour(client, total, 200_000, new Random(1)),
    pour(server, total, 3_000, new Random(2)),
  ]);
  strictEqual(await digest(await there.until(total)), await digestAll(up));
  strictEqual(await digest(await here.until(total)), await digestAll(down));
  ok(counters.bytesSent > total && counters.bytesSent < total * 1.02);
  strictEqual(client.buffered, 0);
  client.close("done");
  await host.close();
});

Deno.test("stream: what is written in one turn leaves in one TCP write", async () => {
  const host = new Host();
  const counters = newStreamCounters();
  const client = await dial(host, { counters });
  const there = new Inbox(await host.stream());
  for (let i = 0; i < 500; i++) client.write(bytes(`${i % 10}`));
  strictEqual(text(await there.until(500)), "0123456789".repeat(50));
  strictEqual(counters.writes, 1);
  // One message too: 2 bytes of length, 16 of tag.
  strictEqual(counters.bytesSent, 518);
  client.close("done");
  await host.close();
});

Deno.test("stream: nothing written is nothing sent", async () => {
  const host = new Host();
  const client = await dial(host);
  strictEqual(client.write(new Uint8Array(0)), true);
  await client.flushed();
  strictEqual(client.counters.writes, 0);
  client.close("done");
  await host.close();
});

Deno.test("stream: who does not read holds the writer back, and goes on when it reads", async () => {
  const host = new Host();
  const client = await dial(host);
  const server = await host.stream();
  const chunk = new Uint8Array(16 * 1024).fill(7);
  let written = 0;
  let writable = 0;
  client.onWritable(() => writable++);
  // The kernel takes some, then no more: at a cap of ours, not of the network's.
  while (client.write(chunk.slice())) {
    written += chunk.length;
    if (client.buffered > HIGH_WATER / 2) await new Promise((resolve) => setTimeout(resolve, 0));
    ok(written < 64 * 1024 * 1024, "it is never told to hold back");
  }
  written += chunk.length;
  ok(client.buffered >= HIGH_WATER);
  ok(client.buffered < HARD_CAP);
  strictEqual(client.write(bytes("x")), false);
  written += 1;
  strictEqual(writable, 0);
  const there = new Inbox(server);
  await there.until(written);
  strictEqual(writable, 1);
  await client.flushed();
  strictEqual(client.buffered, 0);
  strictEqual(client.write(bytes("y")), true);
  client.close("done");
  await host.close();
});

Deno.test("stream: who ignores the request to hold back is closed at the cap", async () => {
  const host = new Host();
  const counters = newStreamCounters();
  const client = await dial(host, { counters });
  await host.stream();
  const chunk = new Uint8Array(64 * 1024);
  let most = 0;
  let calledBack = false;
  client.onClosed(() => calledBack = true);
  for (let i = 0; client.closedWith === undefined; i++) {
    client.write(chunk.slice());
    most = Math.max(most, client.buffered);
    ok(!calledBack, "not from within write");
    ok(i < 10_000);
  }
  ok(most <= HARD_CAP + chunk.length, `${most} bytes waited`);
  match(client.closedWith, /^the other side does not read: \d+ bytes waited for it$/);
  strictEqual(counters.overflowed, 1);
  strictEqual(client.buffered, 0);
  await host.close();
});

Deno.test("stream: who stops reading for too long is closed", async () => {
  const host = new Host();
  const counters = newStreamCounters();
  const client = await dial(host, { counters, stallMs: 100 });
  await host.stream();
  const closed = gone(client);
  // More than the kernel takes, in pieces, so that the cap is not what closes it.
  while (client.closedWith === undefined) {
    if (client.buffered < HIGH_WATER) client.write(new Uint8Array(HIGH_WATER));
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  match(await closed, /^the other side stopped reading: \d+ bytes waited for it$/);
  strictEqual(counters.stalled, 1);
  await host.close();
});

Deno.test("stream: closing tells both sides, once, and not from within close", async () => {
  const host = new Host();
  const client = await dial(host);
  const server = await host.stream();
  const told: string[] = [];
  new Inbox(client);
  client.onClosed((reason) => told.push(`client ${reason}`));
  const there = new Inbox(server);
  const serverGone = gone(server);
  client.write(bytes("last words"));
  await client.flushed();
  client.close("enough");
  client.close("again");
  deepStrictEqual(told, []);
  strictEqual(client.closedWith, "enough");
  strictEqual(await serverGone, "the other side closed the stream");
  strictEqual(text(await there.until(10)), "last words");
  deepStrictEqual(told, ["client enough"]);
  client.write(bytes("to nobody"));
  await client.flushed();
  strictEqual(await gone(client).then(() => "told late", () => ""), "told late");
  await host.close();
});

Deno.test("stream: flushed ends when the stream does", async () => {
  const host = new Host();
  const client = await dial(host);
  await host.stream();
  for (let i = 0; i < 15; i++) client.write(new Uint8Array(64 * 1024));
  const flushed = client.flushed();
  client.close("no time");
  await flushed;
  await host.close();
});

Deno.test("stream: a reader that closes hears no more of the same bytes", async () => {
  const host = new Host();
  const client = await dial(host);
  const server = await host.stream();
  let calls = 0;
  server.onData(() => {
    calls++;
    server.close("heard enough");
  });
  // Several messages that arrive together.
  client.write(new Uint8Array(200_000));
  strictEqual(await gone(server), "heard enough");
  strictEqual(calls, 1);
  client.close("done");
  await host.close();
});

Deno.test("stream: a reader that throws closes the stream and says why", async () => {
  const host = new Host();
  const client = await dial(host);
  const server = await host.stream();
  server.onData(() => {
    throw new Error("cannot use that");
  });
  client.write(bytes("x"));
  strictEqual(await gone(server), "cannot use that");
  client.close("done");
  await host.close();
});

Deno.test("stream: bytes in pieces of any size come through whole", async () => {
  const random = new Random(99);
  const host = new Host();
  const client = await dial(host);
  const server = await host.stream();
  const there = new Inbox(server);
  const sent: Uint8Array[] = [];
  let total = 0;
  for (const size of [1, 65_519, 65_520, 65_535, 65_536, 131_072, 131_073, 2, 0, 40_000]) {
    const chunk = random.bytes(size);
    sent.push(chunk);
    total += size;
    client.write(chunk);
    if (random.chance(0.5)) await client.flushed();
  }
  strictEqual(await digest(await there.until(total)), await digestAll(sent));
  client.close("done");
  await host.close();
});
