/** LSOE between two agents on a real cable: what they tell each other, and what may change. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { Place, until } from "../e2e/harness.ts";
import { netnsTest } from "./harness.ts";
import { cables, endsOf, linksOf, LsoeWatch, macOf, opened, session, startLsoe } from "./lsoe.ts";

netnsTest("netns lsoe: two on a cable, and all that they tell each other", async (lab) => {
  await using place = new Place();
  const [one, two] = await lab.nodes("a", "b");
  await lab.cable(one, two, { ipv4: "192.0.2" });
  await two.ip("addr", "add", "203.0.113.7/32", "dev", "lo");
  const [a, b] = await Promise.all([
    startLsoe(place, one),
    startLsoe(place, two, {
      lsoe: 'export-loopbacks = ["lo"]\nmpls-labels = [\n' +
        '  { prefix = "192.0.2.2/24", labels = [16001, 17] },\n' +
        '  { prefix = "fe80::2/64", labels = [16002] },\n]',
    }),
  ]);
  await place.meet(a, b);
  // IPv4, IPv6, and the labels of both: four lists.
  const row = await session(
    a,
    "has the labels of b",
    ({ state, labels, peerNode }) => state === "open" && labels.length === 2 && peerNode !== null,
  );
  deepStrictEqual(
    [row.interface, row.peerMac, row.peerNode],
    ["veth0", await macOf(two, "veth0"), "b"],
  );
  deepStrictEqual(row.labels, [
    { prefix: "192.0.2.2/24", labels: [16_001, 17] },
    { prefix: "fe80::2/64", labels: [16_002] },
  ]);
  for (const address of ["192.0.2.2/24", "fe80::2/64", "203.0.113.7/32"]) {
    ok(row.addresses.includes(address), `${address} in ${row.addresses}`);
  }
  const back = await session(b, "has the addresses of a", ({ addresses }) => addresses.length > 1);
  deepStrictEqual(back.addresses, ["192.0.2.1/24", "fe80::1/64"]);
  for (const agent of [a, b]) {
    let ends: string[] = [];
    await until(
      `${agent.name} sees each end with the addresses of its own interface`,
      async () => {
        ends = (await cables(agent, 1)).flatMap(endsOf);
        return ends.join() ===
          "a veth0 192.0.2.1/24 fe80::1/64,b veth0 192.0.2.2/24 fe80::2/64";
      },
      () => ends.join(),
    );
    const shown = await agent.cli("links");
    strictEqual(shown.code, 0);
    match(shown.stdout, /veth0 .*───.* (a|b) +veth0 /);
    deepStrictEqual((await agent.status()).problems, []);
  }
});

netnsTest("netns lsoe: a link that flaps fifty times, and then a session", async (lab) => {
  await using place = new Place();
  const [one, two] = await lab.nodes("a", "b");
  await lab.cable(one, two, { ipv4: "192.0.2" });
  const [a, b] = await Promise.all([startLsoe(place, one), startLsoe(place, two)]);
  await opened([a, b], "veth0");
  for (let i = 0; i < 50; i++) {
    await one.batch(["link set veth0 down", "link set veth0 up"]);
  }
  await one.ip("addr", "replace", "fe80::1/64", "dev", "veth0", "nodad");
  await opened([a, b], "veth0");
  await session(b, "has both addresses", ({ addresses }) => addresses.length === 2);
  await cables(a, 1);
  await cables(b, 1);
  deepStrictEqual((await a.status()).problems.filter((each) => !/cannot send/.test(each)), []);
});

netnsTest("netns lsoe: an address comes and goes, and the peer sees it", async (lab) => {
  await using place = new Place();
  const [one, two] = await lab.nodes("a", "b");
  await lab.cable(one, two);
  const [a, b] = await Promise.all([startLsoe(place, one), startLsoe(place, two)]);
  await opened([a, b], "veth0");
  const before = await session(b, "is open", ({ state }) => state === "open");
  for (
    const [address, nodad] of [["198.51.100.9/24", []], ["2001:db8::9/64", ["nodad"]]] as const
  ) {
    await one.ip("addr", "add", address, "dev", "veth0", ...nodad);
    await session(b, `sees ${address}`, ({ addresses }) => addresses.includes(address));
    await one.ip("addr", "del", address, "dev", "veth0");
    await session(b, `sees no ${address}`, ({ addresses }) => !addresses.includes(address));
  }
  // With duplicate detection: only once the kernel is done with it.
  await one.ip("addr", "add", "2001:db8::7/64", "dev", "veth0");
  await session(b, "sees it in the end", ({ addresses }) => addresses.includes("2001:db8::7/64"));
  await until(
    "the graph has it",
    async () => (await linksOf(b)).flatMap(endsOf).some((end) => end.includes("2001:db8::7/64")),
  );
  // All of that was one session.
  const after = await session(b, "is open", ({ state }) => state === "open");
  ok(after.sinceSeconds >= before.sinceSeconds);
  strictEqual(b.logged(/session closed/).length, 0, b.stderr);
});

netnsTest("netns lsoe: another MAC address: the old session goes, a new one comes", async (lab) => {
  await using place = new Place();
  const [one, two] = await lab.nodes("a", "b");
  await lab.cable(one, two);
  const [a, b] = await Promise.all([
    startLsoe(place, one),
    startLsoe(place, two, { lsoe: 'keepalive-receive-timeout = "3s"' }),
  ]);
  await opened([a, b], "veth0");
  const mac = "02:00:00:00:77:01";
  await one.ip("link", "set", "veth0", "address", mac);
  await session(b, "has the new one", ({ peerMac, state }) => peerMac === mac && state === "open");
  // The old one falls silent, and goes.
  await opened([a, b], "veth0");
  await cables(a, 1);
  await until(
    "the graph has it",
    async () => (await cables(b, 1)).some((cable) => [cable.a.mac, cable.b.mac].includes(mac)),
  );
});

/** Addresses as `ip` adds them, by the hundred. */
function addresses(verb: "add" | "del", count: number): string[] {
  return Array.from({ length: count }, (_, i) => [
    `addr ${verb} 10.9.${i >> 8}.${i & 255}/32 dev lo`,
    `addr ${verb} 2001:db8:9::${(i + 1).toString(16)}/128 dev lo`,
  ]).flat();
}

