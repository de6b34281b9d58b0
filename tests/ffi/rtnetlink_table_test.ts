/** The interface table and the label table: rules, and recordings of a real kernel. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { MplsTable } from "../../ffi/mpls_table.ts";
import { decodeMessages, Dump, dumpRequest } from "../../ffi/rtnetlink_messages.ts";
import { InterfaceTable } from "../../ffi/rtnetlink_table.ts";
import type { InterfaceInfo } from "../../lib/net/mod.ts";
import { fromHex } from "../../lib/wire/mod.ts";
import { readVectors } from "../wire/vectors.ts";
import {
  address,
  type AddressFields,
  link,
  type LinkFields,
  mplsRoute,
  UP,
} from "./rtnetlink_bytes.ts";

interface State {
  index: number;
  name: string;
  mac: string;
  up: boolean;
  loopback: boolean;
  lowerUp: boolean;
  mtu: number;
  addrs: { family: number; addr: string; prefixlen: number; tentative: boolean }[];
}
interface Recording {
  linkDump: { request: string; messages: { hex: string }[] };
  addrDump: { request: string; messages: { hex: string }[] };
  events: { cause: string; messages: Record<string, unknown>[]; stateAfter: State[] }[];
  stateAfterDump: State[];
}

/** The table in the words of the vectors. Addresses of an interface have no order there. */
function stateOf(table: InterfaceTable): State[] {
  return table.rows().map(({ index, name, mac, flags, mtu, addresses }) => ({
    index,
    name,
    mac,
    up: (flags & 0x1) !== 0,
    loopback: (flags & 0x8) !== 0,
    lowerUp: (flags & 0x10000) !== 0,
    mtu,
    addrs: addresses.map(({ family, address: addr, prefixLength: prefixlen, flags }) => ({
      family,
      addr,
      prefixlen,
      tentative: (flags & 0x40) !== 0,
    })),
  }));
}

function sorted(states: readonly State[]): State[] {
  const key = ({ addr, prefixlen }: State["addrs"][0]) => `${addr}/${prefixlen}`;
  return states.map((state) => ({
    ...state,
    addrs: state.addrs.toSorted((a, b) => key(a) < key(b) ? -1 : 1),
  })).sort((a, b) => a.index - b.index);
}

const recordings = readVectors<{ netlink: Recording[] }>("lsoe.json").netlink;

recordings.forEach((recording, i) => {
  Deno.test(`vectors: netlink recording ${i + 1}`, () => {
    const sequence = (hex: string) => new DataView(fromHex(hex).buffer).getUint32(8, true);
    const { linkDump, addrDump } = recording;
    for (
      const [dump, { request }] of [[Dump.links, linkDump], [Dump.addresses, addrDump]] as const
    ) {
      strictEqual(dumpRequest(dump, sequence(request)).toHex(), request);
    }
    const table = new InterfaceTable();
    const apply = (hex: string) =>
      decodeMessages(fromHex(hex)).forEach((each) => table.apply(each));
    for (const { hex } of [...linkDump.messages, ...addrDump.messages]) apply(hex);
    deepStrictEqual(sorted(stateOf(table)), sorted(recording.stateAfterDump));
    for (const { cause, messages, stateAfter } of recording.events) {
      for (const told of messages) {
        agree(told);
        apply(told["hex"] as string);
      }
      deepStrictEqual(sorted(stateOf(table)), sorted(stateAfter), cause);
    }
  });
});

