/** LSOE where more than two share a link: bridges, and VLANs on a cable. */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { messageOf } from "../../lib/core/mod.ts";
import { skipReason } from "../skip.ts";
import { Place, until } from "../e2e/harness.ts";
import { netnsTest, type Node, type SwitchOptions } from "./harness.ts";
import { cables, linksOf, opened, session, sessionsOf, startLsoe } from "./lsoe.ts";

const DESTINATIONS: readonly [what: string, mac: string, options: SwitchOptions][] = [
  ["broadcast", "FF-FF-FF-FF-FF-FF", {}],
  ["a bridge that passes …03", "01-80-C2-00-00-03", { groupForwardMask: 1 << 3 }],
];

for (const [what, mac, options] of DESTINATIONS) {
  netnsTest(`netns lsoe: five on a bridge see each other: ${what}`, async (lab) => {
    await using place = new Place();
    const five = await lab.nodes("a", "b", "c", "d", "e");
    await lab.switch(five, options);
    const agents = await Promise.all(
      five.map((node) => startLsoe(place, node, { lsoe: `hello-multicast-macaddr = "${mac}"` })),
    );
    await opened(agents, "veth0", 4);
    await place.meet(...agents);
    for (const agent of agents) await cables(agent, 10);
    for (const [i, agent] of agents.entries()) {
      const nodes = (await sessionsOf(agent)).map(({ peerNode }) => peerNode).sort().join("");
      strictEqual(nodes, "abcde".replace("abcde"[i]!, ""));
      // Each has its own address, and a switch learns where everybody is: nobody moves.
      deepStrictEqual((await agent.status()).problems, []);
    }
    // One goes in order, and is nobody's neighbour any more.
    await agents[4]!.stop();
    await until(
      "six cables are left",
      async () => (await linksOf(agents[0]!)).filter(({ state }) => state === "open").length === 6,
    );
  });
}

netnsTest("netns lsoe: a bridge stops what is for the nearest bridge", async (lab) => {
  await using place = new Place();
  const [one, two, three] = await lab.nodes("a", "b", "c");
  await lab.switch([one, two]);
  await lab.cable(one, three);
  const [a, b, c] = await Promise.all([one, two, three].map((node) => startLsoe(place, node)));
  await place.meet(a!, b!, c!);
  // The cable beside it works, so HELLOs went out on the bridge as well; and nothing came.
  await opened([a!], "veth1");
  deepStrictEqual(await sessionsOf(b!), []);
  strictEqual((await b!.metrics())["agent_lsoe_frames_received_total"], 0);
});

const VLAN = "netns lsoe: a cable and two VLANs on it: three sessions";
netnsTest(VLAN, async (lab) => {
  await using place = new Place();
  const nodes = await lab.nodes("a", "b");
  await lab.cable(...nodes);
  const add = async (node: Node, id: number, n: number) => {
    const name = `veth0.${id}`;
    await node.ip("link", "add", "link", "veth0", "name", name, "type", "vlan", "id", String(id));
    await node.ip("link", "set", name, "up");
    await node.ip("addr", "add", `10.0.${id}.${n}/24`, "dev", name);
  };
  try {
    await add(nodes[0], 7, 1);
  } catch (error) {
    return void skipReason(VLAN, `the kernel has no VLANs: ${messageOf(error)}`);
  }
  await add(nodes[1], 7, 2);
  const [a, b] = await Promise.all(nodes.map((node) => startLsoe(place, node)));
  for (const [i, node] of nodes.entries()) await add(node, 9, i + 1);
  for (const name of ["veth0", "veth0.7", "veth0.9"]) await opened([a!, b!], name);
  await session(
    a!,
    "has the address in VLAN 9",
    ({ addresses }) => addresses.includes("10.0.9.2/24"),
  );
  await cables(a!, 3);
  for (const agent of [a!, b!]) {
    deepStrictEqual((await agent.status()).problems, []);
    strictEqual((await agent.metrics())["agent_lsoe_mac_moves_total"], 0);
  }
  await nodes[0].ip("link", "del", "veth0.7");
  await opened([a!, b!], "veth0");
  await opened([a!], "veth0.9");
});
