/** Those who connect and mean no good, or are something else: counted, closed, never a crash. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { Random } from "../../lib/core/mod.ts";
import { writeAll } from "../../lib/net/conn_reader.ts";
import {
  concat,
  decodePrefaceReply,
  encodeFrame,
  encodePreface,
  NoiseHandshake,
  type NoiseSession,
} from "../../lib/wire/mod.ts";
import { bytes, connect, dial, gone, Host, Inbox, key, readAll } from "./streams.ts";

const preface = (n: number) => encodePreface("node", key(n).idBytes);

async function hello(prologue: Uint8Array, keyNumber = 1) {
  const noise = new NoiseHandshake({
    role: "initiator",
    psk: key(keyNumber).streamPsk,
    prologue,
  });
  return { noise, message: await noise.writeMessage(new Uint8Array(0)) };
}

/** A handshake by hand: the connection, and the ciphers to talk or to lie with. */
async function shaken(host: Host): Promise<{ conn: Deno.TcpConn; session: NoiseSession }> {
  const prologue = preface(1);
  const { noise, message } = await hello(prologue);
  const conn = await connect(host, concat([prologue, encodeFrame(message)]));
  const answer = new Uint8Array(1 + 2 + 48);
  for (let at = 0; at < answer.length;) at += (await conn.read(answer.subarray(at))) ?? 0;
  await noise.readMessage(answer.subarray(3));
  return { conn, session: noise.finish() };
}

Deno.test("hostile: garbage instead of a preface is closed without an answer", async () => {
  const host = new Host();
  for (const garbage of [bytes("GET / HTTP/1.1\r\n\r\n"), new Uint8Array(4_000).fill(0x80)]) {
    const conn = await connect(host, garbage);
    strictEqual((await readAll(conn)).length, 0);
    conn.close();
  }
  const purpose = preface(1);
  purpose[5] = 9;
  const conn = await connect(host, purpose);
  strictEqual((await readAll(conn)).length, 0);
  conn.close();
  strictEqual(host.counters.notAnAgent, 3);
  // Said once, counted thrice.
  deepStrictEqual(host.problems.map(({ kind }) => kind), ["not-an-agent"]);
  await host.close();
});

Deno.test("hostile: a later version is told that it is one", async () => {
  const host = new Host();
  const later = preface(1);
  later[4] = 2;
  const conn = await connect(host, later);
  deepStrictEqual(decodePrefaceReply(await readAll(conn))?.reply, { status: "unknown-version" });
  conn.close();
  match(host.problems[0]!.message, /speaks version 2/);
  await host.close();
});

Deno.test("hostile: garbage instead of a handshake", async () => {
  const host = new Host();
  const { message } = await hello(preface(1), 2);
  const short = Uint8Array.of(0, 3, 1, 2, 3);
  const cases = [
    short,
    encodeFrame(new Uint8Array(48).fill(0x11)),
    encodeFrame(new Uint8Array(60_000).fill(0x11)),
    // Named the right key, but holds another one.
    encodeFrame(message),
  ];
  for (const garbage of cases) {
    const conn = await connect(host, preface(1), garbage);
    strictEqual((await readAll(conn)).length, 0);
    conn.close();
  }
  strictEqual(host.counters.badHandshakes, cases.length);
  strictEqual(host.streams.length, 0);
  // A prologue that was changed on the way is noticed.
  const leaf = encodePreface("leaf", key(1).idBytes);
  const changed = await connect(host, leaf, encodeFrame((await hello(preface(1))).message));
  strictEqual((await readAll(changed)).length, 0);
  changed.close();
  strictEqual(host.counters.badHandshakes, cases.length + 1);
  await host.close();
});

Deno.test("hostile: one with another key, who is still talking, gets the answer", async () => {
  const host = new Host();
  const conn = await connect(host, preface(2));
  // Had the host closed with that unread, the connection would be reset by now.
  for (let i = 0; i < 5; i++) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    await writeAll(conn, new Uint8Array(10_000));
  }
  await conn.closeWrite();
  deepStrictEqual(decodePrefaceReply(await readAll(conn))?.reply.status, "unknown-key");
  conn.close();
  await host.close();
});

