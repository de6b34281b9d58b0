/** Whatever frames come, in whatever order, between whatever changes of interfaces. */
import { ok, strictEqual } from "node:assert/strict";
import { Random } from "../../lib/core/mod.ts";
import { encodeDatagrams, encodePdu, PduType } from "../../lib/lsoe/mod.ts";
import type { Mac } from "../../lib/wire/mac.ts";
import { mutate, readCorpus } from "../fuzz/fuzz.ts";
import { ETH1, Lone } from "./lone.ts";

const ETH2 = { ...ETH1, index: 3, name: "eth2", mac: "02:00:00:00:0a:02" };
const STATIONS = 8;
const SEED = Number(Deno.env.get("FUZZ_SEED") ?? 4);
const ITERATIONS = Number(Deno.env.get("FUZZ_ITERATIONS") ?? 20_000);

const corpus = (name: string) => readCorpus(name).map(({ bytes }) => bytes);

/** Gives a machine a frame, and now and then time and other interfaces; checks what always holds. */
function torture(lone: Lone, random: Random): (frame: Uint8Array) => void {
  return (frame) => {
    if (random.chance(0.2)) lone.run(lone.now + random.below(random.chance(0.9) ? 200 : 9_000));
    if (random.chance(0.003)) {
      const eth1 = { ...ETH1, up: random.chance(0.7), mtu: random.pick([0, 8, 68, 1_500]) };
      lone.lsoe.setInterfaces(lone.now, random.chance(0.8) ? [eth1, ETH2] : [ETH2]);
    }
    const station = random.below(STATIONS);
    const source: Mac = 0x0200_0000_0b00 + station;
    const index = random.chance(0.95) ? ETH1.index + station % 2 : random.below(5);
    const packetType = random.chance(0.7) ? 0 : random.below(5);
    lone.frame(source, frame, packetType, { index });
    const { sessions, partials, macs } = lone.lsoe.sizes;
    ok(sessions <= 2 * STATIONS && partials <= 2 * STATIONS && macs <= STATIONS);
    ok(lone.lsoe.nextWake() > lone.now);
    strictEqual(lone.lsoe.sessions().length, sessions);
    lone.take();
  };
}

Deno.test(`fuzz: damaged frames leave the LSOE machine whole (seed ${SEED})`, () => {
  const lone = new Lone({ interfaces: [ETH1, ETH2] });
  const random = new Random(SEED);
  const step = torture(lone, random);
  const frames = corpus("lsoe-datagram");
  for (let i = 0; i < ITERATIONS / 4; i++) step(mutate(random, frames, 4_096));
  ok(lone.lsoe.counters.badDatagrams > ITERATIONS / 20);
});

Deno.test(`fuzz: damaged PDUs leave the LSOE machine whole (seed ${SEED})`, () => {
  const lone = new Lone({ interfaces: [ETH1, ETH2], config: { hopelessHold: 1_000 } });
  const random = new Random(SEED);
  const step = torture(lone, random);
  const pdus = corpus("lsoe-pdu");
  // What opens a session: rare by chance alone.
  const handshake = pdus.filter(([type]) => type === PduType.Open).concat(
    ([1, 4, 5, 6, 7] as const).map((acknowledged) =>
      encodePdu({ type: PduType.Ack, acknowledged, errorType: 0, errorCode: 0, errorHint: 0 })
    ),
  );
  for (let i = 0; i < ITERATIONS; i++) {
    const pdu = random.chance(0.3) ? random.pick(handshake).slice() : mutate(random, pdus, 4_096);
    if (pdu.length === 0) continue;
    if (pdu.length >= 3 && random.chance(0.8)) {
      pdu[1] = pdu.length >> 8;
      pdu[2] = pdu.length & 255;
    }
    for (const frame of encodeDatagrams(pdu, random.chance(0.9) ? 1_500 : 60)) {
      if (random.chance(0.95)) step(frame);
    }
  }
  const { counters } = lone.lsoe;
  ok(counters.sessionsOpened > ITERATIONS / 1_000, JSON.stringify(counters));
  ok(counters.badPdus > ITERATIONS / 100, JSON.stringify(counters));
  const open = lone.lsoe.sessions().filter(({ state }) => state === "open").length;
  strictEqual(counters.sessionsOpened - counters.sessionsClosed, open);
  // Left alone, it forgets all of them.
  lone.run(lone.now + 400_000);
  strictEqual(lone.lsoe.sizes.sessions + lone.lsoe.sizes.macs + lone.lsoe.sizes.partials, 0);
});
