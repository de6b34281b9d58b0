import assert from "node:assert/strict";
import fc from "fast-check";
import { checksum } from "../../lib/lsoe/checksum.ts";
import { type Datagram, decodeDatagram, encodeDatagram } from "../../lib/lsoe/datagram.ts";
import { encodeDatagrams, largestPdu } from "../../lib/lsoe/fragment.ts";
import { concat, writeU16, writeU32 } from "../../lib/wire/mod.ts";

const datagrams: fc.Arbitrary<Datagram> = fc.record({
  last: fc.boolean(),
  number: fc.integer({ min: 0, max: 127 }),
  payload: fc.uint8Array({ maxLength: 200 }),
}, { noNullPrototype: true });

function taken(frame: Uint8Array): Datagram {
  const datagram = decodeDatagram(frame);
  assert.ok(typeof datagram !== "string", String(datagram));
  return datagram;
}

Deno.test("a datagram survives its encoding, whatever pads the frame", () => {
  fc.assert(fc.property(datagrams, fc.uint8Array({ maxLength: 46 }), (datagram, padding) => {
    const { last, number, payload } = taken(concat([encodeDatagram(datagram), padding]));
    assert.deepEqual({ last, number, payload: payload.slice() }, datagram);
  }));
});

Deno.test("the checks come in their order", () => {
  const good = encodeDatagram({ last: true, number: 0, payload: Uint8Array.of(2, 0, 3) });
  const changed = (change: (frame: Uint8Array) => void) => {
    const frame = good.slice();
    change(frame);
    return decodeDatagram(frame);
  };
  assert.equal(decodeDatagram(new Uint8Array(0)), "short");
  assert.equal(decodeDatagram(new Uint8Array(7).fill(0xff)), "short");
  // Each with everything behind it wrong as well.
  const spoil = (frame: Uint8Array) => writeU32(frame, 4, ~checksum(frame) >>> 0);
  assert.equal(changed((f) => (f[0] = 1, f[2] = 0xff, spoil(f))), "version");
  assert.equal(changed((f) => (writeU16(f, 2, 7), spoil(f))), "length");
  assert.equal(changed((f) => (writeU16(f, 2, f.length + 1), spoil(f))), "length");
  assert.equal(changed(spoil), "checksum");
  for (let bit = 0; bit < 8 * good.length; bit++) {
    const result = changed((f) => f[bit >> 3]! ^= 1 << (bit & 7));
    assert.ok(typeof result === "string", `bit ${bit}`);
  }
});

Deno.test("a datagram that does not fit its fields is refused", () => {
  const payload = new Uint8Array(0);
  for (const number of [-1, 128, NaN]) {
    assert.throws(() => encodeDatagram({ last: true, number, payload }), RangeError);
  }
  const long = new Uint8Array(65_528);
  assert.throws(() => encodeDatagram({ last: true, number: 0, payload: long }), RangeError);
  assert.equal(
    taken(encodeDatagram({ last: true, number: 0, payload: long.subarray(1) })).payload.length,
    65_527,
  );
});

Deno.test("the pieces of a PDU make it up again, none longer than asked for", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 2_000 }),
      fc.integer({ min: 30, max: 1_500 }),
      (pdu, max) => {
        const frames = encodeDatagrams(pdu, max);
        const pieces = frames.map(taken);
        assert.deepEqual(concat(pieces.map(({ payload }) => payload)), pdu);
        assert.deepEqual(pieces.map(({ number }) => number), [...pieces.keys()]);
        assert.deepEqual(pieces.map(({ last }) => last), pieces.map((_, i) => !pieces[i + 1]));
        assert.ok(frames.every(({ length }) => length <= max));
        // No more of them than needed.
        assert.ok(frames.slice(0, -1).every(({ length }) => length === max));
      },
    ),
  );
});

Deno.test("a PDU that needs more than 128 datagrams is refused", () => {
  assert.equal(largestPdu(1_500), 65_535);
  assert.equal(largestPdu(520), 65_535);
  assert.equal(largestPdu(519), 128 * 511);
  assert.equal(largestPdu(100_000), 65_535);
  assert.equal(largestPdu(9), 128);
  assert.equal(largestPdu(8), 0);
  assert.equal(largestPdu(0), 0);
  const pdu = new Uint8Array(65_535);
  assert.equal(encodeDatagrams(pdu, 520).length, 128);
  assert.throws(() => encodeDatagrams(pdu, 519), /65535 octets.*65408 would fit/);
  assert.equal(encodeDatagrams(pdu.subarray(0, 65_408), 519).length, 128);
  // A length of 16 bits holds for datagrams too.
  assert.equal(encodeDatagrams(pdu, 70_000).length, 2);
  assert.throws(() => encodeDatagrams(new Uint8Array(65_536), 1_500), RangeError);
  assert.throws(() => encodeDatagrams(new Uint8Array(0), 1_500), RangeError);
  assert.throws(() => encodeDatagrams(new Uint8Array(1), 8), RangeError);
});
