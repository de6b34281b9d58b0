/** Reports of cables' ends become cables: matching, and what anybody may publish. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { linkKey, linkValue, readLink } from "../../../lib/agent/lsoe/entry.ts";
import { cablesOf } from "../../../lib/agent/lsoe/graph.ts";
import type { SessionView } from "../../../lib/lsoe/mod.ts";
import type { Entry, NodeEntries, Value } from "../../../lib/state/mod.ts";

const A = "02:00:00:00:00:0a";
const B = "02:00:00:00:00:0b";
const C = "02:00:00:00:00:0c";

interface End {
  readonly name: string;
  readonly mac: string;
  readonly peer: string;
  readonly peerId?: string;
  readonly addresses?: string[];
  readonly heard?: string[];
  readonly stale?: true;
}

function node(name: string, id: string, ...ends: End[]): NodeEntries {
  const entries: Entry[] = ends.map(({ name, mac, peer, peerId, addresses, heard, stale }) => ({
    key: `agent/links/${name}/${peer}`,
    value: {
      mac,
      peerId: peerId ?? "",
      addresses: addresses ?? [],
      peerAddresses: heard ?? [],
      ...(stale && { stale }),
    },
    at: 0,
  }));
  const told = id === "" ? [] : [{ key: "agent/lsoe", value: id, at: 0 }];
  return { id: name, node: name, entries: [...told, ...entries] };
}

const drawn = (...nodes: NodeEntries[]) =>
  cablesOf(nodes).map(({ a, b, state }) =>
    `${a.node}:${a.interface} ${state} ${b.node ?? b.id}:${b.interface ?? b.mac}`
  );

Deno.test("graph: two reports that name each other are one cable, whatever their order", () => {
  const one = node("x", "01", { name: "eth0", mac: A, peer: B, peerId: "02" });
  const two = node("y", "02", { name: "eth7", mac: B, peer: A, peerId: "01" });
  deepStrictEqual(drawn(one, two), ["x:eth0 open y:eth7"]);
  deepStrictEqual(drawn(two, one), ["x:eth0 open y:eth7"]);
});

Deno.test("graph: one report alone is half a cable; a known id still tells the node", () => {
  const one = node("x", "01", {
    name: "eth0",
    mac: A,
    peer: B,
    peerId: "02",
    heard: ["10.0.0.2/8"],
  });
  deepStrictEqual(drawn(one), [`x:eth0 half 02:${B}`]);
  deepStrictEqual(drawn(one, node("y", "02")), [`x:eth0 half y:${B}`]);
  deepStrictEqual(cablesOf([one])[0]?.b.addresses, ["10.0.0.2/8"]);
});

Deno.test("graph: a peer that fell silent makes it half, though both report it", () => {
  const one = node("x", "", { name: "eth0", mac: A, peer: B, stale: true });
  const two = node("y", "", { name: "eth7", mac: B, peer: A });
  deepStrictEqual(drawn(one, two), ["x:eth0 half y:eth7"]);
});

Deno.test("graph: the same MAC addresses elsewhere are no end of this cable: ids tell", () => {
  const lab = (name: string, id: string, mac: string, peer: string, peerId: string) =>
    node(name, id, { name: "eth0", mac, peer, peerId });
  deepStrictEqual(
    drawn(
      lab("p", "11", A, B, "12"),
      lab("q", "12", B, A, "11"),
      lab("x", "21", A, B, "22"),
      lab("y", "22", B, A, "21"),
    ),
    ["p:eth0 open q:eth0", "x:eth0 open y:eth0"],
  );
});

Deno.test("graph: where MAC addresses and ids are the same, what was heard tells", () => {
  const ends = (mac: string, peer: string, mine: number, theirs: number, names: number[]) =>
    names.map((vlan, i) => ({
      name: `eth0.${vlan}/${i}`.replace(/\/.*/, ""),
      mac,
      peer,
      addresses: [`10.0.${i}.${mine}/24`],
      heard: [`10.0.${i}.${theirs}/24`],
    }));
  deepStrictEqual(
    drawn(
      node("x", "", ...ends(A, B, 1, 2, [10, 20, 30])),
      node("y", "", ...ends(B, A, 2, 1, [30, 10, 20])),
    ),
    ["x:eth0.10 open y:eth0.30", "x:eth0.20 open y:eth0.10", "x:eth0.30 open y:eth0.20"],
  );
  const silent = (mac: string, peer: string) =>
    [10, 20].map((vlan) => ({ name: `eth0.${vlan}`, mac, peer }));
  deepStrictEqual(
    drawn(node("x", "", ...silent(A, B)), node("y", "", ...silent(B, A))),
    ["x:eth0.10 open y:eth0.10", "x:eth0.20 open y:eth0.20"],
    "else names that are the same",
  );
});

