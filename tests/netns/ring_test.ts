/** The ring between namespaces: real interfaces, cables that are pulled, nodes that move, a full disk. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import type { RingView } from "../../lib/http/api.ts";
import { type AgentProcess, Place, type Spawn, until } from "../e2e/harness.ts";
import { checkKilled, RingServers } from "../e2e/ring_servers.ts";
import { freePort } from "../ports.ts";
import { type Lab, netnsTest, type Node } from "./harness.ts";

/** A ring of five on a switch: 192.0.2.1 to .5. */
async function five(lab: Lab, place: Place) {
  const all = await lab.nodes("a", "b", "c", "d", "e");
  await lab.switch(all, { ipv4: "192.0.2" });
  const sites = all.map((node, i) => ({
    host: `192.0.2.${i + 1}`,
    port: 55_552,
    spawn: node.spawn,
  }));
  return { all, ring: new RingServers(place, sites) };
}

netnsTest("netns ring: 10 000 messages from 3 clients; then a server is killed", async (lab) => {
  await using place = new Place();
  const { all, ring } = await five(lab, place);
  await ring.startAll();
  const send = (name: string, at: number, ...args: string[]) =>
    ring.send(name, ["-i", "1ms", ...args], (all[at] as Node).spawn);
  const clients = [
    send("one", 0, "-n", "3334"),
    send("two", 1, "-n", "3333", "-r"),
    send("three", 3, "-n", "3333", "-s", "192.0.2.5"),
  ];
  for (const client of clients) strictEqual((await client.result(120_000)).code, 0, client.stderr);
  const sent = ["one", "two", "three"].flatMap((name) => ring.sent(name));
  strictEqual(sent.length, 10_000);
  for (const index of ring.sites.keys()) {
    const counts = ring.counts(index);
    strictEqual(sent.filter((text) => counts.get(text) !== 1).length, 0, `s${index}`);
    strictEqual(counts.size, new Set(sent).size);
  }
  const more = [0, 1, 3].map((to) => send(`to${to}`, to, "-n", "1500", "-s", `s${to}`));
  await until("it runs", () => ring.sent("to0").length > 300);
  ring.servers[4]?.kill("SIGKILL");
  await until("it goes on without", () => ring.log(3, "error").length > 100);
  ring.start(4);
  for (const client of more) strictEqual((await client.result(120_000)).code, 0, client.stderr);
  await ring.whole();
  await ring.quiet([0, 1, 2, 3, 4]);
  checkKilled(ring, 4, [...sent, ...["to0", "to1", "to3"].flatMap((name) => ring.sent(name))]);
  await ring.stop();
});

netnsTest("netns ring: a cable that is pulled is noticed by the missing answer", async (lab) => {
  await using place = new Place();
  const { all, ring } = await five(lab, place);
  Deno.writeTextFileSync(
    `${place.dir}/ring.toml`,
    '[ring]\nkeep_alive = "1s"\nanswer_timeout = "2s"\nidle_timeout = "5s"\nreconnect = "1s"\n' +
      'connect_timeout = "1s"\ncheck_peers = true\npeer_port = 55553\n',
  );
  await ring.startAll();
  deepStrictEqual((await ring.view(0))?.members[1]?.address, "192.0.2.2:55553");
  const before = place.start(
    ["ring", "send", "-s", "192.0.2.1:55552", "-n", "1", "-m", "from a client"],
    { spawn: all[1].spawn },
  );
  strictEqual((await before.result()).code, 0);
  const [a] = all;
  const name = all[2]?.interfaces[0] as string;
  await all[2]?.ip("link", "set", name, "down");
  await until(
    "s0 knows",
    async () => (await ring.view(0))?.members[2]?.state !== "up",
  );
  const { members } = await ring.view(0) as RingView;
  match(members[2]?.trouble ?? "", /no answer within 2000 ms|cannot be reached|no connection/);
  const client = ring.send("one", ["-n", "20", "-i", "1ms", "-s", "s0"], a.spawn);
  strictEqual((await client.result()).code, 0);
  for (const index of [0, 1, 3, 4]) {
    await until(`s${index} has all`, () => ring.counts(index).size === 21);
  }
  await until("half-open connections end", async () => {
    const view = await ring.view(0) as RingView;
    return view.members[2]?.incoming === false && view.members[2].noLink === 20;
  });
  await all[2]?.ip("link", "set", name, "up");
  await ring.whole();
  strictEqual(ring.counts(2).size, 1);
  await ring.stop();
});