/** What the vector says of a message, where we read it too. */
function agree(told: Record<string, unknown>): void {
  const [got] = decodeMessages(fromHex(told["hex"] as string));
  if (got?.kind === "link") {
    const { index, flags, name: ifname, mac: address, mtu, family: ifiFamily } = got;
    const { hardware: ifiType } = got;
    const mine: Record<string, unknown> = {
      index,
      flags,
      ifname,
      address,
      mtu,
      ifiFamily,
      ifiType,
    };
    for (const [key, value] of Object.entries(mine)) strictEqual(value, told[key], key);
    strictEqual(got.gone, told["event"] === "RTM_DELLINK");
  } else if (got?.kind === "address") {
    const { index, family, prefixLength: prefixlen, flags: ifaFlags } = got;
    const mine: Record<string, unknown> = { index, family, prefixlen, ifaFlags };
    for (const [key, value] of Object.entries(mine)) strictEqual(value, told[key], key);
    strictEqual(got.address, told["local"] ?? told["address"]);
    strictEqual(got.gone, told["event"] === "RTM_DELADDR");
  } else {
    ok(false, `not understood: ${told["event"]}`);
  }
}

Deno.test("vectors: netlink has recordings", () => ok(recordings.length > 0));

/** A table that heard these datagrams. */
function heard(...datagrams: Uint8Array[]): InterfaceTable {
  const table = new InterfaceTable();
  for (const bytes of datagrams) decodeMessages(bytes).forEach((each) => table.apply(each));
  return table;
}

const FE80_1 = `fe80${"0".repeat(27)}1`;
const only = (table: InterfaceTable): InterfaceInfo => {
  const all = table.interfaces();
  strictEqual(all.length, 1);
  return all[0]!;
};

Deno.test("interface table: what a link says, in the words of the house", () => {
  deepStrictEqual(
    only(heard(
      link({ index: 2 }),
      address({ index: 2, address: FE80_1 }),
      address({ index: 2, local: "c0000201" }),
    )),
    {
      name: "eth2",
      index: 2,
      mac: "02:00:00:00:00:02",
      up: true,
      running: true,
      mtu: 1_500,
      addresses: ["192.0.2.1/24", "fe80::1/64"],
      loopback: false,
      ethernet: true,
      vlan: 0,
    },
  );
  const lo = only(
    heard(link({ index: 1, name: "lo", hardware: 772, mac: "000000000000", flags: UP | 8 })),
  );
  deepStrictEqual([lo.mac, lo.loopback, lo.ethernet], ["", true, false]);
  // A tun device: no MAC. A radio in monitor mode: a MAC, but no Ethernet.
  ok(!only(heard(link({ index: 3, mac: undefined, hardware: 65_534 }))).ethernet);
  ok(!only(heard(link({ index: 3, hardware: 803 }))).ethernet);
});

Deno.test("interface table: running is up, with a carrier, and nobody says that it is not", () => {
  const running = (fields: Partial<LinkFields>) =>
    only(heard(link({ index: 2, ...fields }))).running;
  ok(running({}));
  ok(running({ operstate: 0 }));
  ok(!running({ operstate: 5 }), "dormant: a radio without a partner");
  ok(!running({ operstate: 2 }));
  ok(!running({ flags: 0x1003 }), "no carrier");
  ok(!running({ flags: 0x1_1002 }), "not up");
});

Deno.test("interface table: a bridge's messages about its ports are not about the links", () => {
  const before = heard(link({ index: 2 }));
  const after = heard(
    link({ index: 2 }),
    link({ index: 2, family: 7, flags: 0, name: "other" }),
    link({ index: 2, family: 7, type: 17 }),
    link({ index: 9, family: 7 }),
  );
  deepStrictEqual(after.interfaces(), before.interfaces());
});

Deno.test("interface table: a radio's message with hardly an attribute changes nothing else", () => {
  const table = heard(
    link({ index: 2, name: "wlan0", mtu: 1_280 }),
    address({ index: 2, local: "c0000201" }),
    link({ index: 2, name: undefined, mac: undefined }),
    link({ index: 3, name: undefined, mac: undefined }),
  );
  deepStrictEqual(
    [only(table).name, only(table).mtu, only(table).mac, only(table).addresses],
    ["wlan0", 1_280, "02:00:00:00:00:02", ["192.0.2.1/24"]],
  );
});

