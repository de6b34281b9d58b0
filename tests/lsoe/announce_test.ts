import assert from "node:assert/strict";
import {
  type AnnounceConfig,
  announcements,
  type Encapsulation,
  FLAG_LOOPBACK,
  FLAG_PRIMARY,
  type LabelBinding,
  type LsoeInterface,
  sameList,
} from "../../lib/lsoe/mod.ts";

const DEFAULTS: AnnounceConfig = {
  announceScope: "interface",
  compatLsoed: false,
  exportLoopbacks: () => false,
  primaryAddresses: [],
};

function nic(index: number, addresses: string[], more: Partial<LsoeInterface> = {}): LsoeInterface {
  return {
    index,
    name: `eth${index}`,
    mac: `02:00:00:00:00:0${index}`,
    up: true,
    running: true,
    mtu: 1_500,
    loopback: false,
    ethernet: true,
    vlan: 0,
    addresses,
    ...more,
  };
}

const LO = nic(1, ["127.0.0.1/8", "10.255.0.1/32", "::1/128"], { name: "lo", loopback: true });
const ETH2 = nic(2, ["10.0.2.1/24", "fe80::2/64", "2001:db8:2::1/64"]);
const ETH3 = nic(3, ["10.0.3.1/24", "fe80::3/64"]);

/** `10.0.2.1/24 P` for each entry: flags P, L, and labels. */
function shown(list: readonly Encapsulation[]): string[] {
  return list.map(({ flags, address, prefixLength, labels }) =>
    `${address}/${prefixLength} ${flags & FLAG_PRIMARY ? "P" : ""}${
      flags & FLAG_LOOPBACK ? "L" : ""
    }${labels ? ` ${labels}` : ""}`.trim()
  );
}

function announced(
  interfaces: LsoeInterface[],
  config: Partial<AnnounceConfig> = {},
  labels: LabelBinding[] = [],
  on = 2,
) {
  const lists = announcements(interfaces, { ...DEFAULTS, ...config }, labels, on);
  return Object.fromEntries(Object.entries(lists).map(([type, list]) => [type, shown(list)]));
}

Deno.test("by default, what is on the interface", () => {
  assert.deepEqual(announced([LO, ETH2, ETH3]), {
    4: ["10.0.2.1/24 P"],
    5: ["fe80::2/64", "2001:db8:2::1/64 P"],
    6: [],
    7: [],
  });
  assert.deepEqual(announced([LO, ETH2, ETH3], {}, [], 9), { 4: [], 5: [], 6: [], 7: [] });
});

Deno.test("loopbacks go along where they are exported by name", () => {
  const other = nic(4, ["10.255.0.2/32"], { name: "lo2", loopback: true });
  const exported = { exportLoopbacks: (name: string) => name === "lo" || name === "eth3" };
  const lists = announced([ETH2, LO, ETH3, other], exported);
  // An interface that is no loopback is not made one by its name.
  assert.deepEqual(lists[4], ["127.0.0.1/8 L", "10.255.0.1/32 L", "10.0.2.1/24 P"]);
  assert.deepEqual(lists[5], ["::1/128 L", "fe80::2/64", "2001:db8:2::1/64 P"]);
});

Deno.test("all: every address of every interface", () => {
  const lists = announced([ETH3, ETH2, LO], { announceScope: "all" }, [], 3);
  assert.deepEqual(lists[4], ["127.0.0.1/8 L", "10.255.0.1/32 L", "10.0.2.1/24", "10.0.3.1/24 P"]);
  assert.deepEqual(lists[5], ["::1/128 L", "fe80::2/64", "2001:db8:2::1/64", "fe80::3/64 P"]);
});

Deno.test("nothing of an interface that is down", () => {
  const config = { announceScope: "all" } as const;
  assert.deepEqual(announced([{ ...LO, up: false }, ETH2], config)[4], ["10.0.2.1/24 P"]);
  assert.deepEqual(announced([LO, { ...ETH2, up: false }])[4], []);
  // Without carrier it is still up.
  assert.deepEqual(announced([{ ...ETH2, running: false }])[4], ["10.0.2.1/24 P"]);
});

Deno.test("primary: the only address, link-local ones only where there is no other", () => {
  const five = (...addresses: string[]) => announced([nic(2, addresses)])[5];
  assert.deepEqual(five("fe80::2/64"), ["fe80::2/64 P"]);
  assert.deepEqual(five("fe80::2/64", "fe80::3/64"), ["fe80::2/64", "fe80::3/64"]);
  assert.deepEqual(five("febf::1/64", "fec0::1/64"), ["febf::1/64", "fec0::1/64 P"]);
  assert.deepEqual(five("2001:db8::1/64", "2001:db8::2/64"), ["2001:db8::1/64", "2001:db8::2/64"]);
  const four = announced([nic(2, ["169.254.1.1/16", "10.0.0.1/8"])])[4];
  assert.deepEqual(four, ["169.254.1.1/16", "10.0.0.1/8 P"]);
});

