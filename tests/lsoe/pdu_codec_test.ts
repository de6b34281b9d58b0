import assert from "node:assert/strict";
import fc from "fast-check";
import {
  decodePdu,
  type EncapsulationType,
  encodeEncapsulations,
  encodePdu,
  type Pdu,
} from "../../lib/lsoe/mod.ts";
import { concat, fromHex, WireError, writeU16 } from "../../lib/wire/mod.ts";
import { pdus } from "./arbitraries.ts";

Deno.test("a PDU survives its encoding", () => {
  fc.assert(fc.property(pdus, (pdu) => {
    const bytes = encodePdu(pdu);
    assert.equal(bytes[1]! << 8 | bytes[2]!, bytes.length);
    assert.deepEqual(decodePdu(bytes), pdu);
  }));
});

Deno.test("what stands behind the last field is ignored, where the length covers it", () => {
  fc.assert(
    fc.property(pdus, fc.uint8Array({ minLength: 1, maxLength: 9 }), (pdu, more) => {
      const bytes = concat([encodePdu(pdu), more]);
      assert.throws(() => decodePdu(bytes), /PDU length/);
      writeU16(bytes, 1, bytes.length);
      if (pdu.type === 0 || pdu.type === 2) assert.throws(() => decodePdu(bytes), WireError);
      // The data of a vendor reach to the end.
      else if (pdu.type !== 255) assert.deepEqual(decodePdu(bytes), pdu);
    }),
  );
});

Deno.test("a PDU that was cut off is none", () => {
  fc.assert(fc.property(pdus, (pdu) => {
    // What may be of any length is cut short without leaving a trace.
    const fixed = pdu.type === 255 ? 8 : Infinity;
    const whole = encodePdu(pdu);
    for (let length = 0; length < Math.min(whole.length, fixed); length++) {
      const cut = whole.slice(0, length);
      if (length >= 3) writeU16(cut, 1, length);
      assert.throws(() => decodePdu(cut), WireError, `${length} of ${whole.toHex()}`);
    }
  }));
});

Deno.test("a decoded PDU does not change with the bytes it came from", () => {
  fc.assert(fc.property(pdus, (pdu) => {
    const bytes = encodePdu(pdu);
    const decoded = decodePdu(bytes);
    bytes.fill(0x55);
    assert.deepEqual(decoded, pdu);
  }));
});

Deno.test("faults are told where they stand", () => {
  const faults: Record<string, [message: RegExp, offset: number]> = {
    "": [/1 bytes wanted/, 0],
    "0a0003": [/type 10 is reserved/, 0],
    "020004": [/length 4 in 3/, 1],
    "04000b0001000a00000121": [/prefix length 33/, 10],
    "04000b0002000a00000118": [/2 encapsulations in 6/, 3],
    "0500170001000000000000000000000000000000000081": [/prefix length 129/, 22],
    "03000809ffff0000": [/ACK of PDU type 9/, 3],
  };
  for (const [hex, [message, offset]] of Object.entries(faults)) {
    assert.throws(() => decodePdu(fromHex(hex)), (error: WireError) => {
      assert.match(error.message, message);
      assert.equal(error.offset, offset, hex);
      return true;
    });
  }
});

Deno.test("an OPEN with authentication decodes: to refuse it is for the session to do", () => {
  const pdu = decodePdu(fromHex("0100180102030500000000000000000b02000004deadbeef"));
  assert.deepEqual(pdu, {
    type: 1,
    nonce: 0x01020305,
    id: fromHex("00000000000000000b02"),
    attributes: new Uint8Array(0),
    authentication: fromHex("deadbeef"),
  });
});

Deno.test("a count alone allocates nothing", () => {
  for (const type of [4, 5, 6, 7]) {
    assert.throws(() => decodePdu(Uint8Array.of(type, 0, 5, 0xff, 0xff)), /65535 encapsulations/);
  }
});

Deno.test("a list that is too long is cut, and the rest is counted", () => {
  const cases: [EncapsulationType, string, labels: number[] | undefined, fits: number][] = [
    [4, "10.0.0.1", undefined, 10_921],
    [5, "fe80::1", undefined, 3_640],
    [6, "10.0.0.1", [16], Math.floor(65_530 / 10)],
    [7, "fe80::1", [], Math.floor(65_530 / 19)],
  ];
  for (const [type, address, labels, fits] of cases) {
    const entry = { flags: 0, address, prefixLength: 24, ...(labels ? { labels } : {}) };
    const list = Array(fits + 3).fill(entry);
    const { bytes, left } = encodeEncapsulations({ type, encapsulations: list });
    assert.equal(left, 3);
    const back = decodePdu(bytes);
    assert.ok(back.type === type && back.encapsulations.length === fits);
    const whole = encodeEncapsulations({ type, encapsulations: list.slice(3) });
    assert.equal(whole.left, 0);
    assert.deepEqual(whole.bytes, encodePdu({ type, encapsulations: list }));
  }
});

Deno.test("a list can be cut to what the interface can carry", () => {
  const encapsulations = Array(9).fill({ flags: 0, address: "10.0.0.1", prefixLength: 24 });
  assert.equal(encodeEncapsulations({ type: 4, encapsulations }, 5 + 6 * 4 + 5).left, 5);
  assert.equal(encodeEncapsulations({ type: 4, encapsulations }, 5).bytes.toHex(), "0400050000");
});

Deno.test("values that no PDU can hold are refused", () => {
  const open: Pdu = {
    type: 1,
    nonce: 1,
    id: new Uint8Array(10),
    attributes: new Uint8Array(0),
    authentication: new Uint8Array(0),
  };
  const ack: Pdu = { type: 3, acknowledged: 1, errorType: 1, errorCode: 1, errorHint: 0 };
  const entry = { flags: 0, address: "10.0.0.1", prefixLength: 24 };
  const list = (more: object, type: EncapsulationType = 4): Pdu => ({
    type,
    encapsulations: [{ ...entry, ...more }],
  });
  const wrong: Pdu[] = [
    { ...open, id: new Uint8Array(9) },
    { ...open, nonce: -1 },
    { ...open, nonce: 2 ** 32 },
    { ...open, attributes: new Uint8Array(256) },
    { ...open, authentication: new Uint8Array(65_516) },
    { ...ack, errorType: 4 },
    { ...ack, errorType: 0 },
    { ...ack, errorCode: 3 },
    { ...ack, errorHint: 65_536 },
    list({ address: "::1" }),
    list({ address: "10.0.0" }),
    list({ prefixLength: 33 }),
    list({ flags: 256 }),
    list({ labels: [1] }),
    list({ labels: [2 ** 24] }, 6),
    list({ labels: Array(256).fill(1) }, 6),
    list({}, 7),
    { type: 255, enterprise: 1.5, enterpriseType: 0, data: new Uint8Array(0) },
    { type: 255, enterprise: 1, enterpriseType: 0, data: new Uint8Array(65_528) },
  ];
  for (const [i, pdu] of wrong.entries()) {
    assert.throws(() => encodePdu(pdu), RangeError, `number ${i}`);
  }
  assert.equal(encodePdu({ ...open, authentication: new Uint8Array(65_515) }).length, 65_535);
});
