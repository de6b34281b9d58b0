/** Agents that find each other on real interfaces, with no address given, and cables that are pulled. */
import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import type { StateTree } from "../../lib/http/api.ts";
import { type AgentProcess, Place, until } from "../e2e/harness.ts";
import { netnsTest, type Node, plugAgain } from "./harness.ts";

/** How an agent in a namespace sees its network. A dead peer is noticed after 1.5 s. */
const toml = (place: Place, timers = 'keep_alive = "500ms"\nkeep_alive_multiplier = 3') =>
  `[[network]]\nkey_file = "${place.keyFile}"\ninterfaces = ["veth*"]\n${timers}\n`;

function start(place: Place, node: Node, timers?: string): Promise<AgentProcess> {
  return place.agent(node.label, {
    toml: toml(place, timers),
    spawn: node.spawn,
  });
}

/** Until what one agent sets is seen by all. */
async function shared(from: AgentProcess, all: AgentProcess[], key: string, value: unknown) {
  await from.set({ [key]: value });
  for (const agent of all) {
    await until(
      `${agent.name} has ${key} of ${from.name}`,
      async () => (await agent.values())[`${from.name}:${key}`] === value,
      () => agent.stderr,
    );
  }
}

const alone = (agent: AgentProcess) =>
  until(
    `${agent.name} is alone`,
    async () => (await agent.nodes()).length === 1,
    () => agent.stderr,
  );

/** Addresses go with the link where the kernel takes it down, and come back with it. */
async function up(node: Node, name: string, n: number): Promise<void> {
  await node.ip("link", "set", name, "up");
  await node.ip("addr", "replace", `fe80::${n}/64`, "dev", name, "nodad");
}

netnsTest("netns agent: two on a cable meet, and meet again when it was pulled", async (lab) => {
  await using place = new Place();
  const [one, two] = await lab.nodes("a", "b");
  const [end] = await lab.cable(one, two);
  const [a, b] = await Promise.all([start(place, one), start(place, two)]);
  await place.meet(a, b);
  await shared(a, [a, b], "x", 1);
  await shared(b, [a, b], "y", { deep: [true] }.deep[0]);
  const [peer] = await a.peers();
  deepStrictEqual([peer?.node, peer?.endpoint], ["b", end]);
  match(peer!.address, /fe80::2/);
  deepStrictEqual((await a.status()).networks[0]?.interfaces, [end]);

  await one.ip("link", "set", end, "down");
  await Promise.all([alone(a), alone(b)]);
  deepStrictEqual(Object.keys(await a.values()), ["a:x"]);
  // What changes meanwhile is there when they meet again.
  await a.set({ x: 2 });
  await b.set({ z: 3 });
  await up(one, end, 1);
  await place.meet(a, b);
  const all = { "a:x": 2, "b:y": true, "b:z": 3 };
  for (const agent of [a, b]) {
    await until("both know all", async () => Object.keys(await agent.values()).length === 3);
    deepStrictEqual(await agent.values(), all);
  }
  // For good: nobody flaps.
  const lost = a.logged(/lost peer/).length;
  await shared(a, [b], "x", 4);
  strictEqual(a.logged(/lost peer/).length, lost);
});

netnsTest("netns agent: an interface that is deleted and made anew is used anew", async (lab) => {
  await using place = new Place();
  const [one, two] = await lab.nodes("a", "b");
  const [endA, endB] = await lab.cable(one, two);
  const [a, b] = await Promise.all([start(place, one), start(place, two)]);
  await place.meet(a, b);
  await one.unplug(endA);
  await Promise.all([alone(a), alone(b)]);
  await until(
    "the interface is gone",
    async () => (await a.status()).networks[0]?.interfaces.length === 0,
  );
  await plugAgain(one, endA, two, endB);
  await place.meet(a, b);
  await shared(a, [a, b], "after", "all");
  // And an interface that was not there at the start.
  const third = await lab.node("c");
  await lab.cable(two, third);
  const c = await start(place, third);
  await place.meet(a, b, c);
  await shared(c, [a, b, c], "over two", "hops");
});