Deno.test("primary: the configured one, with or without prefix, at most one a list", () => {
  const two = nic(2, ["10.0.2.1/24", "10.0.2.2/24", "2001:DB8:0::2/64", "2001:db8::3/64"]);
  const primary = (...primaryAddresses: string[]) => announced([LO, two], { primaryAddresses });
  assert.deepEqual(primary("10.0.2.2")[4], ["10.0.2.1/24", "10.0.2.2/24 P"]);
  assert.deepEqual(primary("10.0.2.2/24")[4], ["10.0.2.1/24", "10.0.2.2/24 P"]);
  assert.deepEqual(primary("2001:0db8::0003")[5], ["2001:db8::2/64", "2001:db8::3/64 P"]);
  assert.deepEqual(primary("10.0.2.2", "10.0.2.1")[4], ["10.0.2.1/24 P", "10.0.2.2/24"]);
  assert.deepEqual(primary("nonsense", "10.9.9.9")[4], ["10.0.2.1/24", "10.0.2.2/24"]);
  // An exported loopback may be the primary, an address of another interface may not.
  const config = { exportLoopbacks: () => true, primaryAddresses: ["10.255.0.1"] };
  assert.deepEqual(announced([LO, two], config)[4]?.[1], "10.255.0.1/32 PL");
  const all = { announceScope: "all" as const, primaryAddresses: ["10.0.3.1"] };
  assert.deepEqual(announced([ETH2, ETH3], all)[4], ["10.0.2.1/24 P", "10.0.3.1/24"]);
});

Deno.test("labels make the MPLS lists, for addresses that are announced", () => {
  const labels: LabelBinding[] = [
    { prefix: "10.0.2.1/24", labels: [0x641] },
    { prefix: "2001:DB8:2:0::1/64", labels: [0x100, 0x201] },
    { prefix: "10.0.3.1/24", labels: [7] },
    { prefix: "10.0.2.1/16", labels: [8] },
    { prefix: "fe80::2/64", labels: [] },
    { prefix: "nonsense", labels: [9] },
    { prefix: "10.255.0.1/32", labels: Array(256).fill(1) },
  ];
  const config = { exportLoopbacks: () => true };
  const lists = announced([LO, ETH2, ETH3], config, labels);
  assert.deepEqual(lists[6], ["10.0.2.1/24 P 1601"]);
  assert.deepEqual(lists[7], ["2001:db8:2::1/64 P 256,513"]);
  const lsoed = announced([LO, ETH2, ETH3], { ...config, compatLsoed: true }, labels);
  assert.deepEqual([lsoed[6], lsoed[7]], [[], []]);
  assert.deepEqual(lsoed[4], lists[4]);
});

Deno.test("an address is announced once, and what is none not at all", () => {
  const one = nic(2, ["fe80::1/64", "fe80:0::1/64", "10.0.0.1", "x/24", "10.0.0.1/33", ""]);
  const other = nic(1, ["fe80::1/64", "fe80::9/64"]);
  const lists = announced([one, other], { announceScope: "all" });
  assert.deepEqual(lists, { 4: [], 5: ["fe80::1/64 P", "fe80::9/64"], 6: [], 7: [] });
});

Deno.test("the same list is the same in any order, and differs in anything else", () => {
  const a = { flags: 0, address: "10.0.0.1", prefixLength: 24 };
  const b = { flags: 0, address: "10.0.0.2", prefixLength: 24 };
  assert.ok(sameList([], []));
  assert.ok(sameList([a, b], [{ ...a }, { ...b }]));
  assert.ok(sameList([a, b], [b, a]));
  assert.ok(!sameList([a], []));
  assert.ok(!sameList([a, a, b], [a, b, b]));
  const labelled = { ...a, labels: [1, 2] };
  for (
    const other of [
      { ...labelled, flags: FLAG_PRIMARY },
      { ...labelled, address: "10.0.0.9" },
      { ...labelled, prefixLength: 25 },
      { ...labelled, labels: [2, 1] },
      { ...labelled, labels: [12] },
      a,
    ]
  ) {
    assert.ok(!sameList([labelled], [other]), JSON.stringify(other));
  }
});
