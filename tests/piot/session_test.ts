import assert from "node:assert/strict";
import { Random } from "../../lib/core/mod.ts";
import {
  CloseCode,
  DEFAULTS,
  encodeHeader,
  type Frame,
  Piot,
  type PiotConfig,
  PREFACE,
} from "../../lib/piot/mod.ts";
import { proofOf } from "../../lib/piot/proof.ts";
import { receivedRecord } from "../../lib/piot/records.ts";
import { WireError } from "../../lib/wire/bytes.ts";
import { Bench, FakePeer, type FrameOf, PEER } from "./fake_peer.ts";

const header = encodeHeader({ kind: 0 });
const body = (text: string) => new TextEncoder().encode(text);
const id = (digit: string) => digit.repeat(32);
const msg = (seq: number, digit: string): Frame => ({
  frame: "msg",
  seq,
  id: id(digit),
  header,
  body: body(digit),
});

function opened(config: Partial<PiotConfig> = {}): { bench: Bench; peer: FakePeer } {
  const bench = new Bench(config);
  const peer = new FakePeer(bench);
  peer.open();
  peer.frames();
  return { bench, peer };
}

/** Sends a message from the node to the peer; what the peer sees of it. */
function sent(bench: Bench, peer: FakePeer, text: string): FrameOf<"msg"> {
  bench.piot.send(bench.now, { peer: PEER }, { header: { kind: 0 }, body: body(text) });
  bench.piot.flush(bench.now);
  return peer.only("msg");
}

function closedWith(peer: FakePeer): number | undefined {
  const close = peer.frames().find(({ frame }) => frame === "close") as FrameOf<"close">;
  return close?.code;
}

Deno.test("an unknown node is asked, linked, and known the next time", () => {
  const bench = new Bench();
  const peer = new FakePeer(bench);
  peer.hello();
  assert.deepEqual(peer.frames().map(({ frame }) => frame), ["hello", "linkRequest"]);
  peer.send({ frame: "linkInfo", name: "peer", tags: new Map([["room", "kitchen"]]) });
  const [accept, resume] = peer.frames() as [FrameOf<"linkAccept">, FrameOf<"resume">];
  assert.equal(accept.frame, "linkAccept");
  assert.equal(accept.created, true);
  assert.equal(resume.frame, "resume");
  assert.equal(bench.piot.links()[0]?.tags.get("room"), "kitchen");
  bench.piot.closed(bench.now, peer.connection);

  const again = new FakePeer(bench);
  again.hello({ link: id("9") });
  const known = again.frames()[1] as FrameOf<"linkAccept">;
  assert.equal(known.created, false);
  assert.equal(known.link, accept.link, "the server's link id holds");
});

Deno.test("policy closed turns unknown nodes away; ask holds them until a decision", () => {
  const closed = new Bench({ policy: "closed" });
  const stranger = new FakePeer(closed);
  stranger.hello();
  assert.equal(closedWith(stranger), CloseCode.LinkRejected);
  assert.equal(closed.piot.links().length, 0);

  const bench = new Bench({ policy: "ask" });
  const peer = new FakePeer(bench);
  peer.hello();
  peer.send({ frame: "linkInfo", name: "peer" });
  assert.equal(closedWith(peer), CloseCode.LinkPending);
  assert.deepEqual(bench.kinds(), ["linkRequested"]);
  const [link] = bench.piot.links();
  assert.equal(link?.state, "pending");
  bench.piot.approve(bench.now, link.link);
  const again = new FakePeer(bench);
  again.open();
  assert.equal(bench.piot.links()[0]?.state, "up");
});

Deno.test("a flood of strangers makes no more links than there is room for", () => {
  for (const policy of ["ask", "accept"] as const) {
    const bench = new Bench({ policy, maxLinks: 20, maxPending: 10 });
    for (let i = 0; i < 200; i++) {
      const peer = new FakePeer(bench);
      peer.hello({ node: i.toString(16).padStart(32, "c") });
      peer.send({ frame: "linkInfo", name: `node ${i}` });
      bench.piot.closed(bench.now, peer.connection);
    }
    assert.equal(bench.piot.links().length, policy === "ask" ? 10 : 20);
  }
});

Deno.test("a key is asked for and proved, both ways", () => {
  const key = body("secret");
  const bench = new Bench({ key });
  const without = new FakePeer(bench);
  without.hello();
  assert.equal(closedWith(without), CloseCode.Auth);

  const wrong = new FakePeer(bench);
  wrong.hello({ auth: 1 });
  wrong.send({ frame: "auth", proof: new Uint8Array(32) });
  assert.equal(closedWith(wrong), CloseCode.Auth);

  const peer = new FakePeer(bench);
  peer.hello({ auth: 1 });
  const [hello, auth] = peer.frames() as [FrameOf<"hello">, FrameOf<"auth">];
  const sides = [{ nonce: "a".repeat(32), node: PEER }, hello] as const;
  assert.deepEqual(auth.proof, proofOf(key, "server", ...sides));
  peer.send({ frame: "auth", proof: proofOf(key, "client", ...sides) });
  assert.equal(peer.only("linkRequest").frame, "linkRequest");
});

