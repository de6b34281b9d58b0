/** Interfaces that come, go and change while agents run: what follows the kernel, and what does not move. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { InterfaceInfo } from "../../lib/net/mod.ts";
import { messageOf } from "../../lib/core/mod.ts";
import { type AgentProcess, Place, until } from "../e2e/harness.ts";
import { Actor, type Watched } from "./actor_client.ts";
import { netnsTest, type Node, plugAgain } from "./harness.ts";
import { skipReason } from "../skip.ts";

/** Both profiles, on the same interfaces. A dead peer of the first is noticed after 1.5 s. */
const toml = (place: Place, profile: "native" | "hncp") =>
  profile === "native"
    ? `[[network]]\nkey_file = "${place.keyFile}"\ninterfaces = ["veth*"]\n` +
      'keep_alive = "500ms"\nkeep_alive_multiplier = 3\n'
    : '[[network]]\nname = "old"\nprofile = "hncp"\ninterfaces = ["veth*"]\n';

function start(place: Place, node: Node, profile: "native" | "hncp" = "native") {
  return place.agent(node.label, {
    toml: toml(place, profile),
    spawn: node.spawn,
  });
}

const interfacesOf = async (agent: AgentProcess) =>
  (await agent.status()).networks[0]?.interfaces ?? [];

const uses = (agent: AgentProcess, ...names: string[]) =>
  until(
    `${agent.name} uses ${names.join(", ") || "no interface"}`,
    async () => (await interfacesOf(agent)).join() === names.join(),
    () => agent.stderr,
  );

async function bringUp(node: Node, name: string, n: number): Promise<void> {
  await node.ip("link", "set", name, "addrgenmode", "none", "up");
  await node.ip("addr", "replace", `fe80::${n}/64`, "dev", name, "nodad");
}

for (const profile of ["native", "hncp"] as const) {
  netnsTest(`netns follow: ${profile}: a cable that is plugged in while they run`, async (lab) => {
    await using place = new Place();
    const [one, two] = [await lab.node("a"), await lab.node("b")];
    const [a, b] = await Promise.all([start(place, one, profile), start(place, two, profile)]);
    await uses(a);
    await lab.cable(one, two);
    await place.meet(a, b);
    await uses(a, "veth0");
    // Deleted and made again, some times: another index, the same name.
    for (let round = 0; round < 3; round++) {
      await one.unplug("veth0");
      await uses(a);
      await uses(b);
      await plugAgain(one, "veth0", two, "veth0");
      await place.meet(a, b);
    }
    deepStrictEqual((await a.status()).problems, []);
  });

  netnsTest(`netns follow: ${profile}: an interface that gets another name`, async (lab) => {
    await using place = new Place();
    const [one, two] = [await lab.node("a"), await lab.node("b")];
    await lab.cable(one, two);
    const [a, b] = await Promise.all([start(place, one, profile), start(place, two, profile)]);
    await place.meet(a, b);
    const rename = async (from: string, to: string) => {
      await one.ip("link", "set", from, "down");
      await one.ip("link", "set", from, "name", to);
      await bringUp(one, to, 1);
    };
    // Still ours, as another one.
    await rename("veth0", "veth7");
    await uses(a, "veth7");
    await place.meet(a, b);
    // Both knew each other all the time; what is new is the way.
    await until("a peer on veth7", async () => (await a.peers())[0]?.endpoint === "veth7");
    // No longer ours; and ours again.
    await rename("veth7", "lan");
    await uses(a);
    await rename("lan", "veth0");
    await place.meet(a, b);
    await uses(a, "veth0");
  });
}

netnsTest("netns follow: a link that flaps fifty times, and then holds", async (lab) => {
  await using place = new Place();
  const [one, two] = [await lab.node("a"), await lab.node("b")];
  await lab.cable(one, two);
  const [a, b] = await Promise.all([start(place, one), start(place, two)]);
  await place.meet(a, b);
  for (let i = 0; i < 50; i++) {
    await one.ip("link", "set", "veth0", "down");
    await bringUp(one, "veth0", 1);
  }
  await place.meet(a, b);
  await a.set({ after: "all" });
  await until("b has it", async () => (await b.values())["a:after"] === "all", () => b.stderr);
  await uses(a, "veth0");
  // Meanwhile it could not send, and says so; nothing else is wrong.
  deepStrictEqual((await a.status()).problems.filter((each) => !/cannot send/.test(each)), []);
  // An interface that only blinks keeps its endpoint.
  strictEqual(a.logged(/veth0 is gone/).length, 0);
});

netnsTest("netns follow: what concerns nobody moves nothing", async (lab) => {
  await using place = new Place();
  const [one, two] = [await lab.node("a"), await lab.node("b")];
  await lab.cable(one, two, { ipv4: "192.0.2" });
  const [a, b] = await Promise.all([start(place, one), start(place, two)]);
  await place.meet(a, b);
  const before = (await a.peers())[0];
  await one.ip("link", "set", "veth0", "alias", "to the kitchen");
  await one.ip("link", "set", "veth0", "txqueuelen", "77");
  await one.ip("link", "set", "veth0", "mtu", "1400");
  await one.ip("addr", "add", "203.0.113.9/24", "dev", "veth0");
  await one.ip("-6", "addr", "add", "2001:db8::9/64", "dev", "veth0", "nodad");
  await one.ip("link", "add", "other", "type", "bridge");
  await one.ip("addr", "del", "203.0.113.9/24", "dev", "veth0");
  await one.ip("link", "del", "other");
  await one.ip("link", "set", "veth0", "mtu", "1300");
  await until("a knows of it", async () => {
    const { stdout } = await place.run("--socket", `${place.dir}/a.sock`, "interfaces", "--json");
    const rows = JSON.parse(stdout) as InterfaceInfo[];
    return rows.some(({ name, mtu, addresses }) =>
      name === "veth0" && mtu === 1_300 && addresses.includes("2001:db8::9/64")
    );
  });
  await a.set({ x: 1 });
  await until("b has it", async () => (await b.values())["a:x"] === 1);
  for (const agent of [a, b]) {
    strictEqual(agent.logged(/lost peer/).length, 0, agent.stderr);
    strictEqual(agent.logged(/using veth0/).length, 1, agent.stderr);
  }
  strictEqual((await a.peers())[0]?.address, before?.address);
});

