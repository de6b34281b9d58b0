/** The table of §5, row by row, and what follows from closing, opening and time. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { encodeDatagram, PduType } from "../../lib/lsoe/mod.ts";
import { ETH1, Lone } from "./lone.ts";
import {
  ack,
  events,
  HELLO,
  ipv4,
  KEEPALIVE,
  kinds,
  nonceIn,
  open,
  opened,
  OTHER,
  PEER,
  vendor,
} from "./opened.ts";

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