Deno.test("interface table: addresses that are being checked, or have failed, are not told", () => {
  const flags = (flags: number) => address({ index: 2, address: FE80_1, shortFlags: 0, flags });
  const told = (...all: Uint8Array[]) => only(heard(link({ index: 2 }), ...all)).addresses.length;
  strictEqual(told(flags(0xc0)), 0);
  strictEqual(told(flags(0x88)), 0);
  strictEqual(told(flags(0xc0), flags(0x80)), 1);
  strictEqual(told(flags(0x80), flags(0xc0)), 0);
  // Of an interface that is not known: nothing is kept of it.
  strictEqual(heard(address({ index: 7, address: FE80_1 })).rows().length, 0);
});

Deno.test("interface table: renamed, deleted, and made again", () => {
  const steps = [
    link({ index: 2 }),
    address({ index: 2, local: "c0000201" }),
    link({ index: 2, name: "lan" }),
    link({ index: 2, name: "lan", type: 17 }),
    link({ index: 5, name: "lan" }),
  ];
  const after = (count: number) =>
    heard(...steps.slice(0, count)).interfaces().map(({ index, name, addresses }) =>
      `${index} ${name} ${addresses}`
    );
  deepStrictEqual(after(3), ["2 lan 192.0.2.1/24"]);
  deepStrictEqual(after(4), []);
  deepStrictEqual(after(5), ["5 lan "]);
});

Deno.test("interface table: a new dump keeps the order of addresses that were known", () => {
  const [one, two, three] = ["c0000201", "c0000202", "c0000203"].map((local) =>
    address({ index: 2, local })
  ) as [Uint8Array, Uint8Array, Uint8Array];
  const before = heard(link({ index: 2 }), two, one);
  const fresh = heard(link({ index: 2 }), three, one, two);
  fresh.orderLike(before);
  deepStrictEqual(only(fresh).addresses, ["192.0.2.2/24", "192.0.2.1/24", "192.0.2.3/24"]);
});

Deno.test("interface table: a dump at any moment, and then events since before it, give the truth", () => {
  const index = fc.integer({ min: 1, max: 3 });
  const event = fc.oneof(
    fc.record({ index, type: fc.constantFrom(16, 17), family: fc.constantFrom(0, 0, 7) }),
    fc.record({
      index,
      type: fc.constantFrom(20, 21),
      address: fc.constantFrom(FE80_1, "c0000201", "c0000202"),
      flags: fc.constantFrom(0x80, 0xc0),
    }),
  );
  const encode = (each: LinkFields | AddressFields) =>
    "flags" in each ? address(each as AddressFields) : link(each as LinkFields);
  fc.assert(fc.property(fc.array(event, { maxLength: 30 }), fc.nat(), fc.nat(), (drawn, a, b) => {
    // The kernel gives no address to a link that is not there.
    const there = new Set<number>();
    const events = drawn.filter((each) => {
      if (!("family" in each)) return there.has(each.index);
      if (each.family === 0 && each.type === 16) there.add(each.index);
      if (each.family === 0 && each.type === 17) there.delete(each.index);
      return true;
    }).map(encode);
    const dumpedAt = a % (events.length + 1);
    const heardSince = b % (dumpedAt + 1);
    const table = heard(...events.slice(0, dumpedAt), ...events.slice(heardSince));
    deepStrictEqual(sorted(stateOf(table)), sorted(stateOf(heard(...events))));
  }));
});

const interfaces: InterfaceInfo[] = heard(
  link({ index: 1, name: "lo", flags: UP | 8 }),
  link({ index: 2 }),
  link({ index: 3, flags: 0x1002 }),
  address({ index: 1, local: "c6336401", prefix: 32 }),
  address({ index: 1, address: `20010db8${"0".repeat(23)}1`, prefix: 128 }),
  address({ index: 2, local: "c0000201" }),
  address({ index: 3, local: "cb007101" }),
).interfaces();

