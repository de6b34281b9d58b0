import assert from "node:assert/strict";
import fc from "fast-check";
import { Random } from "../../lib/core/mod.ts";
import { type Datagram, decodeDatagram, encodeDatagrams, Reassembly } from "../../lib/lsoe/mod.ts";
import { writeU16 } from "../../lib/wire/mod.ts";

const A = 0x02_00_00_00_0b_01;
const B = A + 1;
const WINDOWS = { timeout: 1_000, reorderWindow: 100 };

/** A VENDOR PDU of this length, with octets that tell it from others. */
function pduOf(length: number, seed = 1): Uint8Array {
  const pdu = new Random(seed).bytes(length);
  pdu[0] = 255;
  writeU16(pdu, 1, length);
  return pdu;
}

function pieces(pdu: Uint8Array, max = 108): Datagram[] {
  return encodeDatagrams(pdu, max).map((frame) => decodeDatagram(frame) as Datagram);
}

/** What a reassembly gives for these, 1 ms apart. */
function feed(reassembly: Reassembly, datagrams: readonly Datagram[], from = 0): Uint8Array[] {
  return datagrams.flatMap((each, i) => reassembly.receive(from + i, 1, A, each) ?? []);
}

Deno.test("a PDU comes together in any order, doubled pieces or not", () => {
  const pdu = pduOf(700);
  const parts = pieces(pdu);
  const order = fc.shuffledSubarray([...parts.keys()], { minLength: parts.length });
  fc.assert(fc.property(order, fc.array(fc.nat(parts.length - 1)), (once, twice) => {
    const reassembly = new Reassembly(WINDOWS);
    // Copies in front and in between, and the piece that completes it last of all.
    const copies = [...twice, ...once.slice(0, -1), ...twice].filter((n) => n !== once.at(-1));
    const got = feed(reassembly, [...copies, once.at(-1)!].map((n) => parts[n]!));
    assert.deepEqual(got, [pdu]);
    assert.deepEqual([reassembly.size, reassembly.bytes, reassembly.nextWake()], [0, 0, Infinity]);
  }));
});

Deno.test("a single datagram is a PDU at once and disturbs no unfinished one", () => {
  const reassembly = new Reassembly(WINDOWS);
  const pdu = pduOf(250);
  const [first, second, third] = pieces(pdu) as [Datagram, Datagram, Datagram];
  const [keepAlive] = pieces(Uint8Array.of(2, 0, 3)) as [Datagram];
  assert.deepEqual(feed(reassembly, [first, keepAlive, second, keepAlive, third]), [
    keepAlive.payload,
    keepAlive.payload,
    pdu,
  ]);
});

Deno.test("senders and interfaces are kept apart", () => {
  const reassembly = new Reassembly(WINDOWS);
  const [one, other, third] = [1, 2, 3].map((seed) => pduOf(250, seed));
  const senders = [[1, A, one], [1, B, other], [2, A, third]] as const;
  const got = [0, 1, 2].flatMap((n) =>
    senders.map(([index, mac, pdu]) => reassembly.receive(n, index, mac, pieces(pdu!)[n]!))
  );
  assert.deepEqual(got.slice(0, 6), Array(6).fill(undefined));
  assert.deepEqual(got.slice(6), [one, other, third]);
});

Deno.test("a retransmission makes good what was lost, whichever piece it was", () => {
  const pdu = pduOf(1_000);
  const parts = pieces(pdu);
  for (const lost of parts.keys()) {
    const reassembly = new Reassembly(WINDOWS);
    feed(reassembly, parts.filter((_, n) => n !== lost));
    assert.deepEqual(feed(reassembly, parts, 1_200), [pdu], `datagram ${lost} was lost`);
    assert.equal(reassembly.size, 0);
  }
});

Deno.test("a new number 0 starts over, but for what came just before it", () => {
  const [old, fresh] = [pduOf(250, 1), pduOf(250, 2)];
  const [a, b] = [pieces(old), pieces(fresh)];
  const reassembly = new Reassembly(WINDOWS);
  reassembly.receive(0, 1, A, a[0]!);
  reassembly.receive(0, 1, A, a[2]!);
  // Its own last piece overtook it; the old one's pieces are older than the reorder window.
  reassembly.receive(150, 1, A, b[2]!);
  reassembly.receive(151, 1, A, b[0]!);
  assert.deepEqual(reassembly.receive(152, 1, A, b[1]!), fresh);
  // Right at the end of the window it still counts, and just behind it no more.
  for (const [late, want] of [[100, old], [101, undefined]] as const) {
    const again = new Reassembly(WINDOWS);
    again.receive(0, 1, A, a[1]!);
    again.receive(0, 1, A, a[2]!);
    assert.deepEqual(again.receive(late, 1, A, a[0]!), want);
  }
});

