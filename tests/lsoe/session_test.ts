/** The table of §5, row by row, and what follows from closing, opening and time. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  type AckPdu,
  type Encapsulation,
  encodeDatagram,
  type LsoeEvent,
  type LsoeHooks,
  type OpenPdu,
  type Pdu,
  PduType,
  type VendorPdu,
} from "../../lib/lsoe/mod.ts";
import { type Deed, ETH1, Lone, type LoneOptions, NEAREST_BRIDGE } from "./lone.ts";

const PEER = 0x0200_0000_0b01;
const OTHER = 0x0200_0000_0c01;
const PEER_ID = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 11, 2);
const NONE = new Uint8Array(0);
const HELLO: Pdu = { type: PduType.Hello };
const KEEPALIVE: Pdu = { type: PduType.KeepAlive };

const open = (nonce: number, rest: Partial<OpenPdu> = {}): OpenPdu => ({
  type: PduType.Open,
  nonce,
  id: PEER_ID,
  attributes: NONE,
  authentication: NONE,
  ...rest,
});

const ack = (acknowledged: AckPdu["acknowledged"], errorType = 0, errorCode = 0): AckPdu => ({
  type: PduType.Ack,
  acknowledged,
  errorType,
  errorCode,
  errorHint: 0,
});

const ipv4 = (...addresses: string[]): Pdu => ({
  type: PduType.Ipv4,
  encapsulations: addresses.map((address): Encapsulation => ({
    flags: 0,
    address,
    prefixLength: 24,
  })),
});

const vendor: VendorPdu = {
  type: PduType.Vendor,
  enterprise: 9,
  enterpriseType: 1,
  data: Uint8Array.of(120),
};

/** A machine with an open session whose lists are all acknowledged. */
function opened(options: LoneOptions = {}, nonce = 7): Lone {
  const lone = new Lone(options);
  reopen(lone, nonce);
  return lone;
}

function reopen(lone: Lone, nonce: number): void {
  lone.receive(PEER, open(nonce));
  for (const type of [1, 4, 5, 6, 7] as const) lone.receive(PEER, ack(type));
  strictEqual(lone.lsoe.sessions()[0]?.state, "open");
  lone.take();
}

/** The nonce of the last OPEN among these. */
function nonceIn(pdus: readonly Pdu[]): number | undefined {
  const last = pdus.findLast(({ type }) => type === PduType.Open);
  return last?.type === PduType.Open ? last.nonce : undefined;
}

const events = (deeds: readonly Deed[]): LsoeEvent[] =>
  deeds.flatMap((deed) => deed.kind === "event" ? [deed.event] : []);
const kinds = (deeds: readonly Deed[]) =>
  deeds.map((deed) =>
    deed.kind === "sent"
      ? deed.to === NEAREST_BRIDGE ? "HELLO" : `PDU ${deed.pdu.type}`
      : deed.kind === "event"
      ? deed.event.kind
      : deed.kind === "report"
      ? `report ${deed.report.pdu_type}`
      : deed.kind
  );

Deno.test("lsoe: HELLO makes a session and an OPEN; at an open session, a KEEPALIVE", () => {
  const lone = new Lone();
  deepStrictEqual(kinds(lone.take()), ["join", "HELLO"]);
  lone.receive(PEER, HELLO);
  lone.receive(PEER, HELLO);
  deepStrictEqual(lone.sentTo(PEER).map(({ type }) => type), [PduType.Open]);
  strictEqual(lone.lsoe.sessions()[0]?.state, "opening");
  lone.receive(PEER, ack(1));
  strictEqual(lone.lsoe.sessions()[0]?.state, "half");
  lone.receive(PEER, open(1));
  lone.take();
  lone.receive(PEER, HELLO);
  // Should the peer have started anew, he takes it as a reason to open.
  deepStrictEqual(kinds(lone.take()), ["PDU 2"]);
  strictEqual(lone.lsoe.sessions()[0]?.state, "open");
});