Deno.test("hostile: a refused client that goes on talking is not listened to for long", async () => {
  const host = new Host();
  const conn = await connect(host, preface(2));
  const answer = new Uint8Array(6);
  strictEqual(await conn.read(answer), 6);
  deepStrictEqual(decodePrefaceReply(answer)?.reply, {
    status: "unknown-key",
    keyIds: [key(1).id],
  });
  let talked = 0;
  try {
    for (; talked < 100_000_000;) talked += await conn.write(new Uint8Array(65_536));
  } catch {
    // The door is shut.
  }
  ok(talked < 100_000_000);
  conn.close();
  await host.close();
});

Deno.test("hostile: those who break off at any byte leave nothing behind", async () => {
  const host = new Host();
  const { message } = await hello(preface(1));
  const whole = concat([preface(1), encodeFrame(message)]);
  for (let length = 0; length < whole.length; length += 7) {
    const conn = await connect(host, whole.subarray(0, length));
    await conn.closeWrite();
    strictEqual((await readAll(conn)).length, 0);
    conn.close();
  }
  strictEqual(host.counters.brokenOff, Math.ceil(whole.length / 7));
  strictEqual(host.listener.halfOpen, 0);
  deepStrictEqual(host.problems, [], "that is no news to anybody");
  await host.close();
});

Deno.test("hostile: a handshake in drops, and one that never goes on", async () => {
  const slow = new Host();
  const prologue = preface(1);
  const { message } = await hello(prologue);
  const conn = await connect(slow);
  for (const byte of concat([prologue, encodeFrame(message)])) {
    await conn.write(Uint8Array.of(byte));
  }
  await slow.stream();
  conn.close();
  await slow.close();

  const strict = new Host({ handshakeTimeoutMs: 30 });
  const silent = await connect(strict, prologue.subarray(0, 4));
  strictEqual((await readAll(silent)).length, 0);
  silent.close();
  strictEqual(strict.counters.handshakeTimeouts, 1);
  strictEqual(strict.problems[0]?.kind, "handshake-timeout");
  await strict.close();
});

Deno.test("hostile: a thousand connections that say nothing", async () => {
  const host = new Host({ maxHalfOpen: 16 });
  const conns: Deno.TcpConn[] = [];
  for (let i = 0; i < 1_000; i++) {
    conns.push(await connect(host));
    ok(host.listener.halfOpen <= 16);
  }
  // Among them, one who holds the key gets through.
  const client = await dial(host);
  const there = new Inbox(await host.stream());
  client.write(bytes("hello"));
  await there.until(5);
  await host.until(() => host.counters.halfOpenDropped >= 984);
  ok(host.listener.halfOpen <= 16);
  deepStrictEqual(host.problems.map(({ kind }) => kind), ["half-open-dropped"]);
  client.close("done");
  for (const conn of conns) conn.close();
  await host.close();
  strictEqual(host.listener.halfOpen, 0);
});

Deno.test("hostile: garbage after the handshake closes that stream only", async () => {
  const host = new Host();
  const good = await dial(host);
  const goodThere = new Inbox(await host.stream(0));
  const lies: ((session: NoiseSession) => Uint8Array)[] = [
    // A message of 0xeeee bytes, and more.
    () => new Uint8Array(70_000).fill(0xee),
    () => encodeFrame(new Uint8Array(50)),
    // Shorter than a tag.
    () => Uint8Array.of(0, 1, 0),
    ({ send }) => {
      const frame = encodeFrame(send.encrypt(bytes("fine")));
      frame[5]! ^= 1;
      return frame;
    },
    // The same message twice.
    ({ send }) => {
      const frame = encodeFrame(send.encrypt(bytes("fine")));
      return concat([frame, frame]);
    },
    // One that was left out.
    ({ send }) => {
      send.encrypt(bytes("lost"));
      return encodeFrame(send.encrypt(bytes("fine")));
    },
  ];
  for (const [i, lie] of lies.entries()) {
    const { conn, session } = await shaken(host);
    const stream = await host.stream(i + 1);
    const closed = gone(stream);
    new Inbox(stream);
    await writeAll(conn, lie(session)).catch(() => {});
    match(await closed, /^the other side sent garbage: /);
    conn.close();
  }
  strictEqual(host.counters.garbage, lies.length);
  good.write(bytes("hello"));
  await goodThere.until(5);
  good.close("done");
  await host.close();
});