Deno.test("a piece that waited longer than the timeout does not count", () => {
  const pdu = pduOf(250);
  const [first, second, third] = pieces(pdu) as [Datagram, Datagram, Datagram];
  for (const [late, want] of [[1_000, pdu], [1_001, undefined]] as const) {
    const reassembly = new Reassembly(WINDOWS);
    reassembly.receive(0, 1, A, first);
    reassembly.receive(500, 1, A, second);
    assert.deepEqual(reassembly.receive(late, 1, A, third), want);
  }
});

Deno.test("pieces that contradict each other make no PDU", () => {
  const parts = pieces(pduOf(400));
  // Two that claim to be the last: nothing, until the false one is replaced or gone.
  const reassembly = new Reassembly(WINDOWS);
  const [first, second, ...more] = parts as [Datagram, Datagram, ...Datagram[]];
  assert.deepEqual(feed(reassembly, [first, ...more, { ...second, last: true }]), []);
  assert.deepEqual(reassembly.receive(9, 1, A, second), pduOf(400));
  // The highest that claims it counts, even where the lower ones would make a PDU.
  const [head, tail] = pieces(pduOf(200)) as [Datagram, Datagram];
  assert.deepEqual(feed(reassembly, [tail, { ...tail, number: 3 }, head]), []);
  reassembly.remove(1, A);
  // Whole, but not of the length that the PDU says.
  const wrong = pduOf(400);
  writeU16(wrong, 1, 399);
  assert.deepEqual(feed(reassembly, pieces(wrong)), []);
  assert.equal(reassembly.size, 0);
  // Too short to say a length.
  assert.deepEqual(feed(reassembly, pieces(Uint8Array.of(2, 0), 9)), []);
  const empty = new Uint8Array(0);
  const nothing = [0, 1].map((number) => ({ number, last: number === 1, payload: empty }));
  assert.deepEqual(feed(reassembly, nothing), []);
  assert.equal(reassembly.size, 0);
});

Deno.test("a sender that never ends is dropped beyond 65535 octets", () => {
  const reassembly = new Reassembly(WINDOWS);
  const payload = new Uint8Array(1_492);
  for (let round = 0; round < 10; round++) {
    for (let number = 0; number < 128; number++) {
      assert.equal(reassembly.receive(round, 1, A, { last: false, number, payload }), undefined);
      assert.ok(reassembly.bytes <= 65_535 + 128 * 256);
    }
  }
  assert.ok(reassembly.size <= 1);
});

Deno.test("one datagram sent over and over takes one slot", () => {
  const reassembly = new Reassembly(WINDOWS);
  const payload = new Uint8Array(1_492);
  for (let i = 0; i < 1_000; i++) reassembly.receive(i, 1, A, { last: false, number: 5, payload });
  assert.ok(reassembly.bytes < 2_000, `${reassembly.bytes} bytes`);
});

Deno.test("10 000 forged senders: bounded, and the oldest go", () => {
  for (const [size, maxBytes] of [[1_492, 8 * 1024 * 1024], [0, 200_000]] as const) {
    const reassembly = new Reassembly({ ...WINDOWS, maxBytes });
    const payload = new Uint8Array(size);
    for (let i = 0; i < 10_000; i++) {
      for (const number of [0, 1]) {
        reassembly.receive(i / 100, 1, B + i, { last: false, number, payload });
      }
      assert.ok(reassembly.size <= 4_096 && reassembly.bytes <= maxBytes);
    }
    assert.ok(reassembly.size > 100, "still at work");
    // The newest is whole once it ends; the oldest has to begin anew.
    const [, second] = pieces(pduOf(8 + 100));
    assert.ok(second);
    const end = (mac: number) => reassembly.receive(100, 1, mac, { ...second, number: 2 });
    const before = reassembly.size;
    end(B + 9_999);
    assert.equal(reassembly.size, before - 1);
    reassembly.wake(5_000);
    assert.deepEqual([reassembly.size, reassembly.bytes], [0, 0]);
  }
});

