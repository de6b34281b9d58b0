import assert from "node:assert/strict";
import fc from "fast-check";
import { BROADCAST, isGroup, macText, parseMac, readMac, writeMac } from "../../lib/wire/mac.ts";

const macs = fc.integer({ min: 0, max: BROADCAST });

Deno.test("a MAC address survives text and octets", () => {
  fc.assert(fc.property(macs, (mac) => {
    assert.equal(parseMac(macText(mac)), mac);
    const view = new DataView(new ArrayBuffer(8));
    writeMac(view, 1, mac);
    assert.equal(readMac(view, 1), mac);
    const octets = new Uint8Array(view.buffer, 1, 6);
    assert.equal([...octets].map((o) => o.toString(16).padStart(2, "0")).join(":"), macText(mac));
    assert.equal(isGroup(mac), (octets[0]! & 1) === 1);
  }));
});

Deno.test("only six pairs with one kind of separator are a MAC address", () => {
  assert.equal(parseMac("01-80-C2-00-00-0E"), 0x0180c200000e);
  for (
    const text of [
      "",
      "1:2:3:4:5:6",
      "01:80-c2:00:00:0e",
      "01:80:c2:00:00:0e:00",
      "g1:80:c2:00:00:0e",
    ]
  ) {
    assert.equal(parseMac(text), undefined, text);
  }
});
