/** LSOE where something goes away and comes back: interfaces, agents, frames. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { Place, until } from "../e2e/harness.ts";
import { netnsTest, plugAgain } from "./harness.ts";
import { cables, LsoeWatch, opened, session, sessionsOf, startLsoe } from "./lsoe.ts";
import { Raw } from "./raw_client.ts";

netnsTest("netns lsoe: an interface that is deleted and made again", async (lab) => {
  await using place = new Place();
  const [one, two] = await lab.nodes("a", "b");
  const [a, b] = await Promise.all([startLsoe(place, one), startLsoe(place, two)]);
  // It comes while they run, and comes again.
  await lab.cable(one, two, { ipv4: "192.0.2" });
  await opened([a, b], "veth0");
  for (let round = 0; round < 3; round++) {
    await one.unplug("veth0");
    for (const agent of [a, b]) {
      await until(
        "no session is left",
        async () => (await sessionsOf(agent)).length === 0,
        () => agent.stderr,
      );
    }
    await plugAgain(one, "veth0", two, "veth0", { ipv4: "192.0.2" });
    await opened([a, b], "veth0");
  }
  for (const agent of [a, b]) {
    await session(agent, "has both addresses", ({ addresses }) => addresses.length === 2);
    await cables(agent, 1);
    deepStrictEqual((await agent.status()).problems, []);
  }
});

netnsTest(
  "netns lsoe: an interface that gets another name, and one that may not speak",
  async (lab) => {
    await using place = new Place();
    const [one, two] = await lab.nodes("a", "b");
    await lab.cable(one, two);
    const [a, b] = await Promise.all([startLsoe(place, one), startLsoe(place, two)]);
    await opened([a, b], "veth0");
    const rename = async (from: string, to: string) => {
      await one.batch([
        `link set ${from} down`,
        `link set ${from} name ${to}`,
        `link set ${to} up`,
      ]);
      await one.ip("addr", "replace", "fe80::1/64", "dev", to, "nodad");
    };
    await rename("veth0", "veth9");
    await opened([a], "veth9");
    await opened([b], "veth0");
    await rename("veth9", "lan");
    await until("a has no session", async () => (await sessionsOf(a)).length === 0);
    // That the patterns mean nothing that is here is worth a word, while it lasts.
    const speechless = async () =>
      (await a.status()).problems.filter((each) => /speaks on no interface: .*\(lan\)/.test(each));
    await until("it says so", async () => (await speechless()).length === 1);
    await rename("lan", "veth0");
    await opened([a, b], "veth0");
    await until("it is over", async () => (await speechless()).length === 0);
  },
);

netnsTest("netns lsoe: an agent that is killed and started again", async (lab) => {
  await using place = new Place();
  const [one, two] = await lab.nodes("a", "b");
  await lab.cable(one, two, { ipv4: "192.0.2" });
  const [a, b] = await Promise.all([startLsoe(place, one), startLsoe(place, two)]);
  await opened([a, b], "veth0");
  const watch = await LsoeWatch.on(b);
  const { peerId } = (await sessionsOf(b))[0]!;
  await a.kill();
  const again = await a.again();
  const { reason } = await watch.saw("its restart", ({ event }) => event === "closed");
  strictEqual(reason, "the peer restarted");
  await watch.saw("the new session", ({ event }) => event === "opened");
  await opened([again, b], "veth0");
  // It is the same station under the same id, and says what it has.
  const row = await session(b, "has its addresses", ({ addresses }) => addresses.length === 2);
  strictEqual(row.peerId, peerId);
  await cables(b, 1);
  await watch.stop();
});

netnsTest("netns lsoe: a relay that loses 5 % of all frames", async (lab) => {
  await using place = new Place();
  const [one, two, middle] = await lab.nodes("a", "b", "m");
  await lab.cable(one, middle, { ipv4: "192.0.2" });
  await lab.cable(middle, two, { ipv4: "192.0.2" });
  await middle.batch(["addr flush dev veth0", "addr flush dev veth1"]);
  const relay = await Raw.relay(middle, "veth0", "veth1", 0.05);
  // A long list is six frames, all of which have to arrive.
  await one.batch(
    Array.from({ length: 400 }, (_, i) => `addr add 2001:db8:9::${i + 1}/128 dev lo`),
  );
  const lsoe = 'hello-interval = "500ms"\nretransmit-initial-interval = "100ms"\n' +
    'keepalive-send-interval = "50ms"\nkeepalive-receive-timeout = "2s"\n' +
    "retransmit-max-drop = 8\nretransmit-exponential-backoff = false\n" +
    'reorder-window = "20ms"\nexport-loopbacks = ["lo"]';
  const [a, b] = await Promise.all([
    startLsoe(place, one, { lsoe }),
    startLsoe(place, two, { lsoe }),
  ]);
  await opened([a, b], "veth0");
  const of = (prefix: string, count: number) =>
    session(
      b,
      `has ${count} of ${prefix}`,
      ({ addresses }) => addresses.filter((each) => each.startsWith(prefix)).length === count,
    );
  await of("2001:db8:9:", 400);
  for (let round = 1; round <= 10; round++) {
    await one.ip("addr", "add", `10.9.0.${round}/32`, "dev", "lo");
    await one.ip("addr", "add", `2001:db8:8::${round}/128`, "dev", "lo");
    await of("10.9.0.", round);
    await of("2001:db8:8:", round);
  }
  const { carried, lost } = await relay.relayed();
  ok(lost > 0.02 * carried, `${lost} lost, ${carried} carried`);
  ok((await a.metrics())["agent_lsoe_retransmissions_total"]! > 0);
  // In its pieces, and in spite of what was lost, nothing was taken for something else.
  strictEqual((await b.metrics())["agent_lsoe_bad_pdus_total"], 0);
  await relay.stop();
});
