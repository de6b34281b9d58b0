import assert from "node:assert/strict";
import fc from "fast-check";
import { formatIp4, formatIp6, parseIp, parsePrefix } from "../../lib/wire/ip.ts";

const octets = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
/** IPv6 addresses with many zeros, where the shortest form has choices. */
const sparse = fc.array(fc.constantFrom(0, 0, 0, 1, 0xff, 0xffff), { minLength: 8, maxLength: 8 })
  .map((words) => Uint8Array.from(words.flatMap((word) => [word >> 8, word & 0xff])));

Deno.test("IP addresses survive being text", () => {
  fc.assert(fc.property(octets(4), (bytes) => {
    assert.deepEqual(parseIp(formatIp4(bytes)), bytes);
  }));
  fc.assert(fc.property(fc.oneof(octets(16), sparse), (bytes) => {
    assert.deepEqual(parseIp(formatIp6(bytes)), bytes);
  }));
});

Deno.test("the shortest form of IPv6 is that of inet_ntop", () => {
  // Left as people may write it, right as glibc's inet_ntop gave it.
  const forms = {
    "0:0:0:0:0:0:0:0": "::",
    "0:0:0:0:0:0:0:1": "::1",
    "1:0:0:0:0:0:0:0": "1::",
    "::1:0": "::0.1.0.0",
    "::1.2.3.4": "::1.2.3.4",
    "::102:304": "::1.2.3.4",
    "::ffff:102:304": "::ffff:1.2.3.4",
    "::FFFF:1.2.3.4": "::ffff:1.2.3.4",
    "::fffe:102:304": "::fffe:102:304",
    "64:ff9b::1.2.3.4": "64:ff9b::102:304",
    "1:0:0:2:0:0:0:3": "1:0:0:2::3",
    "1:0:0:2:0:0:3:4": "1::2:0:0:3:4",
    "1:0:2:3:4:5:6:7": "1:0:2:3:4:5:6:7",
    "1:2:3:4:5:6:7::": "1:2:3:4:5:6:7:0",
    "2001:0DB8::0001": "2001:db8::1",
    "fe80::00ff:fe00:0b01": "fe80::ff:fe00:b01",
  };
  for (const [written, shortest] of Object.entries(forms)) {
    const bytes = parseIp(written);
    assert.ok(bytes, written);
    assert.equal(formatIp6(bytes), shortest);
  }
});

Deno.test("addresses are read where they stand", () => {
  const bytes = Uint8Array.from([9, 192, 0, 2, 1, 9]);
  assert.equal(formatIp4(bytes, 1), "192.0.2.1");
  const longer = new Uint8Array(20);
  longer[18] = 7;
  assert.equal(formatIp6(longer, 3), "::7");
});

Deno.test("what is no address gives nothing", () => {
  for (
    const text of [
      "",
      "1.2.3",
      "1.2.3.4.5",
      "1.2.3.256",
      "01.2.3.4",
      "1.2.3.4 ",
      "1..3.4",
      ":",
      ":::",
      "1:2:3:4:5:6:7",
      "1:2:3:4:5:6:7:8:9",
      "1:2:3:4:5:6:7:8::",
      "1::2::3",
      ":1:2:3:4:5:6:7:8",
      "12345::",
      "g::",
      "1.2.3.4::",
      "::1.2.3",
      "::1.2.3.4:5",
      "fe80::1%eth0",
      "1:".repeat(100_000),
    ]
  ) {
    assert.equal(parseIp(text), undefined, text.slice(0, 50));
  }
});

Deno.test("a prefix length fits its address", () => {
  assert.deepEqual(parsePrefix("192.0.2.1/24"), {
    octets: Uint8Array.of(192, 0, 2, 1),
    length: 24,
  });
  assert.equal(parsePrefix("::1/128")?.length, 128);
  for (const text of ["192.0.2.1", "192.0.2.1/33", "::/129", "::/", "::/-1", "::/1/2", "x/1"]) {
    assert.equal(parsePrefix(text), undefined, text);
  }
});

Deno.test("any text is an address or none", () => {
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom(...":.0123fF/%") }), (text) => {
    const bytes = parseIp(text);
    if (bytes) assert.ok(bytes.length === (text.includes(":") ? 16 : 4));
    parsePrefix(text);
  }));
});