Deno.test("hostile: a message that is announced and never comes costs what came", async () => {
  const host = new Host();
  const { conn } = await shaken(host);
  const stream = await host.stream();
  const closed = gone(stream);
  const there = new Inbox(stream);
  await conn.write(Uint8Array.of(0xff, 0xff, 1, 2, 3));
  conn.close();
  strictEqual(await closed, "the other side closed the stream");
  strictEqual(there.length, 0);
  await host.close();
});

Deno.test("hostile: a peer that resets the connection", async () => {
  const host = new Host();
  const { conn } = await shaken(host);
  const stream = await host.stream();
  const closed = gone(stream);
  new Inbox(stream);
  stream.write(new Uint8Array(5_000));
  await stream.flushed();
  // Closing with bytes unread makes a reset.
  conn.close();
  ok((await closed).length > 0);
  await host.close();
});

Deno.test("hostile: fuzzed conversations never break the listener", async () => {
  const random = new Random(20_26);
  const host = new Host({ maxHalfOpen: 8, handshakeTimeoutMs: 50 });
  const { message } = await hello(preface(1));
  const valid = concat([preface(1), encodeFrame(message)]);
  for (let i = 0; i < 300; i++) {
    const talk = random.chance(0.3)
      ? random.bytes(random.below(300))
      : concat([valid.subarray(0, random.below(valid.length + 1)), random.bytes(random.below(80))]);
    for (let n = random.below(3); n > 0 && talk.length > 0; n--) {
      talk[random.below(talk.length)] = random.below(256);
    }
    const conn = await connect(host);
    await conn.write(talk).catch(() => {});
    if (random.chance(0.5)) await conn.closeWrite().catch(() => {});
    if (random.chance(0.3)) await readAll(conn);
    conn.close();
  }
  const client = await dial(host);
  client.close("done");
  // A replayed first message is answered, but leads nowhere without the key of that session.
  for (const stream of host.streams) new Inbox(stream);
  await host.close();
  const { notAnAgent, badHandshakes, brokenOff, wrongKey } = host.counters;
  ok(notAnAgent > 0 && badHandshakes > 0 && brokenOff > 0 && wrongKey >= 0);
});

Deno.test("hostile: a recorded handshake, played back a thousand times, takes few streams and no other's place", async () => {
  const host = new Host({ maxStreams: 40, maxSilent: 16 });
  const prologue = preface(1);
  const { message } = await hello(prologue);
  const recording = concat([prologue, encodeFrame(message)]);
  const good = await dial(host);
  const goodThere = new Inbox(await host.stream(0));
  good.write(bytes("here"));
  await goodThere.until(4);
  const conns: Deno.Conn[] = [];
  for (let i = 0; i < 1_000; i++) {
    conns.push(await connect(host, recording));
    const stream = await host.stream(i + 1);
    new Inbox(stream);
    ok(host.listener.streams <= 17, `${host.listener.streams} streams`);
  }
  strictEqual(host.counters.silentDropped, 1_000 - 16);
  strictEqual(host.counters.busy, 0);
  match(host.problems[0]?.message ?? "", /16 streams are open on which nothing was said/);
  strictEqual(host.problems.length, 1);
  // Whoever holds the key still gets in, and those who are in stay.
  const late = await dial(host);
  late.close("done");
  good.write(bytes("still here"));
  await goodThere.until(14);
  good.close("done");
  for (const conn of conns) conn.close();
  await host.close();
});
