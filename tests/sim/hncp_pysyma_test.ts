/** Nothing that our nodes send ends a pysyma: every datagram of troubled networks is looked at. */
import { deepStrictEqual, ok } from "node:assert/strict";
import { encodeHncpVersion } from "../../lib/dncp/mod.ts";
import { ShspStateCodec } from "../../lib/state/mod.ts";
import { type Circumstances, offences } from "../dncp/pysyma_rules.ts";
import { runUntilConverged } from "./convergence.ts";
import { dncp } from "./dncp.ts";
import type { MachineFactory } from "./machine.ts";
import { monkey } from "./monkey.ts";
import type { SimNode } from "./node.ts";
import { line, mesh, shared } from "./topology.ts";

/** Real machines whose datagrams are all looked at. */
function watched(shspKey?: Uint8Array) {
  const found: string[] = [];
  const seen = { datagrams: 0, multicasts: 0 };
  const look = (payload: Uint8Array, around: Circumstances) => {
    for (const offence of offences(payload, around)) {
      if (found.length < 20) found.push(`${offence}: ${payload.toHex()}`);
    }
  };
  const keyed = shspKey && { shspKey };
  const machine: MachineFactory = (options) => {
    const { transport } = options;
    return dncp({
      ...options,
      transport: {
        multicast(endpoint, payload) {
          seen.multicasts++;
          look(payload, { multicast: true, ...keyed });
          transport.multicast(endpoint, payload);
        },
        datagram(endpoint, to, payload) {
          seen.datagrams++;
          look(payload, { multicast: false, ...keyed });
          transport.datagram(endpoint, to, payload);
        },
        dial: () => found.push("a dial"),
        write: () => found.push("a write") > 0,
        close: () => found.push("a close"),
      },
    });
  };
  return { machine, found, seen };
}

const version = encodeHncpVersion({ m: 0, p: 0, h: 0, l: 0, userAgent: "edge-agent/0" });

function publish(node: SimNode, codec: ShspStateCodec, round: number): void {
  const entries = Array.from({ length: 1 + node.index % 3 }, (_, i) => ({
    key: `k${i}/é"\\`,
    value: [round, { a: null, b: "ü\u0001" }, 0.1 + 0.2],
    at: 1_790_000_000_000 + round,
  }));
  node.publish([version, ...codec.encode(entries)]);
}

for (const shspKey of [undefined, new TextEncoder().encode("foo")]) {
  const kind = shspKey ? "keyed" : "keyless";
  Deno.test(`HNCP: nothing that a ${kind} network sends ends a pysyma`, () => {
    const codec = new ShspStateCodec(shspKey);
    for (const shape of [line, shared, mesh]) {
      for (const loss of [0, 0.2]) {
        const { machine, found, seen } = watched(shspKey);
        const world = shape(14, { seed: 3, machine, mode: "hncp", loss, multicastLoopback: true });
        for (const node of world.nodes) publish(node, codec, 0);
        const [a, b, c] = world.nodes as [SimNode, SimNode, SimNode];
        a.start();
        b.start({ copyOf: a });
        world.start();
        for (let round = 1; round < 20; round++) {
          publish(world.random.pick(world.nodes), codec, round);
          world.run(world.random.between(0, 3_000));
        }
        c.powerCut();
        world.run(70_000);
        c.start({ seqno: 1 });
        runUntilConverged(world, 300_000);
        deepStrictEqual(found, []);
        ok(seen.datagrams > 500 && seen.multicasts > 200, JSON.stringify(seen));
      }
    }
  });
}

Deno.test("HNCP: nothing that is sent among the tricks of a monkey ends a pysyma", () => {
  const { machine, found, seen } = watched();
  const options = {
    nodes: 7,
    ports: 2,
    links: 6,
    mode: "hncp" as const,
    steps: 300,
    limit: 75_000,
  };
  for (let seed = 1; seed <= 10; seed++) {
    monkey({ ...options, seed, machine, loss: 0.05, duplicate: 0.05, reorder: 0.05 });
  }
  deepStrictEqual(found, []);
  ok(seen.datagrams > 3_000, JSON.stringify(seen));
});

Deno.test("the rules see what would end a pysyma", () => {
  const bad: [RegExp, string, Circumstances?][] = [
    [/type 801 at top level/, "0003000801020304000000010321001001020304000000010000753000000000"],
    [/type 3 of length 12/, "0003000c0102030400000001002a0000"],
    [
      /sequence number 0/,
      "00030008010203040000000100050014010203040000000000000000d41d8cd98f00b204",
    ],
    [/no Node Endpoint/, "00010000"],
    [/a request to all/, "00030008010203040000000100010000", { multicast: true }],
    [
      /hash that does not fit/,
      "000300080102030400000001" +
      "000500180102030400000001000000000000000000000000002a0000",
    ],
    [/nonzero-padding/, "00030008010203040000000100410001780000ff"],
  ];
  for (const [message, hex, around = { multicast: false }] of bad) {
    const found = offences(Uint8Array.fromHex(hex), around);
    ok(found.some((offence) => message.test(offence)), `${message}: ${found}`);
  }
});
