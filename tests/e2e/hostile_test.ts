/**
 * A running agent and whoever means it ill, or is broken: it keeps working, counts what came, says so
 * once in a while, and its memory stays bounded.
 */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { Random } from "../../lib/core/mod.ts";
import { nativeProfile, TlvEncoder } from "../../lib/dncp/mod.ts";
import { encodeLeaf } from "../../lib/leafy/messages.ts";
import {
  dialSecure,
  NATIVE_GROUP4,
  readInterfaces,
  Sealer,
  type SecureStream,
} from "../../lib/net/mod.ts";
import { openMulticastLink } from "../../lib/net/multicast.ts";
import { NATIVE_CONTEXT } from "../../lib/agent/network/native_wire.ts";
import { concat, encodeFrame, encodePreface, NetworkKey } from "../../lib/wire/mod.ts";
import { freePort } from "../ports.ts";
import { type AgentProcess, Place, until } from "./harness.ts";
import { Wire } from "./wire.ts";

/** What an attack may leave in memory, in bytes: V8 gives back late. */
const ROOM = 60e6;

const random = new Random(666);
const encode = new TlvEncoder(nativeProfile);

/** Two agents that hold a stream, and a look at whether they still share state. */
async function pair(place: Place, toml?: string) {
  const options = toml === undefined ? {} : { toml };
  const a = await place.agent("a", options);
  const b = await place.agent("b", { ...options, ...(toml === undefined && { connect: [a] }) });
  await place.meet(a, b);
  let n = 0;
  const works = async () => {
    n++;
    await a.set({ n });
    await until("a change still arrives", async () => (await b.values())["a:n"] === n);
    deepStrictEqual((await b.nodes()).map(({ name }) => name), ["a", "b"]);
  };
  await works();
  return { a, b, works };
}

/** A connection that says something, and when it is over. */
async function say(agent: AgentProcess, ...pieces: Uint8Array[]): Promise<void> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port: agent.port });
  try {
    for (const piece of pieces) await conn.write(piece);
    await conn.closeWrite();
    const scrap = new Uint8Array(4_096);
    while (await conn.read(scrap) !== null) { /* Whatever it answers. */ }
  } catch {
    // It was closed on us, as it should be.
  }
}

const counter = async (agent: AgentProcess, name: string) =>
  (await agent.metrics())[`agent_${name}_total`] ?? NaN;

