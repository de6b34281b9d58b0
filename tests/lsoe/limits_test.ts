/** Strangers: floods, forgeries, rubbish. What is kept stays bounded, and honest peers get through. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  encodeDatagram,
  encodeDatagrams,
  encodePdu,
  type LsoeEvent,
  MAX_SESSIONS,
  type OpenPdu,
  type Pdu,
  PduType,
} from "../../lib/lsoe/mod.ts";
import { BROADCAST, type Mac, macText } from "../../lib/wire/mac.ts";
import { ETH1, Lone, NEAREST_BRIDGE } from "./lone.ts";

const PEER: Mac = 0x0200_0000_0b01;
const NONE = new Uint8Array(0);
const HELLO: Pdu = { type: PduType.Hello };
const KEEPALIVE: Pdu = { type: PduType.KeepAlive };
const open = (nonce: number): OpenPdu => ({
  type: PduType.Open,
  nonce,
  id: new Uint8Array(10),
  attributes: NONE,
  authentication: NONE,
});
const forged = (i: number): Mac => 0x0600_0000_0000 + i;
const eventsOf = (lone: Lone, kind: LsoeEvent["kind"]) =>
  lone.deeds.flatMap((deed) =>
    deed.kind === "event" && deed.event.kind === kind ? [deed.event] : []
  );

Deno.test("lsoe: 10 000 forged stations: 64 sessions, 4 096 MAC addresses, a bounded rest", () => {
  const lone = new Lone();
  const long = encodePdu({
    type: PduType.Vendor,
    enterprise: 1,
    enterpriseType: 1,
    data: new Uint8Array(4_000),
  });
  const fragments = encodeDatagrams(long, 1_500);
  let told = 0;
  for (let i = 0; i < 10_000; i++) {
    lone.run(i / 10);
    lone.receive(forged(i), [HELLO, KEEPALIVE, open(i)][i % 3] as Pdu);
    lone.frame(forged(i), fragments[i % 2] as Uint8Array);
    told += lone.take().filter((deed) => deed.kind === "event").length;
    const { sessions, macs, partials, partialBytes, held } = lone.lsoe.sizes;
    ok(sessions <= MAX_SESSIONS && macs <= 4_096 && partials <= 4_096 && held === 0);
    ok(partialBytes <= 8 * 1024 * 1024);
  }
  strictEqual(lone.lsoe.sizes.sessions, MAX_SESSIONS);
  strictEqual(lone.lsoe.counters.refused, 10_000 - MAX_SESSIONS);
  ok(told <= 64, `${told} events`);
  // Then the flood ends. What it left dies, and the HELLO of its end finds the honest peer.
  lone.run(10_000);
  deepStrictEqual(lone.lsoe.sessions(), []);
  strictEqual(lone.lsoe.sizes.partials, 0);
  ok(lone.take().some((deed) => deed.kind === "sent" && deed.to === NEAREST_BRIDGE));
  lone.receive(PEER, open(1));
  strictEqual(lone.lsoe.sizes.sessions, 1);
  lone.run(400_000);
  deepStrictEqual(lone.lsoe.sizes, {
    sessions: 0,
    macs: 0,
    partials: 0,
    partialBytes: 0,
    held: 0,
  });
});

Deno.test("lsoe: an open session outlives a flood", () => {
  const lone = new Lone();
  lone.receive(PEER, open(1));
  for (const acknowledged of [1, 4, 5, 6, 7] as const) {
    lone.receive(PEER, {
      type: PduType.Ack,
      acknowledged,
      errorType: 0,
      errorCode: 0,
      errorHint: 0,
    });
  }
  for (let i = 0; i < 20_000; i++) {
    lone.run(i);
    if (i % 1_000 === 0) lone.receive(PEER, KEEPALIVE);
    lone.receive(forged(i), open(i));
    lone.take();
  }
  strictEqual(lone.lsoe.sessions().filter(({ state }) => state === "open").length, 1);
});

Deno.test("lsoe: a storm of OPENs with new nonces is one answer a second", () => {
  const lone = new Lone();
  for (let i = 0; i < 10_000; i++) {
    lone.run(i);
    lone.receive(PEER, open(i));
  }
  // Closed where it seemed to restart, and where our OPEN was never acknowledged.
  strictEqual(eventsOf(lone, "closed").length, 3);
  strictEqual(eventsOf(lone, "rejected").length, 1);
  strictEqual(lone.lsoe.sizes.sessions, 1);
  const sent = lone.deeds.filter((deed) => deed.kind === "sent").length;
  ok(sent < 60, `${sent} PDUs sent`);
});

Deno.test("lsoe: malformed PDUs are counted, told once a minute a station, and answered by nothing", () => {
  const lone = new Lone();
  lone.take();
  const bad = [Uint8Array.of(8, 0, 3), Uint8Array.of(1, 0, 6, 1, 2, 3), Uint8Array.of(2, 0, 4)];
  for (let second = 0; second < 120; second++) {
    lone.run(second * 1_000);
    for (const bytes of bad) lone.receive(PEER, bytes);
  }
  strictEqual(lone.lsoe.counters.badPdus, 360);
  const rejected = eventsOf(lone, "rejected");
  strictEqual(rejected.length, 2);
  deepStrictEqual(rejected[0], {
    kind: "rejected",
    mac: macText(PEER),
    interface: "eth1",
    reason: "malformed PDU: PDU type 8 is reserved (octet 0)",
  });
  ok(lone.deeds.every((deed) => deed.kind !== "sent" || deed.to === NEAREST_BRIDGE));
  deepStrictEqual(lone.lsoe.sessions(), []);
  // Many stations do not make many words.
  for (let i = 0; i < 1_000; i++) lone.receive(forged(i), bad[0] as Uint8Array);
  ok(eventsOf(lone, "rejected").length <= 2 + 64);
});

Deno.test("lsoe: HELLO only to many, all else only to us; not from groups, nor from ourselves", () => {
  const lone = new Lone();
  lone.take();
  for (const type of [0, 3, 4, 5]) lone.receive(PEER, HELLO, { type });
  for (const pdu of [KEEPALIVE, open(1)]) {
    for (const type of [1, 2, 3, 4]) lone.receive(PEER, pdu, { type });
  }
  for (const mac of [0, BROADCAST, NEAREST_BRIDGE, 0x0200_0000_0a01]) lone.receive(mac, HELLO);
  lone.receive(PEER, HELLO, { index: 7 });
  // A piece of a PDU cannot be for many.
  lone.frame(PEER, encodeDatagram({ last: false, number: 0, payload: NONE }), 2);
  deepStrictEqual(lone.take(), []);
  strictEqual(lone.lsoe.sizes.partials, 0);
  for (const type of [1, 2]) lone.receive(forged(type), HELLO, { type });
  strictEqual(lone.lsoe.sizes.sessions, 2);
});

Deno.test("lsoe: a station that turns up elsewhere is not heard until its session is gone", () => {
  const eth2 = { ...ETH1, index: 3, name: "eth2", mac: "02:00:00:00:0a:02" };
  const lone = new Lone({ interfaces: [ETH1, eth2] });
  lone.receive(PEER, HELLO);
  lone.take();
  for (let i = 0; i < 100; i++) lone.receive(PEER, HELLO, { index: 3 });
  strictEqual(lone.lsoe.counters.macMoves, 100);
  deepStrictEqual(lone.take().map((deed) => deed.kind === "event" && deed.event), [
    { kind: "macMoved", mac: macText(PEER), from: "eth1", to: "eth2" },
  ]);
  lone.run(7_000);
  lone.receive(PEER, HELLO, { index: 3 });
  deepStrictEqual(lone.lsoe.sessions().map((session) => session.interface), ["eth2"]);
});

Deno.test("lsoe: what silent peers left makes room for peers that are there", () => {
  const lone = new Lone({ config: { keepStateOnTimeout: true, keepaliveReceiveTimeout: 2_000 } });
  for (let i = 0; i < MAX_SESSIONS; i++) {
    lone.receive(forged(i), open(i));
    for (const acknowledged of [1, 4, 5, 6, 7] as const) {
      lone.receive(forged(i), {
        type: PduType.Ack,
        acknowledged,
        errorType: 0,
        errorCode: 0,
        errorHint: 0,
      });
    }
  }
  lone.run(100_000);
  ok(lone.lsoe.sessions().every(({ stale }) => stale));
  strictEqual(lone.lsoe.sizes.sessions, MAX_SESSIONS);
  lone.take();
  lone.receive(PEER, HELLO);
  strictEqual(lone.lsoe.sizes.sessions, MAX_SESSIONS);
  strictEqual(lone.deeds.filter((deed) => deed.kind === "report").length, 4);
  strictEqual(lone.sentTo(PEER).length, 1);
});