function labels(...routes: Uint8Array[]): Record<string, string> {
  const table = new MplsTable();
  for (const bytes of routes) decodeMessages(bytes).forEach((each) => table.apply(each));
  return Object.fromEntries(
    table.bindings(interfaces).map(({ prefix, labels }) => [
      prefix,
      labels.map((label) => label.toString(16)).join(),
    ]),
  );
}

Deno.test("labels: what ends at an interface of ours is bound to its addresses", () => {
  deepStrictEqual(labels(), {});
  // 24 bits: label, Exp 0, bottom of the stack.
  deepStrictEqual(labels(mplsRoute(100, [{ index: 1 }])), {
    "198.51.100.1/32": "641",
    "2001:db8::1/128": "641",
  });
  deepStrictEqual(labels(mplsRoute(0xf_ffff, [{ index: 2 }])), { "192.0.2.1/24": "fffff1" });
});

Deno.test("labels: what goes on to a neighbour, gets another label, or leads nowhere is not ours", () => {
  deepStrictEqual(
    labels(
      mplsRoute(100, [{ index: 2, via: "0200c0000202" }]),
      mplsRoute(101, [{ index: 2, swap: 7 }]),
      mplsRoute(102, [{ index: 1 }, { index: 2, via: "0200c0000202" }]),
      mplsRoute(103, [{ index: 2, dead: true }]),
      mplsRoute(104, [{ index: 3 }]),
      mplsRoute(105, [{ index: 9 }]),
      mplsRoute(106, []),
    ),
    {},
  );
  deepStrictEqual(labels(mplsRoute(102, [{ index: 1, dead: true }, { index: 2 }])), {
    "192.0.2.1/24": "661",
  });
});

Deno.test("labels: reserved ones only where they mean what the address is; the lowest stands for all", () => {
  deepStrictEqual(
    labels(...[0, 1, 2, 3, 15].map((label) => mplsRoute(label, [{ index: 1 }]))),
    { "198.51.100.1/32": "1", "2001:db8::1/128": "21" },
  );
  const three = [200, 50, 300].map((label) => mplsRoute(label, [{ index: 2 }]));
  deepStrictEqual(labels(...three), { "192.0.2.1/24": "321" });
  deepStrictEqual(labels(...three, mplsRoute(50, [{ index: 2 }], { type: 25 })), {
    "192.0.2.1/24": "c81",
  });
});

Deno.test("interface table: the VLAN of an interface, and of one on top of it", () => {
  const vlans = (...datagrams: Uint8Array[]) =>
    heard(...datagrams).interfaces().map(({ name, vlan }) => `${name} ${vlan}`);
  deepStrictEqual(
    vlans(
      // The kernel may tell them before what they are on.
      link({ index: 3, name: "eth2.7", vlan: { id: 7, parent: 2 } }),
      link({ index: 4, name: "eth2.9", vlan: { id: 9, parent: 2 } }),
      link({ index: 5, name: "eth2.7.9", vlan: { id: 9, parent: 3 } }),
      link({ index: 6, name: "guest", vlan: { id: 9, parent: 3, elsewhere: true } }),
      link({ index: 2 }),
    ),
    ["eth2 0", "eth2.7 7", "eth2.9 9", `eth2.7.9 ${7 * 4_096 + 9}`, "guest 9"],
  );
  // A message that says nothing of it changes nothing; and two that are on each other end.
  deepStrictEqual(
    vlans(
      link({ index: 3, vlan: { id: 7, parent: 2 } }),
      link({ index: 3, name: undefined, mac: undefined }),
    ),
    ["eth3 7"],
  );
  const [loop] = heard(
    link({ index: 2, vlan: { id: 4_095, parent: 3 } }),
    link({ index: 3, vlan: { id: 4_095, parent: 2 } }),
  ).interfaces();
  ok(Number.isSafeInteger(loop?.vlan));
});