Deno.test("e2e hostile: garbage to the TCP port", async () => {
  await using place = new Place();
  const { a, works } = await pair(place);
  const text = new TextEncoder();
  const { idBytes } = place.key;
  for (let round = 0; round < 3; round++) {
    await say(a, text.encode("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    await say(a, random.bytes(1_000));
    await say(a, Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3));
    await say(a, Uint8Array.of(0xed));
    await say(a, new Uint8Array(0));
    // The right magic, a version to come; a purpose that is none.
    await say(a, Uint8Array.of(0xed, 0x61, 0x67, 0x74, 9, 1, 0, 0, 0, 0));
    await say(a, Uint8Array.of(0xed, 0x61, 0x67, 0x74, 1, 9, 0, 0, 0, 0));
    // The right key id, and no key.
    await say(a, encodePreface("node", idBytes), encodeFrame(random.bytes(48)));
    await say(a, encodePreface("leaf", idBytes), encodeFrame(random.bytes(4_000)));
    await say(a, encodePreface("node", idBytes), Uint8Array.of(0xff, 0xff), random.bytes(500));
    await say(a, encodePreface("node", idBytes), Uint8Array.of(0, 0));
    await works();
  }
  // Each connection is settled when its metrics are: the last was closed by us.
  await until("all are counted", async () => await counter(a, "stream_bad_handshakes") >= 9);
  const figures = await a.metrics();
  ok(figures["agent_stream_not_an_agent_total"]! >= 15, JSON.stringify(figures));
  ok(figures["agent_stream_broken_off_total"]! >= 6);
  ok(figures["agent_stream_accepted_total"]! >= 1);
  strictEqual(figures["agent_stream_garbage_total"], 0);
  // A line for each kind of trouble, not for each time.
  const warned = a.logged(/warning/);
  ok(warned.length >= 2 && warned.length <= 4, warned.join("\n"));
  match(warned.join("\n"), /connected, but is no agent/);
  match(warned.join("\n"), /named our key, but does not hold it/);
});

Deno.test("e2e hostile: 1 000 half-open connections", async () => {
  await using place = new Place();
  const { a, works } = await pair(place);
  const before = a.rss();
  const { idBytes } = place.key;
  const open: Deno.Conn[] = [];
  try {
    for (let i = 0; i < 1_000; i++) {
      const conn = await Deno.connect({ hostname: "127.0.0.1", port: a.port });
      open.push(conn);
      // A third says nothing, a third the preface, a third announces a message that never comes.
      const preface = encodePreface("node", idBytes);
      if (i % 3 === 1) await conn.write(preface).catch(() => {});
      if (i % 3 === 2) {
        await conn.write(concat([preface, Uint8Array.of(0xff, 0xff)])).catch(() => {});
      }
      if (i % 250 === 0) await works();
    }
    await until(
      "the oldest had to go",
      async () => await counter(a, "stream_half_open_dropped") > 900,
    );
    await works();
    // Whoever holds the key gets in at any time.
    const c = await place.agent("c", { connect: [a] });
    await until("c is in", async () => (await c.nodes()).length === 3);
    const read = await place.run(
      ...["--leafy", "read", "a:n", "--from", a.address, "--key-file", place.keyFile],
    );
    strictEqual(read.code, 0, read.stderr);
    await c.stop();
    await until("c has gone", async () => (await a.nodes()).length === 2);
  } finally {
    for (const conn of open) conn.close();
  }
  ok(a.rss() < before + ROOM, `${before} → ${a.rss()}`);
  strictEqual(a.logged(/in their handshake at once/).length, 1);
  await works();
});

/** A holder of the key that is up to no good. */
async function attacker(place: Place, target: AgentProcess, purpose: "node" | "leaf" = "node") {
  const stream = await dialSecure({
    host: "127.0.0.1",
    port: target.port,
    keys: [place.key],
    purpose,
  });
  const closed = new Promise<string>((resolve) => stream.onClosed(resolve));
  return { stream, closed };
}

Deno.test("e2e hostile: nonsense after a valid handshake closes the stream and nothing else", async (t) => {
  await using place = new Place();
  const { a, works } = await pair(place);
  const introduction = encode.nodeEndpoint("00112233445566aa", 1);
  const oversized = Uint8Array.of(5, 0xff, 0xff, 0xff, 1, 2, 3);
  const hash = new Uint8Array(nativeProfile.hashBytes);
  const malformed: [name: string, bytes: Uint8Array][] = [
    ["a TLV that is announced too large", concat([introduction, oversized])],
    ["a TLV with too little in it", concat([introduction, Uint8Array.of(5, 0, 0, 3, 1, 2, 3)])],
    ["random bytes", concat([Uint8Array.of(3, 0xff, 0, 0), random.bytes(2_000)])],
  ];
  for (const [name, bytes] of malformed) {
    await t.step(name, async () => {
      const before = await counter(a, "dncp_malformed");
      const { stream, closed } = await attacker(place, a);
      stream.onData(() => {});
      stream.write(bytes);
      await until("it is counted", async () => await counter(a, "dncp_malformed") > before);
      stream.close("done");
      await closed;
      await works();
    });
  }
  await t.step("data that do not fit their hash", async () => {
    const before = await counter(a, "dncp_hash_mismatches");
    const { stream, closed } = await attacker(place, a);
    stream.onData(() => {});
    stream.write(concat([
      introduction,
      encode.nodeState("00112233445566aa", 7, 0, hash, random.bytes(100)),
      encode.nodeState((await a.status()).id, 0xffff_0000, 0, hash, random.bytes(100)),
    ]));
    await until("it is counted", async () => await counter(a, "dncp_hash_mismatches") > before);
    stream.close("done");
    await closed;
    await until("its peering is over", async () => (await a.peers()).length === 1);
    await works();
  });
  await t.step("bytes that nobody encrypted, in the middle of a stream", async () => {
    await using wire = new Wire(a);
    const victim = await place.agent("victim", { connect: [wire.address] });
    await until("it is in", async () => (await a.nodes()).length === 3);
    const before = await counter(a, "stream_garbage");
    await wire.inject(concat([Uint8Array.of(0, 40), random.bytes(40)]));
    await until("a closes it", async () => await counter(a, "stream_garbage") > before);
    await until(
      "and it comes back",
      async () => (await a.nodes()).length === 3 && await counter(victim, "stream_dialled") >= 2,
    );
    // Cut in the middle of a frame.
    await wire.inject(Uint8Array.of(0xff));
    wire.cut();
    await until(
      "it comes back again",
      async () =>
        (await victim.nodes()).length === 3 && await counter(victim, "stream_dialled") >= 3,
    );
    await victim.stop();
    await until("it has gone", async () => (await a.nodes()).length === 2);
  });
  await t.step("a leafy client that sends nonsense is told so", async () => {
    const { stream, closed } = await attacker(place, a, "leaf");
    let answered = 0;
    stream.onData((bytes) => answered += bytes.length);
    stream.write(Uint8Array.of(67, 0, 0, 5, 1, 2, 3, 4, 5));
    match(await closed, /closed the stream/);
    ok(answered > 10);
    await works();
  });
  strictEqual((await a.metrics())["agent_peers"], 1);
});

Deno.test("e2e hostile: 2 000 invented nodes are forgotten, and never shown", async () => {
  await using place = new Place();
  const { a, b, works } = await pair(place);
  const before = a.rss();
  const { stream, closed } = await attacker(place, a);
  stream.onData(() => {});
  stream.write(encode.nodeEndpoint("00112233445566aa", 1));
  for (let i = 0; i < 2_000; i++) {
    const data = random.bytes(500);
    const hash = nativeProfile.hash(data).slice(0, nativeProfile.hashBytes);
    const id = i.toString(16).padStart(16, "e");
    stream.write(encode.nodeState(id, 1, 0, hash, data));
    if (i % 100 === 99) await stream.flushed();
  }
  await works();
  strictEqual((await a.nodes()).length, 2);
  // What cannot be reached is not passed on as what exists.
  strictEqual((await b.nodes()).length, 2);
  ok(a.rss() < before + ROOM, `${before} → ${a.rss()}`);
  stream.close("done");
  await closed;
  await works();
});

Deno.test("e2e hostile: a leafy client that asks a lot and reads nothing", async () => {
  await using place = new Place();
  const { a, works } = await pair(place);
  await a.set(Object.fromEntries(
    Array.from({ length: 2_500 }, (_, i) => [`k${i}`, i]),
  ));
  const before = a.rss();
  const streams: SecureStream[] = [];
  const question = encodeLeaf({ type: "read", wanted: [] });
  for (let i = 0; i < 8; i++) {
    const { stream } = await attacker(place, a, "leaf");
    streams.push(stream);
    // Each is answered with 60 KB; nobody calls onData, so nothing is read.
    stream.write(concat(Array.from({ length: 900 }, () => question)));
  }
  await works();
  await works();
  // What waits for a reader is a question, not its answer: 7 200 answers would take 400 MB.
  ok(a.rss() < before + 2 * ROOM, `${before} → ${a.rss()}`);
  for (const stream of streams) stream.close("done");
  await works();
});

Deno.test("e2e hostile: a node that stops reading harms nobody, and catches up", async () => {
  await using place = new Place();
  const { a, b } = await pair(place);
  const c = await place.agent("c", { connect: [a] });
  await place.meet(a, b, c);
  const before = a.rss();
  b.child.kill("SIGSTOP");
  try {
    for (let round = 1; round <= 60; round++) {
      await a.set({ round, ballast: `${round}`.padEnd(8_000, "x") });
      if (round % 20 > 0) continue;
      await until("c keeps up", async () => (await c.values())["a:round"] === round);
    }
    ok(a.rss() < before + ROOM, `${before} → ${a.rss()}`);
    strictEqual((await a.nodes()).length, 3, "it is given time");
  } finally {
    b.child.kill("SIGCONT");
  }
  await until("b has caught up", async () => (await b.values())["a:round"] === 60);
  await place.meet(a, b, c);
});

Deno.test("e2e hostile: garbage, strangers and recordings on the link", async (t) => {
  await using place = new Place();
  const port = freePort();
  const toml = '[[network]]\nkey_file = "home.key"\ninterfaces = ["lo"]\n' +
    `listen = "127.0.0.1:0"\nport = ${port}\n`;
  const { a, works } = await pair(place, toml);
  const info = readInterfaces().find(({ name }) => name === "lo")!;
  const recorded: Uint8Array[] = [];
  const link = openMulticastLink({
    info,
    port,
    ownPort: 0,
    onDatagram: (bytes) => recorded.push(bytes),
    onProblem: (message) => ok(false, message),
  });
  // Bound to 127.0.0.1, so what it sends to the group stays on loopback.
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const group: Deno.NetAddr = { transport: "udp", hostname: NATIVE_GROUP4, port };
  const send = (bytes: Uint8Array) => socket.send(bytes, group);
  /** Sends until the agent has counted it: datagrams may be lost. */
  const counted = async (name: string, more: number, bytes: () => Uint8Array) => {
    const before = await counter(a, name);
    await until(`${name} +${more}`, async () => {
      for (let i = 0; i < more; i++) await send(bytes());
      return await counter(a, name) >= before + more;
    });
  };
  try {
    await t.step("garbage", async () => {
      await counted("sealed_damaged", 200, () => random.bytes(random.below(60)));
      await works();
    });
    await t.step("a block of ours with a bit turned", async () => {
      await until("something was recorded", async () => {
        await works();
        return recorded.length > 0;
      });
      const flipped = recorded[0]!.slice();
      flipped[flipped.length - 1]! ^= 1;
      await counted("sealed_damaged", 1, () => flipped);
    });
    await t.step("larger than any of ours", async () => {
      await counted("udp_oversized", 5, () => random.bytes(3_000));
    });
    await t.step("recordings", async () => {
      // The agent's own among them are known as echoes.
      await until("b was recorded", () => recorded.length >= 4);
      let i = 0;
      await counted("sealed_replayed", 20, () => recorded[i++ % recorded.length]!);
      await works();
    });
    await t.step("another key: said once, with what to do", async () => {
      const stranger = new Sealer({
        keys: [NetworkKey.fromBytes(random.bytes(32))],
        context: NATIVE_CONTEXT,
        sender: "00112233445566aa",
        epoch: 1,
        randomBytes: (n) => random.bytes(n),
      });
      await counted("sealed_wrong_key", 50, () => stranger.seal(random.bytes(50)));
      strictEqual(a.logged(/is heard, but with another key/).length, 1);
      const { problems } = await a.status();
      match(problems!.join("\n"), /^127\.0\.0\.1 on lo is heard, but with another key .*key file/m);
    });
    await t.step("the right key and nonsense inside", async () => {
      const sealer = new Sealer({
        keys: [place.key],
        context: NATIVE_CONTEXT,
        sender: "00112233445566aa",
        epoch: 1,
        randomBytes: (n) => random.bytes(n),
      });
      await counted(
        "dncp_malformed",
        50,
        () => sealer.seal(concat([Uint8Array.of(3, 0, 0, 200), random.bytes(40)])),
      );
      await works();
    });
    await t.step("a flood", async () => {
      const before = a.rss();
      const bytes = random.bytes(1_000);
      for (let i = 0; i < 5_000; i++) await send(bytes);
      await works();
      ok(a.rss() < before + ROOM, `${before} → ${a.rss()}`);
    });
    strictEqual(a.child.status, undefined);
    deepStrictEqual((await a.nodes()).map(({ name }) => name), ["a", "b"]);
  } finally {
    socket.close();
    await link.close();
  }
});