for (const mtu of [576, 1_500, 9_000]) {
  netnsTest(`netns lsoe: an MTU of ${mtu}, and lists that are longer`, async (lab) => {
    await using place = new Place();
    const [one, two] = await lab.nodes("a", "b");
    await lab.cable(one, two, { ipv4: "192.0.2" });
    for (const node of [one, two]) await node.ip("link", "set", "veth0", "mtu", String(mtu));
    const count = 400;
    await one.batch(addresses("add", count));
    const lsoe = 'export-loopbacks = ["lo"]\nmax-datagram = 9000';
    const [a, b] = await Promise.all([startLsoe(place, one, { lsoe }), startLsoe(place, two)]);
    await opened([a, b], "veth0");
    const has = (number: number) =>
      session(
        b,
        `has ${number} of both families`,
        ({ addresses }) =>
          addresses.filter((each) => /^10\.9\.|^2001:db8:9:/.test(each)).length === 2 * number,
      );
    await has(count);
    const sent = async () => (await a.metrics())["agent_lsoe_frames_sent_total"]!;
    const before = await sent();
    // A change sends the whole list again: in pieces that the interface takes.
    await one.batch(["addr del 10.9.0.0/32 dev lo", "addr del 2001:db8:9::1/128 dev lo"]);
    await has(count - 1);
    const pieces = 2_399 / (mtu - 8) + 7_187 / (mtu - 8);
    ok(await sent() - before >= Math.floor(pieces), `${await sent() - before} frames, ${pieces}`);
    // And another MTU while they run.
    for (const next of [1_400, 2_000]) {
      for (const node of [one, two]) await node.ip("link", "set", "veth0", "mtu", String(next));
      await one.ip("addr", "add", `10.9.200.${next / 200}/32`, "dev", "lo");
      await session(
        b,
        `hears more at an MTU of ${next}`,
        (row) => row.addresses.includes(`10.9.200.${next / 200}/32`),
      );
    }
    strictEqual(b.logged(/session closed/).length, 0, b.stderr);
    // The MTU was known in time: nothing was too long.
    strictEqual((await a.metrics())["agent_lsoe_send_errors_total"] ?? 0, 0);
  });
}

netnsTest("netns lsoe: an end that stops in order says so", async (lab) => {
  await using place = new Place();
  const [one, two] = await lab.nodes("a", "b");
  await lab.cable(one, two);
  const [a, b] = await Promise.all([startLsoe(place, one), startLsoe(place, two)]);
  await opened([a, b], "veth0");
  await session(b, "knows an address", ({ addresses }) => addresses.length > 0);
  const watch = await LsoeWatch.on(b);
  await a.stop();
  // The withdrawal comes at once; only then the silence begins.
  await watch.saw(
    "empty lists",
    ({ event, addresses }) => event === "learned" && addresses?.length === 0,
  );
  await until(
    "no cable is left",
    async () => (await linksOf(b)).every(({ state }) => state === "half"),
  );
  await watch.stop();
});