Deno.test("lsoe: only HELLO, OPEN and KEEPALIVE make a session", () => {
  const lone = new Lone();
  lone.take();
  for (const pdu of [ack(1), ack(4), ipv4("10.0.0.2"), vendor]) lone.receive(PEER, pdu);
  deepStrictEqual(lone.take(), []);
  deepStrictEqual(lone.lsoe.sessions(), []);
  strictEqual(lone.lsoe.nextWake(), 60_000);
});

Deno.test("lsoe: an OPEN that comes again is acknowledged again, and changes nothing", () => {
  const lone = opened();
  const [before] = lone.lsoe.sessions();
  lone.receive(PEER, open(7, { attributes: Uint8Array.of(1) }));
  deepStrictEqual(lone.sentTo(PEER), [ack(1)]);
  strictEqual(lone.lsoe.sessions()[0], before);
});

Deno.test("lsoe: a restart is followed once a second; other OPENs get no answer", () => {
  const lone = opened();
  lone.receive(PEER, open(8));
  const deeds = lone.take();
  deepStrictEqual(kinds(deeds), [
    "report 4",
    "report 5",
    "report 6",
    "report 7",
    "closed",
    "PDU 3",
    "PDU 1",
    "HELLO",
  ]);
  // Who is somebody else now is not followed so soon.
  lone.run(999);
  const other = { id: new Uint8Array(10).fill(9) };
  lone.receive(PEER, open(9, other));
  const [rejected] = events(lone.take());
  strictEqual(rejected?.kind, "rejected");
  strictEqual(lone.lsoe.counters.refused, 1);
  lone.run(1_000);
  lone.take();
  lone.receive(PEER, open(9, other));
  deepStrictEqual(kinds(lone.take()), ["closed", "PDU 3", "PDU 1", "HELLO"]);
});

Deno.test("lsoe: soon after a restart, another OPEN is the answer to ours, and no restart", () => {
  const lone = opened();
  lone.receive(PEER, open(8));
  const nonce = nonceIn(lone.sentTo(PEER));
  // He had not restarted, and answers our new nonce with one of his own.
  lone.receive(PEER, ack(1));
  lone.take();
  lone.receive(PEER, open(9));
  // Should he have restarted after all, our OPEN is news to him: it comes again, with its nonce.
  const answer = lone.sentTo(PEER);
  deepStrictEqual(answer.map(({ type }) => type), [3, 1]);
  strictEqual(nonceIn(answer), nonce);
  lone.receive(PEER, ack(1));
  // Whatever he had heard before went to somebody else.
  deepStrictEqual(lone.sentTo(PEER).map(({ type }) => type), [4, 5, 6, 7]);
  strictEqual(lone.lsoe.sessions()[0]?.state, "open");
  // One answer a second.
  lone.receive(PEER, open(10));
  strictEqual(events(lone.take())[0]?.kind, "rejected");
  lone.run(1_000);
  lone.take();
  lone.receive(PEER, open(10));
  deepStrictEqual(kinds(lone.take()), ["PDU 3", "PDU 1"]);
});

Deno.test("lsoe: each attempt has a nonce of its own; a retransmission has not", () => {
  const lone = new Lone();
  lone.receive(PEER, HELLO);
  lone.run(7_000);
  lone.receive(PEER, HELLO);
  const nonces = lone.sentTo(PEER).map((pdu) => pdu.type === PduType.Open ? pdu.nonce : -1);
  strictEqual(nonces.length, 4);
  strictEqual(new Set(nonces).size, 2);
  strictEqual(lone.lsoe.counters.retransmissions, 2);
});

Deno.test("lsoe: an OPEN with authentication is refused where nobody can check it", () => {
  const lone = new Lone();
  lone.take();
  lone.receive(PEER, open(1, { authentication: Uint8Array.of(1) }));
  const deeds = lone.take();
  deepStrictEqual(kinds(deeds), ["PDU 3", "rejected"]);
  deepStrictEqual(deeds[0]?.kind === "sent" && deeds[0].pdu, ack(1, 3, 2));
  deepStrictEqual(lone.lsoe.sessions(), []);
});