Deno.test("as many unfinished PDUs as are allowed, and no more", () => {
  const reassembly = new Reassembly({ ...WINDOWS, maxPartials: 3 });
  const [first, second, third] = pieces(pduOf(250)) as [Datagram, Datagram, Datagram];
  for (const mac of [1, 2, 3]) reassembly.receive(mac, 1, mac, first);
  reassembly.receive(4, 1, 1, second);
  reassembly.receive(5, 1, 4, first);
  assert.equal(reassembly.size, 3);
  // 1 spoke last, so 2 had to go.
  assert.deepEqual(reassembly.receive(6, 1, 1, third), pduOf(250));
  reassembly.receive(7, 1, 2, second);
  assert.equal(reassembly.receive(8, 1, 2, third), undefined);
});

Deno.test("a sweep leaves nothing behind, half a timeout after what it waited for", () => {
  const reassembly = new Reassembly(WINDOWS);
  assert.equal(reassembly.nextWake(), Infinity);
  const [first, second] = pieces(pduOf(250)) as [Datagram, Datagram];
  reassembly.receive(0, 1, A, first);
  reassembly.receive(700, 1, B, second);
  let now = 0;
  for (let wakes = 0; reassembly.nextWake() < Infinity; wakes++) {
    assert.ok(wakes < 10 && reassembly.nextWake() > now);
    now = reassembly.nextWake();
    reassembly.wake(now);
    assert.ok(reassembly.size === (now <= 1_000 ? 2 : now <= 1_700 ? 1 : 0), `${now} ms`);
  }
  assert.ok(now <= 700 + 1_500 + 1, `${now} ms`);
  assert.equal(reassembly.bytes, 0);
});

Deno.test("what belongs to a closed session or a lost interface is forgotten", () => {
  const reassembly = new Reassembly(WINDOWS);
  const [first] = pieces(pduOf(250)) as [Datagram];
  for (const [index, mac] of [[1, A], [1, B], [2, A]] as const) {
    reassembly.receive(0, index, mac, first);
  }
  reassembly.remove(2, B);
  assert.equal(reassembly.size, 3);
  reassembly.remove(1, A);
  assert.equal(reassembly.size, 2);
  reassembly.removeInterface(1);
  assert.equal(reassembly.size, 1);
  reassembly.removeInterface(2);
  assert.deepEqual([reassembly.size, reassembly.bytes, reassembly.nextWake()], [0, 0, Infinity]);
});

Deno.test("the frame may be used again while a datagram waits", () => {
  const reassembly = new Reassembly(WINDOWS);
  const pdu = pduOf(250);
  const got = encodeDatagrams(pdu, 108).map((frame, i) => {
    const whole = reassembly.receive(i, 1, A, decodeDatagram(frame) as Datagram);
    frame.fill(0);
    return whole;
  });
  assert.deepEqual(got.at(-1), pdu);
});

Deno.test("whatever comes: bounded, counted rightly, and nothing but whole PDUs", () => {
  const datagram = fc.record({
    wait: fc.nat(400),
    mac: fc.nat(5),
    number: fc.nat(4),
    last: fc.boolean(),
    size: fc.constantFrom(0, 1, 3, 100, 65_527),
  });
  fc.assert(fc.property(fc.array(datagram, { maxLength: 60 }), (events) => {
    const reassembly = new Reassembly({ ...WINDOWS, maxPartials: 3, maxBytes: 150_000 });
    let now = 0;
    for (const { wait, mac, number, last, size } of events) {
      now += wait;
      if (now >= reassembly.nextWake()) reassembly.wake(now);
      assert.ok(reassembly.nextWake() > now);
      const payload = new Uint8Array(size);
      const pdu = reassembly.receive(now, 1, mac, { last, number, payload });
      if (pdu && !(number === 0 && last)) {
        assert.equal(pdu[1]! << 8 | pdu[2]!, pdu.length);
      }
      assert.ok(reassembly.size <= 3 && reassembly.bytes <= 150_000 && reassembly.bytes >= 0);
    }
    reassembly.wake(now + 2_000);
    assert.deepEqual([reassembly.size, reassembly.bytes], [0, 0]);
  }));
});
