/** Addresses as people write them. */
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { AgentError, ExitCode } from "../../lib/core/mod.ts";
import { formatHostPort, parseHostPort } from "../../lib/net/mod.ts";
import { addressOf, inSubnet4, isLinkLocal6, plainAddress } from "../../lib/net/address.ts";

Deno.test("address: host and port in all their writings", () => {
  const cases: [string, string, number][] = [
    ["pi", "pi", 8331],
    ["pi-kitchen.local:8400", "pi-kitchen.local", 8400],
    ["192.0.2.7:0", "192.0.2.7", 0],
    ["[2001:db8::1]:65535", "2001:db8::1", 65_535],
    ["[fe80::1%eth0]", "fe80::1%eth0", 8331],
    ["fe80::1%eth0", "fe80::1%eth0", 8331],
    ["::1", "::1", 8331],
    ["[::]:8331", "::", 8331],
  ];
  for (const [text, host, port] of cases) {
    deepStrictEqual(parseHostPort(text, 8331), { host, port }, text);
  }
});

Deno.test("address: what is none is refused in one line", () => {
  for (
    const text of [
      "",
      ":8331",
      "pi:",
      "pi:port",
      "pi:65536",
      "pi:-1",
      "[::1",
      "a b",
      "[]:1",
      "http://pi",
    ]
  ) {
    throws(() => parseHostPort(text, 1), (error) => {
      ok(error instanceof AgentError, text);
      strictEqual(error.exitCode, ExitCode.Usage);
      ok(!error.message.includes("\n") && error.message.includes("HOST:PORT"));
      return true;
    });
  }
});

Deno.test("address: any text is an address or an AgentError, and writing and reading agree", () => {
  fc.assert(fc.property(fc.string(), (text) => {
    try {
      const { host, port } = parseHostPort(text, 8331);
      deepStrictEqual(parseHostPort(formatHostPort(host, port), 1), { host, port });
    } catch (error) {
      ok(error instanceof AgentError, String(error));
    }
  }));
});

Deno.test("address: what an address tells of itself", () => {
  strictEqual(addressOf("fe80::1/64"), "fe80::1");
  strictEqual(addressOf("192.0.2.1"), "192.0.2.1");
  strictEqual(plainAddress("::ffff:192.0.2.1"), "192.0.2.1");
  strictEqual(plainAddress("2001:db8::1"), "2001:db8::1");
  ok(isLinkLocal6("fe80::1") && isLinkLocal6("FEBF::1%eth0"));
  ok(!isLinkLocal6("fec0::1") && !isLinkLocal6("2001:db8::fe80") && !isLinkLocal6("192.0.2.1"));
});

Deno.test("address: subnets of IPv4", () => {
  ok(inSubnet4("192.0.2.200", "192.0.2.1/24"));
  ok(!inSubnet4("192.0.3.1", "192.0.2.1/24"));
  ok(inSubnet4("10.255.0.1", "10.0.0.1/8"));
  ok(inSubnet4("192.0.2.1", "192.0.2.1/32") && !inSubnet4("192.0.2.2", "192.0.2.1/32"));
  ok(inSubnet4("8.8.8.8", "0.0.0.0/0"));
  ok(inSubnet4("255.255.255.255", "128.0.0.1/1"));
  for (const wrong of ["", "1.2.3", "1.2.3.256", "fe80::1", "1.2.3.x"]) {
    ok(!inSubnet4(wrong, "0.0.0.0/0"), wrong);
  }
  ok(!inSubnet4("192.0.2.1", "192.0.2.1/33") && !inSubnet4("192.0.2.1", "fe80::1/64"));
});