Deno.test("lsoe: whoever cannot authenticate does not end the session of one who could", () => {
  const authenticator = {
    sign: () => Uint8Array.of(42),
    verify: (_id: Uint8Array, _nonce: number, data: Uint8Array) => data[0] === 43,
  };
  const lone = new Lone({ hooks: { authenticator } });
  lone.take();
  lone.receive(PEER, open(1, { authentication: Uint8Array.of(43) }));
  const [, ours] = lone.sentTo(PEER);
  deepStrictEqual(ours?.type === PduType.Open && ours.authentication, Uint8Array.of(42));
  lone.receive(PEER, ack(1));
  lone.take();
  lone.receive(PEER, open(2));
  deepStrictEqual(kinds(lone.take()), ["PDU 3", "error", "rejected"]);
  strictEqual(lone.lsoe.sessions()[0]?.state, "open");
});

Deno.test("lsoe: what hooks throw is told, and goes no further", () => {
  const fail = () => {
    throw new Error("no");
  };
  const hooks: LsoeHooks = { ack: fail, vendor: new Map([[9, fail]]) };
  const lone = opened({ hooks });
  lone.receive(PEER, vendor);
  deepStrictEqual(kinds(lone.take()), ["PDU 3", "hookFailed"]);
  strictEqual(lone.lsoe.counters.hookFailures, 6);
  // An authenticator that throws accepts nothing, and one that says too much says nothing.
  const authenticator = { sign: () => new Uint8Array(70_000), verify: fail };
  const strict = new Lone({ hooks: { authenticator } });
  strict.receive(PEER, HELLO);
  const [ours] = strict.sentTo(PEER);
  strictEqual(ours?.type === PduType.Open && ours.authentication.length, 0);
  strict.receive(PEER, open(1));
  deepStrictEqual(strict.sentTo(PEER), [ack(1, 3, 2)]);
});

Deno.test("lsoe: the ACK hook hears of outstanding PDUs only, before they are cleared", () => {
  const heard: number[] = [];
  const hooks: LsoeHooks = {
    ack: (session, { acknowledged }) => {
      heard.push(acknowledged);
      if (acknowledged === 1) strictEqual(session.state, "half");
    },
  };
  const lone = opened({ hooks });
  lone.receive(PEER, ack(4));
  deepStrictEqual(heard, [1, 4, 5, 6, 7]);
});

Deno.test("lsoe: a warning is told and taken as an ACK", () => {
  const lone = opened();
  lone.lsoe.announce(0, ETH1.index, 4, [{ flags: 0, address: "10.0.0.1", prefixLength: 24 }]);
  lone.take();
  lone.receive(PEER, ack(4, 1, 1));
  deepStrictEqual(kinds(lone.take()), ["error"]);
  lone.run(5_000);
  deepStrictEqual(lone.sentTo(PEER).map(({ type }) => type), [2, 2, 2, 2, 2]);
});

Deno.test("lsoe: asked to restart, it closes, and opens again after the initial interval", () => {
  const lone = new Lone();
  lone.receive(PEER, HELLO);
  lone.take();
  lone.receive(PEER, ack(1, 2, 1));
  deepStrictEqual(kinds(lone.take()), ["error", "closed", "HELLO"]);
  // The peer's HELLO does not hurry it; its OPEN is acknowledged meanwhile.
  lone.run(500);
  lone.receive(PEER, HELLO);
  lone.receive(PEER, open(3));
  deepStrictEqual(lone.sentTo(PEER), [ack(1)]);
  lone.run(999.9);
  deepStrictEqual(lone.take(), []);
  lone.run(1_000);
  deepStrictEqual(kinds(lone.take()), ["PDU 1"]);
  lone.receive(PEER, ack(1));
  strictEqual(lone.lsoe.sessions()[0]?.state, "open");
});