netnsTest("netns ring: members are nodes, and are followed when they move", async (lab) => {
  await using place = new Place();
  const all = await lab.nodes("a", "b", "c");
  const c = all[2];
  // Link-local addresses alone.
  await lab.switch(all);
  const toml = `[[network]]\nkey_file = "${place.keyFile}"\ninterfaces = ["veth*"]\n` +
    '[ring]\nenabled = true\nmembers = ["a", "b", "c"]\nreconnect = "1s"\nanswer_timeout = "2s"\n' +
    'keep_alive = "1s"\n';
  const start = (node: Node) => place.agent(node.label, { toml, spawn: node.spawn });
  const agents: AgentProcess[] = [];
  for (const node of all) agents.push(await start(node));
  const views = () => Promise.all(agents.map((one) => one.request<RingView>("GET", "/v1/ring")));
  const whole = (what: string) =>
    until(
      what,
      async () =>
        (await views()).every(({ members }) =>
          members.every(({ state, incoming }) => state === "self" || (state === "up" && incoming))
        ),
      () => agents.map(({ stderr }) => stderr).join("\n"),
    );
  await whole("the ring is there over link-local addresses");
  match((await views())[0]?.members[1]?.address ?? "", /fe80::2%veth0/);
  const lines = (name: string) =>
    Deno.readTextFileSync(`${place.dir}/${name}/ring/ring.log`).split("\n").slice(0, -1);
  const send = async (from: AgentProcess, text: string) => {
    const result = await from.start("ring", "send", "-n", "1", "-m", text, "-s", from.name)
      .result();
    strictEqual(result.code, 0, result.stderr);
    for (const name of ["a", "b", "c"]) {
      await until(
        `${name} has "${text}"`,
        () => lines(name).filter((line) => line.slice(20) === text).length === 1,
      );
    }
  };
  await send(agents[1] as AgentProcess, "over link-local");
  // They get IPv4 addresses, and tell them.
  for (const [i, node] of all.entries()) {
    await node.ip("addr", "add", `198.51.100.${i + 1}/24`, "dev", "veth0");
  }
  await until(
    "the addresses are followed",
    async () =>
      (await views()).every(({ members }) =>
        members.every(({ state, address }) =>
          state === "self" || address?.startsWith("198.51.100.")
        )
      ),
  );
  await whole("the ring is there over IPv4");
  await c.ip("addr", "del", "198.51.100.3/24", "dev", "veth0");
  await c.ip("addr", "add", "198.51.100.77/24", "dev", "veth0");
  await until(
    "c is found at its new address",
    async () => (await views())[0]?.members[2]?.address === "198.51.100.77:55552",
  );
  await whole("the ring is there after c moved");
  await send(agents[0] as AgentProcess, "after the move");
  const status = await (agents[0] as AgentProcess).cli("ring", "status", "--json");
  deepStrictEqual(status.json<RingView>().members.map(({ name }) => name), ["a", "b", "c"]);
});

netnsTest("a full disk: served on, reported, nothing torn, and whole again", async () => {
  await using place = new Place();
  const logs = `${place.dir}/logs`;
  Deno.mkdirSync(logs);
  // A mount namespace of its own: the mount is gone with the process, and nobody else sees it.
  const spawn: Spawn = (command, args, options) =>
    new Deno.Command("unshare", {
      ...options,
      args: [
        ...["--mount", "--", "sh", "-c"],
        `mount -t tmpfs -o size=64k none "${logs}" && exec "$0" "$@"`,
        ...[command, ...args],
      ],
    }).spawn();
  const port = freePort();
  const server = place.start(
    ["--socket", `${place.dir}/s.sock`, "ring", "serve", "--v0.1", "--listen", `127.0.0.1:${port}`]
      .concat("--log-dir", logs),
    { spawn },
  );
  await until("it listens", () => server.stderr.includes("listens on"), () => server.stderr);
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const read = async (count: number) => {
    const buffer = new Uint8Array(16_384);
    for (let got = 0; got < 4 * count;) got += await conn.read(buffer) ?? count * 4;
  };
  const say = async (from: number, count: number) => {
    const lines = Array.from({ length: count }, (_, i) => `message ${from + i} of many, many more`);
    await conn.write(new TextEncoder().encode(lines.map((line) => `${line}\r\n`).join("")));
    await read(count);
    return lines;
  };
  const sent: string[] = [];
  for (let i = 0; i < 3_000; i += 100) sent.push(...await say(i, 100));
  const seen = `/proc/${server.pid}/root${logs}`;
  const written = () => Deno.readTextFileSync(`${seen}/access.log`);
  ok(written().length > 40_000 && written().length <= 65_536);
  const lines = written().split("\n");
  strictEqual(lines.pop(), "", "the last line is whole");
  const texts = lines.map((line) => line.slice(20)).filter((line) => !line.startsWith("CONN"));
  deepStrictEqual(texts, sent.slice(0, texts.length));
  match(
    server.stderr,
    /warning: the ring's logs: .*(?:no space|No space).*; lines are lost; make room/,
  );
  // As logrotate would: the old file goes, and SIGHUP.
  Deno.removeSync(`${seen}/access.log`);
  server.kill("SIGHUP");
  await until("it writes again", async () => {
    await say(90_000, 1);
    try {
      return written().includes("message 90000 of many");
    } catch {
      return false;
    }
  });
  match(written(), /^\d{4}-\d\d-\d\d [\d:]{8} /);
  ok(!/\n[^\d ]/.test(written()));
  await conn.write(new TextEncoder().encode("shutdown\r\n"));
  await read(1);
  conn.close();
  strictEqual((await server.result()).code, 0);
});