Deno.test("graph: a node that is cabled to itself has one cable, and not two halves", () => {
  deepStrictEqual(
    drawn(node("x", "01", { name: "eth0", mac: A, peer: B }, { name: "eth1", mac: B, peer: A })),
    ["x:eth0 open x:eth1"],
  );
});

Deno.test("graph: several peers on one interface are several cables, in the order of interfaces", () => {
  deepStrictEqual(
    drawn(
      node("x", "", { name: "eth10", mac: A, peer: B }, { name: "eth9", mac: A, peer: C }, {
        name: "eth9",
        mac: A,
        peer: B,
      }),
    ),
    [`x:eth9 half :${B}`, `x:eth9 half :${C}`, `x:eth10 half :${B}`],
  );
});

const session = (peerMac: string, name: string, count: number): SessionView => ({
  id: 1,
  interfaceIndex: 2,
  interface: name,
  localMac: A,
  peerMac,
  peerId: "00:00:00:00:00:00:00:00:00:01",
  peerAttributes: [],
  state: "open",
  since: 0,
  learned: {
    4: Array.from({ length: count }, (_, i) => ({
      flags: 0,
      address: `10.0.${i >> 8}.${i & 255}`,
      prefixLength: 24,
    })),
    5: [{ flags: 0, address: "fe80::1", prefixLength: 64 }],
    6: [],
    7: [],
  },
  stale: false,
});

Deno.test("entry: what is published can be read again; a router's thousands of addresses are cut", () => {
  const view = session(B, "eth0", 3_000);
  const addresses = ["fe80::2/64", "10.0.0.9/24"];
  const read = readLink({ key: linkKey(view), value: linkValue(view, addresses), at: 0 });
  deepStrictEqual(read?.addresses, ["10.0.0.9/24", "fe80::2/64"], "link-local ones last");
  strictEqual(read?.peerAddresses.length, 8);
  deepStrictEqual([read?.interface, read?.mac, read?.peerMac, read?.peerId, read?.stale], [
    "eth0",
    A,
    B,
    view.peerId,
    false,
  ]);
  strictEqual(linkKey(session(B, "a\u0007b", 0)), `agent/links/a?b/${B}`);
});

Deno.test("property: whatever nodes publish, there are cables and no exception, each report in one", () => {
  const text = fc.oneof(fc.constantFrom(A, B, C, "eth0", "", "10.0.0.1/8"), fc.string());
  const value: fc.Arbitrary<Value> = fc.oneof(
    text,
    fc.record({
      mac: text,
      peerId: text,
      addresses: fc.oneof(fc.array(fc.oneof(text, fc.integer())), text, fc.boolean()),
      peerAddresses: fc.array(text),
      stale: fc.boolean(),
    }, { noNullPrototype: true }),
  );
  const key = fc.oneof(
    fc.tuple(fc.constantFrom("eth0", "eth1", "a b"), fc.constantFrom(A, B, C))
      .map(([name, mac]) => `agent/links/${name}/${mac}`),
    fc.constantFrom("agent/lsoe", "agent/links/", "agent/links/x/y"),
    fc.string(),
  );
  const entry = fc.record({ key, value, at: fc.constant(0) }, { noNullPrototype: true });
  const some = fc.uniqueArray(entry, { selector: ({ key }) => key, maxLength: 6 });
  fc.assert(
    fc.property(fc.array(some, { maxLength: 4 }), (lists) => {
      const nodes = lists.map((entries, i) => ({ id: `${i}`, node: `n${i}`, entries }));
      const reports = nodes.flatMap(({ entries }) => entries.filter((one) => readLink(one)));
      const ends = cablesOf(nodes).flatMap(({ a, b }) => [a, b])
        .filter((end) => end.interface !== null);
      strictEqual(ends.length, reports.length);
      for (const { addresses } of ends) ok(addresses.length <= 8);
    }),
    { numRuns: 500 },
  );
});