Deno.test("the proof is that of the specification", () => {
  const [a, b] = ["000102030405060708090a0b0c0d0e0f", "101112131415161718191a1b1c1d1e1f"] as const;
  const proof = proofOf(
    body("secret"),
    "client",
    { nonce: "55".repeat(16), node: a },
    { nonce: "66".repeat(16), node: b },
  );
  assert.equal(
    proof.toHex(),
    "02554544b489aba2fa3f551e332d89e9318193c4be1cd6da7711f1b4a876c783",
  );
});

Deno.test("messages are confirmed with length and hash, in order, and once", () => {
  const { bench, peer } = opened();
  peer.send(msg(1, "1"), msg(2, "2"));
  const confirms = peer.frames() as FrameOf<"confirm">[];
  assert.deepEqual(confirms.map(({ seq, status, length }) => [seq, status, length]), [
    [1, 0, header.length + 1],
    [2, 0, header.length + 1],
  ]);
  peer.send(msg(1, "1"));
  assert.equal(peer.only("confirm").status, 1, "a number again");
  peer.send(msg(3, "2"));
  assert.equal(peer.only("confirm").status, 1, "a message again, under another number");
  peer.send({ ...msg(4, "0"), header: encodeHeader({ kind: 15 }) } as Frame);
  assert.equal(peer.only("confirm").status, 0, "a tombstone");
  peer.send({ ...msg(5, "5"), header: body("no CBOR") } as Frame);
  assert.equal(peer.only("confirm").status, 2, "an unreadable header");
  assert.deepEqual(bench.piot.inbox().map(({ id }) => id), [id("1"), id("2")]);
  peer.send(msg(7, "7"));
  assert.equal(closedWith(peer), CloseCode.Gap);
  assert.equal(bench.piot.inbox().length, 2);
});

Deno.test("a full inbox refuses, and says so", () => {
  const { bench, peer } = opened({ inboxEntries: 1 });
  peer.send(msg(1, "1"), msg(2, "2"));
  const [, refused] = peer.frames() as FrameOf<"confirm">[];
  assert.deepEqual([refused?.status, refused?.reason], [2, "the inbox is full"]);
  const [message] = bench.piot.inbox();
  assert.ok(message && bench.piot.take(message.link, message.id));
  peer.send(msg(3, "3"));
  assert.equal(peer.only("confirm").status, 0);
});

Deno.test("three wrong confirmations, and the message is given up; later ones flow", () => {
  const { bench, peer } = opened();
  let at = peer;
  let message = sent(bench, at, "poison");
  for (let i = 1; i <= 3; i++) {
    at.confirm(message, { hash: 1 });
    assert.equal(closedWith(at), CloseCode.Mismatch, `wrong ${i}`);
    bench.piot.closed(bench.now, at.connection);
    at = new FakePeer(bench);
    const { ready } = at.open({ rxEpoch: epochOf(bench), rxSeq: 0 });
    assert.equal(ready.outcome, 0);
    message = at.only("msg");
  }
  assert.deepEqual(bench.kinds().filter((kind) => kind === "mismatch").length, 2);
  const dropped = bench.events.find(({ kind }) => kind === "dropped");
  assert.equal(dropped?.kind === "dropped" && dropped.reason, "corrupt");
  assert.equal(message.id, id("0"), "a tombstone keeps the number");
  at.confirm(message);
  at.confirm(sent(bench, at, "healthy"));
  assert.equal(bench.piot.outbox().length, 0);
  assert.equal(bench.piot.notices().length, 1);

  function epochOf(bench: Bench): string {
    for (const [key, value] of bench.disk.scan("")) {
      if (key.endsWith("/t")) return value.toHex().slice(6, 22);
    }
    throw new Error("no epoch");
  }
});

Deno.test("nonsense ends the connection with a word, or without for strangers to PIoT", () => {
  const cases: [string, (peer: FakePeer) => void, number | undefined][] = [
    ["another language", (peer) => peer.raw(body("GET / HTTP/1.0\r\n\r\n")), undefined],
    ["another version", (peer) => peer.raw(Uint8Array.of(...PREFACE.subarray(0, 4), 2, 10)), 3],
    ["not CBOR", (peer) => peer.raw(Uint8Array.of(...PREFACE, 0, 0, 0, 1, 0xff)), 2],
    ["an empty frame", (peer) => peer.raw(Uint8Array.of(...PREFACE, 0, 0, 0, 0)), 13],
    ["a gigabyte", (peer) => peer.raw(Uint8Array.of(...PREFACE, 0x40, 0, 0, 0)), 13],
    ["a message before HELLO", (peer) => {
      peer.raw(PREFACE);
      peer.send(msg(1, "1"));
    }, 2],
    ["version 2 in HELLO", (peer) => peer.hello({ version: 2 }), 3],
    ["ourselves", (peer) => peer.hello({ node: "0".repeat(31) + "1" }), 15],
    ["somebody else expected", (peer) => peer.hello({ to: id("7") }), 4],
  ];
  for (const [what, act, code] of cases) {
    const bench = new Bench();
    const peer = new FakePeer(bench);
    act(peer);
    assert.equal(closedWith(peer), code, what);
    bench.pass(3_000);
    assert.ok(bench.closed.has(peer.connection), `${what}: the connection ends`);
    assert.equal(bench.piot.links().length, 0, what);
  }
});

