/** The gateway: real agents, one of them in two networks. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { monotonicClock } from "../../../lib/core/mod.ts";
import { GATEWAY_KEY } from "../../../lib/agent/network/gateway.ts";
import type { Network } from "../../../lib/agent/network/network.ts";
import { Place, type Running, until, valuesIn } from "../in_process.ts";

const now = () => [monotonicClock.now(), monotonicClock.wall()] as const;
const sameValues = (network: Network, wanted: Record<string, unknown>) => () => {
  const sorted = (values: Record<string, unknown>) => JSON.stringify(Object.entries(values).sort());
  return sorted(valuesIn(network)) === sorted(wanted);
};

/** An agent in two native networks; `share` of each. */
async function between(
  place: Place,
  name: string,
  west: { share: string[]; connect: string[] },
  east: { share: string[]; connect: string[] },
): Promise<Running> {
  const table = (name: string, { share, connect }: { share: string[]; connect: string[] }) =>
    `[[network]]\nname = "${name}"\nkey_file = "home.key"\nlisten = "127.0.0.1:0"\n` +
    `interfaces = []\nshare = ${JSON.stringify(share)}\nconnect = ${JSON.stringify(connect)}\n`;
  return await place.start(name, { toml: table("west", west) + table("east", east) });
}

Deno.test("gateway: matching entries cross, with their time, and go when the original goes", async () => {
  await using place = new Place();
  const w = await place.start("w");
  const e = await place.start("e");
  const gate = await between(place, "gate", {
    share: ["heating/*", "w:door"],
    connect: [w.address],
  }, {
    share: [],
    connect: [e.address],
  });
  const [west, east] = gate.agent.networks as [Network, Network];
  const [mono, wall] = now();
  w.network.own.set(mono, wall - 3_600_000, [["heating/target", 21.5], ["door", 1], ["other", 2]]);
  e.network.own.set(mono, wall, [["heating/east", 3]]);
  east.own.set(mono, wall, [["own", 4]]);
  const both = {
    "gate:w/heating/target": 21.5,
    "gate:w/door": 1,
    "gate:own": 4,
    "e:heating/east": 3,
  };
  await until("what is meant has crossed", sameValues(e.network, both));
  const gateId = east.machine.nodeId;
  const original = w.network.view.entry(w.network.machine.nodeId, "heating/target");
  strictEqual(e.network.view.entry(gateId, "w/heating/target")?.at, original?.at);
  deepStrictEqual(e.network.view.entry(gateId, GATEWAY_KEY)?.value, ["w"]);
  // Nothing goes the other way, and the gate's own entries stay where they are.
  deepStrictEqual(valuesIn(w.network), { "w:heating/target": 21.5, "w:door": 1, "w:other": 2 });
  w.network.own.unset(["heating/target"]);
  w.network.own.set(...now(), [["door", 2]]);
  await until(
    "changes cross",
    sameValues(e.network, { "gate:w/door": 2, "gate:own": 4, "e:heating/east": 3 }),
  );
  await place.stop(w);
  await until(
    "it goes with its node",
    sameValues(e.network, { "gate:own": 4, "e:heating/east": 3 }),
  );
  await until(
    "and so does the word of it",
    () => e.network.view.entry(gateId, GATEWAY_KEY) === undefined,
  );
  strictEqual(west.view.size, 1);
});

Deno.test("gateway: two of them share everything both ways, and nothing goes in circles", async () => {
  await using place = new Place();
  const w = await place.start("w");
  const e = await place.start("e");
  const all = (address: string) => ({ share: ["*"], connect: [address] });
  const one = await between(place, "one", all(w.address), all(e.address));
  const two = await between(place, "two", all(w.address), all(e.address));
  w.network.own.set(...now(), [["a", 1]]);
  e.network.own.set(...now(), [["b", 2]]);
  await until(
    "both copies are in the west",
    sameValues(w.network, { "w:a": 1, "one:e/b": 2, "two:e/b": 2 }),
  );
  await until(
    "both copies are in the east",
    sameValues(e.network, { "e:b": 2, "one:w/a": 1, "two:w/a": 1 }),
  );
  const seqnos = () =>
    [one, two].flatMap(({ agent }) => agent.networks.map((n) => n.machine.seqno));
  const before = seqnos();
  await new Promise((resolve) => setTimeout(resolve, 300));
  deepStrictEqual(seqnos(), before, "it has come to rest");
  w.network.own.unset(["a"]);
  await until("the east has only its own", sameValues(e.network, { "e:b": 2 }));
});

Deno.test("gateway: what does not fit is told, and the rest crosses", async () => {
  await using place = new Place();
  const w = await place.start("w");
  const e = await place.start("e");
  const gate = await between(place, "gate", { share: ["*"], connect: [w.address] }, {
    share: [],
    connect: [e.address],
  });
  const [, east] = gate.agent.networks as [Network, Network];
  east.own.set(...now(), [["ballast", "x".repeat(40_000)]]);
  w.network.own.set(...now(), [["big", "y".repeat(40_000)], ["small", 1]]);
  await until("the small one is there", () => "gate:w/small" in valuesIn(e.network));
  ok(!("gate:w/big" in valuesIn(e.network)));
  match(gate.agent.problems.current()[0] ?? "", /network east: 1 of 2 entries of network west/);
  east.own.unset(["ballast"]);
  w.network.own.set(...now(), [["small", 2]]);
  await until("there is room now", () => "gate:w/big" in valuesIn(e.network));
  deepStrictEqual(gate.agent.problems.current(), []);
});