Deno.test("lsoe: a hopeless peer is refused for hopeless-hold", () => {
  const lone = opened();
  lone.lsoe.announce(0, ETH1.index, 4, [{ flags: 0, address: "10.0.0.1", prefixLength: 24 }]);
  lone.take();
  lone.frame(PEER, encodeDatagram({ last: false, number: 0, payload: Uint8Array.of(4) }));
  strictEqual(lone.lsoe.sizes.partials, 1);
  lone.receive(PEER, ack(4, 3, 2));
  strictEqual(lone.lsoe.sizes.partials, 0);
  deepStrictEqual(kinds(lone.take()).slice(-3), ["report 7", "closed", "hopeless"]);
  lone.run(59_999);
  lone.take();
  for (const pdu of [HELLO, KEEPALIVE, open(8)]) lone.receive(PEER, pdu);
  deepStrictEqual(lone.take(), []);
  // Others are not concerned.
  lone.receive(OTHER, HELLO);
  strictEqual(lone.sentTo(OTHER).length, 1);
  lone.run(60_000);
  lone.take();
  lone.receive(PEER, open(8));
  deepStrictEqual(lone.sentTo(PEER).map(({ type }) => type), [3, 1]);
});

Deno.test("lsoe: our own address at the peer is a warning with its place, and reported", () => {
  const lone = opened({
    interfaces: [{ ...ETH1, addresses: ["10.0.0.1/24", "2001:DB8::0:1/64"] }],
  });
  lone.receive(PEER, ipv4("10.0.0.2", "10.0.0.1", "10.0.0.3"));
  const deeds = lone.take();
  deepStrictEqual(kinds(deeds), ["PDU 3", "error", "report 4", "learned", "linkUp"]);
  deepStrictEqual(deeds[0]?.kind === "sent" && deeds[0].pdu, {
    ...ack(4, 1, 1),
    errorHint: 1,
  });
  lone.receive(PEER, {
    type: PduType.Ipv6,
    encapsulations: [{ flags: 0, address: "2001:db8::1", prefixLength: 128 }],
  });
  const [answer] = lone.sentTo(PEER);
  strictEqual(answer?.type === PduType.Ack && answer.errorCode, 1);
});

Deno.test("lsoe: the same list again is acknowledged and reported, but is no news", () => {
  const lone = opened();
  lone.receive(PEER, ipv4("10.0.0.2"));
  deepStrictEqual(kinds(lone.take()), ["PDU 3", "report 4", "learned"]);
  lone.receive(PEER, ipv4("10.0.0.2"));
  deepStrictEqual(kinds(lone.take()), ["PDU 3", "report 4"]);
});

Deno.test("lsoe: VENDOR goes to the hook of its number after the ACK, and is sent as other PDUs", () => {
  const lone: Lone = opened({
    hooks: {
      vendor: new Map([[9, (session, pdu) => {
        strictEqual(lone.deeds.length, 1);
        strictEqual(session.state, "open");
        deepStrictEqual(pdu, vendor);
        called++;
      }]]),
    },
  });
  let called = 0;
  lone.receive(PEER, vendor);
  lone.receive(PEER, { ...vendor, enterprise: 10 });
  strictEqual(called, 1);
  lone.take();
  const [session] = lone.lsoe.sessions();
  const send = (octet: number) =>
    lone.lsoe.sendVendor(lone.now, session?.id ?? 0, 9, 1, Uint8Array.of(octet));
  // All of them, in order: one on its way, sixteen that wait.
  for (let i = 0; i < 17; i++) ok(send(i));
  ok(!send(17));
  lone.run(1_000);
  for (let i = 0; i < 20; i++) lone.receive(PEER, ack(255));
  const sent = lone.sentTo(PEER).flatMap((pdu) => pdu.type === 255 ? [pdu.data[0]] : []);
  deepStrictEqual(sent, [0, 0, ...Array.from({ length: 16 }, (_, i) => i + 1)]);
  strictEqual(lone.lsoe.sendVendor(lone.now, 99, 9, 1, NONE), false);
});

Deno.test("lsoe: for an unpatched lsoed there is no VENDOR, and no MPLS", () => {
  const lone = new Lone({
    config: { compatLsoed: true },
    interfaces: [{ ...ETH1, addresses: ["10.0.0.1/24"] }],
  });
  lone.lsoe.setLabels(0, [{ prefix: "10.0.0.1/24", labels: [0x641] }]);
  lone.receive(PEER, open(1));
  lone.receive(PEER, ack(1));
  const lists = lone.sentTo(PEER).flatMap((pdu) => "encapsulations" in pdu ? [pdu] : []);
  deepStrictEqual(lists.map(({ encapsulations }) => encapsulations.length), [1, 0, 0, 0]);
  strictEqual(lone.lsoe.sendVendor(0, lone.lsoe.sessions()[0]?.id ?? 0, 9, 1, NONE), false);
});