Deno.test("unknown frames above 15 are passed over, others are an error", () => {
  const { bench, peer } = opened();
  const frame = (type: number) => Uint8Array.of(0, 0, 0, type < 24 ? 3 : 4, 0x82, type, 0xa0);
  peer.raw(frame(20));
  assert.deepEqual(peer.frames(), []);
  peer.raw(frame(13));
  assert.equal(closedWith(peer), CloseCode.Protocol);
  assert.equal(bench.kinds().at(-1), "sessionDown");
});

Deno.test("a silent handshake ends after ten seconds, a slow one after thirty", () => {
  const bench = new Bench();
  const peer = new FakePeer(bench);
  bench.pass(9_999);
  assert.deepEqual(peer.frames(), []);
  bench.pass(1);
  assert.equal(closedWith(peer), CloseCode.Timeout);
});

Deno.test("an idle peer is asked for a sign of life, and given up 30 s later", () => {
  const { bench, peer } = opened();
  bench.pass(15_000);
  assert.equal(peer.only("ping").token, 1);
  peer.send({ frame: "pong", token: 1 });
  bench.pass(15_000);
  assert.equal(peer.only("ping").token, 2);
  bench.pass(29_999);
  assert.deepEqual(peer.frames(), []);
  bench.pass(1);
  assert.equal(closedWith(peer), CloseCode.Timeout);
});

Deno.test("a peer that never confirms is given up, and hears it all again", () => {
  const { bench, peer } = opened();
  const first = sent(bench, peer, "one");
  for (let i = 0; i < 9; i++) {
    bench.pass(1_000);
    peer.send({ frame: "ping", token: i });
  }
  peer.frames();
  bench.pass(1_000);
  assert.equal(closedWith(peer), CloseCode.Timeout);
  bench.piot.closed(bench.now, peer.connection);
  const again = new FakePeer(bench);
  again.open();
  const [repeated] = again.frames() as FrameOf<"msg">[];
  assert.deepEqual([repeated?.id, repeated?.body], [first.id, first.body]);
});

Deno.test("a half-open connection is taken over by a newer one", () => {
  const { bench, peer } = opened();
  const newer = new FakePeer(bench);
  newer.open();
  assert.equal(closedWith(peer), CloseCode.Superseded);
  assert.equal(bench.piot.links()[0]?.state, "up");
});

Deno.test("a full disk: the send is refused, nothing is half-written, and later all goes on", () => {
  const { bench, peer } = opened();
  const before = bench.disk.copy();
  bench.disk.full = true;
  const outcomes: unknown[] = [];
  bench.piot.send(
    bench.now,
    { peer: PEER },
    { header: { kind: 0 }, body: body("lost") },
    (error) => outcomes.push(error),
  );
  bench.piot.flush(bench.now);
  assert.equal(outcomes.length, 1);
  assert.match(String(outcomes[0]), /disk full/);
  assert.deepEqual(bench.disk.copy(), before);
  assert.equal(bench.piot.outbox().length, 0);
  assert.deepEqual(peer.frames().filter(({ frame }) => frame === "msg"), []);
  assert.ok(bench.closed.has(peer.connection), "what was not stored is not confirmed either");
  bench.disk.full = false;
  const again = new FakePeer(bench);
  again.open();
  assert.equal(sent(bench, again, "kept").seq, 1);
});

Deno.test("a stored message without a header is found at the start, not when messages are listed", () => {
  const { bench, peer } = opened();
  peer.send(msg(1, "1"));
  const [key] = [...bench.disk.scan("")].find(([key]) => key.includes("/i/")) ?? [];
  assert.ok(key);
  const headless = { id: id("1"), header: Uint8Array.of(0xa0), body: body("1"), received: 1 };
  bench.disk.commit(new Map([[key, receivedRecord.encode(headless)]]));
  const random = new Random(1);
  const start = () =>
    new Piot({
      id: "0".repeat(31) + "1",
      name: "node",
      config: DEFAULTS,
      store: bench.disk,
      random,
      randomBytes: (length) => random.bytes(length),
      wall: () => 1,
      output: { dial() {}, write() {}, close() {}, event() {} },
    }, 0);
  assert.throws(start, WireError);
});