netnsTest("netns agent: a link without IPv6", async (lab) => {
  await using place = new Place();
  const [one, two] = await lab.nodes("a", "b");
  await lab.cable(one, two, { ipv6: false, ipv4: "192.0.2" });
  const [a, b] = await Promise.all([start(place, one), start(place, two)]);
  await place.meet(a, b);
  await shared(a, [a, b], "x", 1);
  match((await a.peers())[0]!.address, /^192\.0\.2\.2(:\d+)?$/);
});

netnsTest("netns agent: an address that is still being checked for duplicates", async (lab) => {
  await using place = new Place();
  const [one, two] = await lab.nodes("a", "b");
  await lab.cable(one, two, { dad: true });
  const [a, b] = await Promise.all([start(place, one), start(place, two)]);
  await place.meet(a, b);
  await shared(a, [a, b], "x", 1);
  deepStrictEqual((await a.status()).problems, []);
});

netnsTest(
  "netns agent: five on a switch, a guest without an address, and one who leaves",
  async (lab) => {
    await using place = new Place();
    const five = await lab.nodes("a", "b", "c", "d", "e");
    const guest = await lab.node("guest");
    const ends = await lab.switch([...five, guest]);
    const agents = await Promise.all(five.map((node) => start(place, node)));
    await place.meet(...agents);
    await Promise.all(agents.map((agent, i) => shared(agent, agents, "n", i)));
    const hashes = async () =>
      new Set(
        await Promise.all(
          agents.map(async (agent) => (await agent.status()).networks[0]?.networkHash),
        ),
      );
    await until("all agree", async () => (await hashes()).size === 1);

    // The classroom: no address typed, nothing running here.
    Deno.writeTextFileSync(`${place.dir}/guest.toml`, toml(place));
    const leafy = (...words: string[]) =>
      place.start(["--config", `${place.dir}/guest.toml`, "--leafy", ...words, "--json"], {
        spawn: (command, args, options) => guest.spawn(command, args, options),
      }).result();
    const read = await leafy("read", "n");
    strictEqual(read.code, 0, read.stderr);
    deepStrictEqual(
      Object.entries(read.json<StateTree>()).map(([node, { n }]) => `${node}${n?.value}`),
      ["a0", "b1", "c2", "d3", "e4"],
    );
    const published = await leafy("publish", "robot=ready", "--ttl", "30s");
    strictEqual(published.code, 0, published.stderr);
    const { node } = published.json<{ node: string }>();
    for (const agent of agents) {
      await until(
        "all see the guest",
        async () => (await agent.values())[`${node}:robot`] === "ready",
      );
    }

    // A switch keeps the carrier of the others up: only silence tells that one has gone.
    await five[4]!.ip("link", "set", ends[4]!, "down");
    await until("four are left", async () => (await agents[0]!.nodes()).length === 4);
    await place.meet(...agents.slice(0, 4));
    await up(five[4]!, ends[4]!, 5);
    await place.meet(...agents);
    await agents[1]!.kill();
    await until("b is gone", async () => (await agents[3]!.nodes()).length === 4);
  },
);

netnsTest(
  "netns agent: twelve on a switch: a dense link, and few streams for most",
  async (lab) => {
    await using place = new Place();
    const twelve = await lab.nodes("a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l");
    await lab.switch(twelve);
    const agents = await Promise.all(twelve.map((node) => start(place, node, "")));
    await place.meet(...agents);
    await shared(agents[0]!, agents, "x", 1);
    await shared(agents[7]!, agents, "y", 2);
    const counts = async () =>
      (await Promise.all(agents.map(async (agent) => (await agent.peers()).length)))
        .sort((x, y) => x - y);
    await until(
      "ten have two streams each, to one that has one to all",
      async () => {
        const all = await counts();
        return all.slice(0, 10).every((count) => count <= 3) && all.at(-1)! >= 11;
      },
      () => agents.map(({ stderr }) => stderr).join("\n"),
    );
    await place.meet(...agents);
    await shared(agents[3]!, agents, "z", 3);
  },
);