Deno.test("lsoe: any PDU is a sign of life; 0 waits for ever", () => {
  const config = { keepaliveReceiveTimeout: 3_000 };
  const lone = opened({ config });
  for (const pdu of [HELLO, ack(7), ipv4(), vendor, KEEPALIVE, open(7)]) {
    lone.run(lone.now + 2_900);
    lone.receive(PEER, pdu);
  }
  lone.run(lone.now + 2_999);
  strictEqual(lone.lsoe.sessions().length, 1);
  lone.run(lone.now + 1);
  strictEqual(lone.lsoe.sessions().length, 0);
  const patient = opened({ config: { keepaliveReceiveTimeout: 0 } });
  patient.run(10_000_000);
  strictEqual(patient.lsoe.sessions().length, 1);
});

Deno.test("lsoe: due at one moment: silence, what was sent first, KEEPALIVE", () => {
  const lone = new Lone({ config: { keepaliveReceiveTimeout: 3_000 } });
  lone.receive(PEER, open(1));
  lone.receive(PEER, ack(1));
  lone.take();
  lone.run(1_000);
  deepStrictEqual(lone.sentTo(PEER).map(({ type }) => type), [4, 5, 6, 7, 2]);
  lone.run(3_000);
  deepStrictEqual(kinds(lone.take()), [
    "PDU 2",
    "report 4",
    "report 5",
    "report 6",
    "report 7",
    "closed",
    "HELLO",
  ]);
});

Deno.test("lsoe: after a long sleep one wake is enough for each timer", () => {
  const lone = opened({ config: { keepaliveReceiveTimeout: 0 } });
  lone.lsoe.wake(1_000_000);
  deepStrictEqual(kinds(lone.take()).sort(), ["HELLO", "PDU 2"]);
  strictEqual(lone.lsoe.nextWake(), 1_001_000);
});

Deno.test("lsoe: a peer that takes our OPEN and sends none is given up", () => {
  const lone = new Lone();
  lone.receive(PEER, HELLO);
  lone.receive(PEER, ack(1));
  lone.take();
  lone.run(7_999);
  deepStrictEqual(lone.take(), []);
  lone.run(8_000);
  deepStrictEqual(kinds(lone.take()), ["closed", "HELLO"]);
});

Deno.test("lsoe: teardown takes back what was announced, once, and then nothing happens any more", () => {
  const lone = opened({ interfaces: [{ ...ETH1, addresses: ["10.0.0.1/24"] }] });
  lone.receive(OTHER, HELLO);
  lone.take();
  lone.lsoe.teardown(0);
  const deeds = lone.take();
  deepStrictEqual(kinds(deeds), [
    "PDU 4",
    "report 4",
    "report 5",
    "report 6",
    "report 7",
    "closed",
    "closed",
    "leave",
  ]);
  deepStrictEqual(deeds[0]?.kind === "sent" && deeds[0].pdu, ipv4());
  strictEqual(lone.lsoe.nextWake(), Infinity);
  lone.lsoe.setInterfaces(0, [ETH1]);
  lone.receive(PEER, HELLO);
  lone.lsoe.setLabels(0, []);
  lone.lsoe.announce(0, ETH1.index, 4, []);
  lone.lsoe.wake(100_000);
  lone.lsoe.teardown(100_000);
  deepStrictEqual(lone.take(), []);
});

Deno.test("lsoe: a view stays the same object while nothing changes", () => {
  const lone = opened();
  const [before] = lone.lsoe.sessions();
  lone.receive(PEER, KEEPALIVE);
  lone.run(10_000);
  lone.lsoe.setInterfaces(lone.now, [{ ...ETH1 }]);
  strictEqual(lone.lsoe.sessions()[0], before);
  lone.receive(PEER, ipv4("10.0.0.2"));
  ok(lone.lsoe.sessions()[0] !== before);
});
