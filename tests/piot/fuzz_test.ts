import assert from "node:assert/strict";
import { Random } from "../../lib/core/mod.ts";
import { encodeFrame, encodeHeader, type Frame, PREFACE } from "../../lib/piot/mod.ts";
import { Bench, FakePeer, PEER } from "./fake_peer.ts";

const ROUNDS = 400;

/** A frame of any type, whose fields are sometimes those that would fit. */
function anyFrame(random: Random): Frame {
  const id = () => random.chance(0.5) ? PEER : random.bytes(16).toHex();
  const epoch = () => random.chance(0.5) ? "e".repeat(16) : random.bytes(8).toHex();
  const uint = () => random.chance(0.7) ? random.below(6) : random.below(2 ** 32) * 1_000;
  const bytes = () =>
    random.chance(0.5)
      ? encodeHeader({ kind: random.below(17) % 5 ? 0 : 15 })
      : random.bytes(random.below(40));
  const yes = () => random.chance(0.5);
  return random.pick<() => Frame>([
    () => ({
      frame: "hello",
      version: random.chance(0.9) ? 1 : uint(),
      node: id(),
      name: "x",
      boot: epoch(),
      nonce: id(),
      inherit: yes(),
      ...(yes() && { maxFrame: uint(), idle: uint() }),
      ...(yes() && { auth: uint() % 2, features: ["ordered-ids"] }),
    }),
    () => ({ frame: "auth", proof: random.bytes(32) }),
    () => ({ frame: "linkRequest", wanted: [] }),
    () => ({ frame: "linkInfo", name: random.pick(["", "x", "node"]), addresses: ["a:1"] }),
    () => ({ frame: "linkAccept", link: id(), created: yes(), name: "x" }),
    () => ({
      frame: "resume",
      inherit: random.chance(0.9),
      txEpoch: epoch(),
      lastSeq: uint(),
      rxEpoch: yes() ? null : epoch(),
      rxSeq: uint(),
      held: uint(),
      waiting: [id()],
      running: [],
    }),
    () => ({ frame: "ready", outcome: random.below(4), txEpoch: epoch(), firstSeq: uint() }),
    () => ({ frame: "msg", seq: uint(), id: id(), header: bytes(), body: bytes() }),
    () => ({
      frame: "confirm",
      seq: uint(),
      id: id(),
      length: uint(),
      hash: uint(),
      status: random.below(4),
    }),
    () => ({ frame: "ping", token: uint() }),
    () => ({ frame: "pong", token: uint() }),
    () => ({ frame: "close", code: uint(), resumable: yes() }),
  ])();
}

Deno.test(`${ROUNDS} peers that send anything in any order: the node lives, and stays small`, () => {
  const bench = new Bench({ maxLinks: 50 });
  const random = new Random(11);
  const counts = { sessions: 0, frames: 0 };
  for (let round = 0; round < ROUNDS; round++) {
    const peer = new FakePeer(bench);
    if (random.chance(0.6)) {
      // Deep into the protocol first, as far as that goes with what happened before.
      try {
        peer.open();
        counts.sessions++;
      } catch (error) {
        assert.ok(error instanceof assert.AssertionError, String(error));
      }
    } else peer.raw(PREFACE);
    for (let i = random.below(30); i > 0; i--) {
      const frame = encodeFrame(anyFrame(random));
      if (random.chance(0.1)) frame[random.below(frame.length)] = random.below(256);
      peer.raw(frame);
      counts.frames++;
      if (random.chance(0.1)) bench.pass(random.below(20_000));
      if (random.chance(0.1)) {
        try {
          bench.piot.send(bench.now, { peer: PEER }, { header: { kind: 0 }, body: frame });
        } catch (error) {
          assert.match(String(error), /full|blocked|parts/);
        }
      }
    }
    bench.piot.closed(bench.now, peer.connection);
    bench.piot.flush(bench.now);
  }
  assert.ok(bench.piot.links().length <= 50);
  assert.ok(counts.sessions > ROUNDS / 10 && counts.frames > 1_000, JSON.stringify(counts));
  assert.ok(bench.disk.size < 5_000, `${bench.disk.size} records`);
});