netnsTest("netns follow: the address that is used goes, and another one comes", async (lab) => {
  await using place = new Place();
  const [one, two] = [await lab.node("a"), await lab.node("b")];
  await lab.cable(one, two);
  const [a, b] = await Promise.all([start(place, one), start(place, two)]);
  await place.meet(a, b);
  await one.ip("addr", "add", "fe80::77/64", "dev", "veth0", "nodad");
  await one.ip("addr", "del", "fe80::1/64", "dev", "veth0");
  await until(
    "b has a at its new address",
    async () =>
      (await b.peers()).some(({ node, address }) => node === "a" && /fe80::77/.test(address)),
    () => b.stderr,
  );
  await place.meet(a, b);
  // None at all: no endpoint. And back.
  await one.ip("addr", "del", "fe80::77/64", "dev", "veth0");
  await until("b is alone", async () => (await b.nodes()).length === 1, () => b.stderr);
  await one.ip("addr", "add", "fe80::1/64", "dev", "veth0", "nodad");
  await place.meet(a, b);
});

/** What the kernel told, brought into one order. */
const ordered = (all: readonly InterfaceInfo[]) =>
  all.map(({ addresses, ...rest }) => ({ ...rest, addresses: addresses.toSorted() }));

async function agrees(actor: Actor): Promise<Watched> {
  let last: Watched | undefined;
  await until("what was told is what is there", async () => {
    last = await actor.call({ do: "watched" }) as Watched;
    return JSON.stringify(ordered(last.followed)) === JSON.stringify(ordered(last.read));
  }, () => JSON.stringify(last));
  return last!;
}

netnsTest(
  "netns follow: more events than the kernel keeps for us: a new dump finds the truth",
  async (lab) => {
    const node = await lab.node("a");
    const actor = await Actor.start(node);
    await actor.call({ do: "watch" });
    strictEqual((await agrees(actor)).dumps, 1);
    Deno.kill(actor.pid, "SIGSTOP");
    const lines: string[] = ["link add flood type bridge", "link set flood up"];
    for (let round = 0; round < 4; round++) {
      for (const verb of ["add", "del"]) {
        for (let i = 0; i < 1_000; i++) {
          lines.push(`addr ${verb} 10.${round}.${i >> 8}.${i & 255}/32 dev flood`);
        }
      }
    }
    // The last word is lost, if nobody asks for it.
    lines.push("addr add 192.0.2.9/24 dev flood", "link add last type bridge");
    const file = await Deno.makeTempFile();
    try {
      await Deno.writeTextFile(file, lines.join("\n"));
      await node.run("ip", "-batch", file);
    } finally {
      await Deno.remove(file);
      Deno.kill(actor.pid, "SIGCONT");
    }
    const { dumps, followed } = await agrees(actor);
    ok(dumps >= 2, `${dumps} dumps`);
    deepStrictEqual(followed.find(({ name }) => name === "flood")?.addresses, ["192.0.2.9/24"]);
    // And it goes on to follow.
    await node.ip("link", "del", "last");
    await agrees(actor);
    await actor.stop();
  },
);

/** After each step, what was told is what is there. */
async function follows(actor: Actor, node: Node, steps: readonly string[]): Promise<void> {
  for (const step of steps) {
    await node.ip(...step.split(" "));
    await agrees(actor);
  }
  strictEqual((await agrees(actor)).dumps, 1, "all of it came as events");
}

netnsTest(
  "netns follow: bridges and their ports, interfaces on others, all that changes",
  async (lab) => {
    const node = await lab.node("a");
    const actor = await Actor.start(node);
    await actor.call({ do: "watch" });
    await follows(actor, node, [
      "link add x type veth peer name y",
      "link add br0 type bridge",
      "link set x master br0",
      "link set x up",
      "link set y up",
      "link set br0 up",
      "link add link y name y.7 type macvlan",
      "link set y.7 up",
      "addr add 192.0.2.1/24 dev y.7",
      "addr add 192.0.2.5 peer 192.0.2.6 dev y.7",
      "link set x nomaster",
      "link set y address 02:00:00:00:00:77",
      "link set x down",
      "link set x name z",
      "link set z up",
      "link set y mtu 9000",
      "link set y mtu 576",
      "link del br0",
      "link del z",
    ]);
    await actor.stop();
  },
);

const vlan = "netns follow: VLAN interfaces";
netnsTest(vlan, async (lab) => {
  const node = await lab.node("a");
  await node.ip("link", "add", "x", "type", "veth", "peer", "name", "y");
  const add = "link add link y name y.7 type vlan id 7";
  try {
    await node.ip(...add.split(" "));
  } catch (error) {
    skipReason(vlan, `the kernel has no VLANs: ${messageOf(error)}`);
    return;
  }
  await node.ip("link", "del", "y.7");
  const actor = await Actor.start(node);
  await actor.call({ do: "watch" });
  await follows(actor, node, [
    add,
    "link set x up",
    "link set y up",
    "link set y.7 up",
    "link del x",
  ]);
  await actor.stop();
});
