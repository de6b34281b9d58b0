/** Profile `hncp` between real agents, on cables and switches made of network namespaces. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { encodeHncpVersion, hncpProfile, TlvEncoder } from "../../lib/dncp/mod.ts";
import type { NodeRow, StateEvent } from "../../lib/http/api.ts";
import { concat } from "../../lib/wire/bytes.ts";
import { offences } from "../dncp/pysyma_rules.ts";
import { type AgentProcess, Place, until } from "../e2e/harness.ts";
import { Watch } from "../e2e/watch.ts";
import { netnsTest, type Node } from "./harness.ts";

const toml = (more = "", agent = "") =>
  `[agent]\n${agent}\n[[network]]\nname = "old"\nprofile = "hncp"\ninterfaces = ["veth*"]\n${more}\n`;

function start(place: Place, node: Node, name: string, config = toml()): Promise<AgentProcess> {
  return place.agent(name, {
    toml: config,
    spawn: node.spawn,
  });
}

const values = (agent: AgentProcess, wanted: Record<string, unknown>, what: string) =>
  until(
    what,
    async () => JSON.stringify(sorted(await agent.values())) === JSON.stringify(sorted(wanted)),
    () => agent.stderr,
  );

const sorted = (object: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(object).sort(([a], [b]) => a < b ? -1 : 1));

netnsTest(
  "hncp: two agents on a cable agree, see changes, and find each other again",
  async (lab) => {
    await using place = new Place();
    const [a, b] = [await lab.node("a"), await lab.node("b")];
    const [ethA] = await lab.cable(a, b);
    const [one, two] = await Promise.all([start(place, a, "one"), start(place, b, "two")]);
    await place.meet(one, two);
    await one.set({ "heating/target": 21.5 });
    await two.set({ door: { open: true }, "ä": "ü" });
    const all = { "one:heating/target": 21.5, "two:door": { open: true }, "two:ä": "ü" };
    await values(one, all, "one sees all");
    await values(two, all, "two sees all");
    const [peer] = await one.peers();
    match(peer?.address ?? "", /^\[fe80::2%veth0\]:8231$/);
    const status = await one.status();
    strictEqual(status.networks[0]?.profile, "hncp");
    ok((status.networks[0]?.stateLimitBytes ?? 0) < 3_960);

    await a.ip("link", "set", ethA, "down");
    await until("one is alone", async () => (await one.nodes()).length === 1);
    await a.ip("link", "set", ethA, "addrgenmode", "none", "up");
    await a.ip("addr", "add", "fe80::1/64", "dev", ethA, "nodad");
    await place.meet(one, two);
    await values(two, all, "all is there again");

    // Who leaves in order is gone at once, and not after 42 s of silence.
    await two.stop();
    await until("two is gone", async () => (await one.nodes()).length === 1);
  },
);

netnsTest("hncp: five agents on a switch agree on everything", async (lab) => {
  await using place = new Place();
  const nodes = [];
  for (const label of ["a", "b", "c", "d", "e"]) nodes.push(await lab.node(label));
  await lab.switch(nodes);
  const agents = await Promise.all(nodes.map((node) => start(place, node, `n-${node.label}`)));
  await place.meet(...agents);
  const all: Record<string, unknown> = {};
  for (const [i, agent] of agents.entries()) {
    await agent.set({ number: i });
    all[`${agent.name}:number`] = i;
  }
  for (const agent of agents) await values(agent, all, `${agent.name} sees all`);
  await until("all have one network hash", async () => {
    const states = await Promise.all(agents.map((agent) => agent.status()));
    return new Set(states.map(({ networks }) => networks[0]?.networkHash)).size === 1;
  });
});

netnsTest(
  "hncp: a second agent of a computer joins through the first, and follows it",
  async (lab) => {
    await using place = new Place();
    const [a, b] = [await lab.node("a"), await lab.node("b")];
    await lab.cable(a, b);
    const first = await start(place, a, "first");
    const other = await start(place, b, "other");
    const second = await start(place, a, "second");
    await place.meet(first, other, second);
    strictEqual(second.logged(/another program has UDP port 8231/).length, 1);
    deepStrictEqual((await second.status()).networks[0]?.interfaces, []);
    const [peer] = await second.peers();
    strictEqual(peer?.address, "[::1]:8231");
    await second.set({ x: 1 });
    await values(other, { "second:x": 1 }, "what the second sets reaches the other computer");
    await first.stop();
    await place.meet(other, second);
    strictEqual(second.logged(/is gone; using it/).length, 1);
    deepStrictEqual((await second.status()).networks[0]?.interfaces, ["veth0"]);
  },
);

netnsTest(
  "hncp: a key keeps networks apart, and its containers are read by those who have it",
  async (lab) => {
    await using place = new Place();
    const nodes = [await lab.node("a"), await lab.node("b"), await lab.node("c")] as const;
    await lab.switch(nodes);
    Deno.writeTextFileSync(`${place.dir}/shsp.key`, "foo\n", { mode: 0o600 });
    Deno.writeFileSync(`${place.dir}/same.key`, new TextEncoder().encode("foo"), { mode: 0o600 });
    const keyed = (file: string) => toml(`key_file = "${place.dir}/${file}"`);
    const one = await start(place, nodes[0], "one", keyed("shsp.key"));
    const two = await start(place, nodes[1], "two", keyed("same.key"));
    await one.set({ secret: 1 });
    await values(two, { "one:secret": 1 }, "two reads what one sealed");
    // Without the key its node is there, and its entries mean nothing.
    const open = await start(place, nodes[2], "open");
    await until("open has them as nodes", async () => (await open.nodes()).length === 3);
    deepStrictEqual(await open.values(), {});
  },
);

netnsTest(
  "hncp: leafy reads, publishes with a TTL and mirrors, from nearby and by name",
  async (lab) => {
    await using place = new Place();
    const [a, b, c] = [await lab.node("a"), await lab.node("b"), await lab.node("c")];
    await lab.switch([a, b, c]);
    const one = await start(place, a, "one");
    const two = await start(place, b, "two");
    await place.meet(one, two);
    await one.set({ "heating/target": 21.5 });
    await two.set({ door: 1 });
    const all = { "one:heating/target": 21.5, "two:door": 1 };
    await values(one, all, "one sees all");
    await values(two, all, "two sees all");
    Deno.writeTextFileSync(`${place.dir}/leaf.toml`, toml());
    const leaf = (...args: string[]) =>
      place.start(["--config", `${place.dir}/leaf.toml`, "--leafy", ...args], {
        spawn: (command, list, options) => c.spawn(command, list, options),
      });
    const seqnos = async () => (await one.nodes()).length;
    const before = await seqnos();
    for (const from of [["--from", "[fe80::1%veth0]"], ["--from", "[fe80::2%veth0]:8231"], []]) {
      const { code, stdout, stderr } = await leaf(
        "read",
        "heating/target",
        "door",
        "--json",
        ...from,
      )
        .result();
      deepStrictEqual([code, stderr], [0, ""]);
      const tree = JSON.parse(stdout) as Record<string, Record<string, { value: unknown }>>;
      strictEqual(tree.one?.["heating/target"]?.value, 21.5);
      strictEqual(tree.two?.door?.value, 1);
      deepStrictEqual(Object.keys(tree.one ?? {}), ["heating/target"]);
    }
    strictEqual(await seqnos(), before, "readers leave no trace");

    await using watch = await Watch.on(two);
    const publish = ["publish", "guest/x=7", "--via", "[fe80::1%veth0]"];
    const { code, stderr } = await leaf(...publish, "--ttl", "3s").result();
    deepStrictEqual([code, stderr], [0, ""]);
    const isGuest = (wanted: string) => ({ node, key, event }: StateEvent) =>
      node === "one" && key === "guest/x" && event === wanted;
    strictEqual((await watch.saw("one publishes for the leaf", isGuest("set"))).value, 7);
    await watch.saw("its time is over", isGuest("unset"));
    await values(two, all, "all else is there");

    const mirror = leaf("publish", "leaf/y=8", "--via", "[fe80::1%veth0]");
    const seen = async () => Object.keys(await two.values()).some((key) => key.endsWith(":leaf/y"));
    await until("the mirror is seen from afar", seen, () => mirror.stderr);
    mirror.kill("SIGTERM");
    strictEqual((await mirror.exited).code, 0);
    await values(two, all, "it is gone at once");
    const nobody = await leaf("read", "--from", "[fe80::9%veth0]", "--timeout", "1s").result();
    strictEqual(nobody.code, 3);
    strictEqual(nobody.complaints.length, 1, nobody.stderr);
  },
);

netnsTest("hncp: a gateway joins an old network and a sealed one", async (lab) => {
  await using place = new Place();
  const [a, b, c] = [await lab.node("a"), await lab.node("b"), await lab.node("c")];
  await lab.switch([a, b, c]);
  const native = (share: string) =>
    `[[network]]\nname = "home"\nkey_file = "${place.keyFile}"\ninterfaces = ["veth*"]\n${share}\n`;
  const old = await start(place, a, "old");
  const gate = await start(
    place,
    b,
    "gate",
    `${toml('share = ["heating/*"]')}${native('share = ["*"]')}`,
  );
  const young = await start(place, c, "young", native(""));
  await old.set({ "heating/target": 21.5, private: 1 });
  await young.set({ door: "open" });
  await values(
    young,
    { "young:door": "open", "gate:old/heating/target": 21.5 },
    "the young sees it",
  );
  await values(
    old,
    { "old:heating/target": 21.5, "old:private": 1, "gate:young/door": "open" },
    "the old sees the young",
  );
  await old.stop();
  await values(young, { "young:door": "open" }, "it goes with its node");
  deepStrictEqual((await gate.status()).problems, []);
});

/** A node that only plays along, or only listens. */
class Spy {
  readonly heard: { from: string; port: number; multicast: boolean; hex: string }[] = [];
  readonly nodes = new Map<string, boolean>();
  readonly problems: string[] = [];
  id = "";
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;

  constructor(node: Node, name: string, mute = false) {
    const child = node.spawn(Deno.execPath(), [
      ...["run", "-A", "--no-check", "--quiet", new URL("hncp_spy.ts", import.meta.url).pathname],
      ...[name, ...(mute ? ["mute"] : [])],
    ], { stdin: "piped", stdout: "piped", stderr: "inherit" });
    this.#writer = child.stdin.getWriter();
    this.#read(child.stdout);
  }

  async send(host: string, ...tlvs: Uint8Array[]): Promise<void> {
    await this.#writer.write(new TextEncoder().encode(`${host} ${concat(tlvs).toHex()}\n`));
  }

  async ready(): Promise<this> {
    await until("the spy is there", () => Promise.resolve(this.id !== ""));
    return this;
  }

  async stop(): Promise<void> {
    await this.#writer.close();
  }

  async #read(stdout: ReadableStream<Uint8Array>): Promise<void> {
    let rest = "";
    for await (const chunk of stdout.pipeThrough(new TextDecoderStream() as TransformStream)) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const told = JSON.parse(line);
        if (told.hex !== undefined) this.heard.push(told);
        else if (told.node !== undefined) this.nodes.set(told.node, told.there);
        else if (told.ready !== undefined) this.id = told.ready;
        else this.problems.push(told.problem);
      }
    }
  }
}

netnsTest(
  "hncp: every datagram of a real agent keeps the rules that pysyma and hnetd need",
  async (lab) => {
    await using place = new Place();
    const [a, b, c] = [await lab.node("a"), await lab.node("b"), await lab.node("c")];
    await lab.switch([a, b, c]);
    const spy = await new Spy(b, "veth0").ready();
    const one = await start(place, a, "one");
    const two = await start(place, c, "two");
    await until("all see all", async () => (await one.nodes()).length === 3);
    const [foreign] = (await one.nodes()).filter(({ id }) => id === spy.id);
    strictEqual(foreign?.name, spy.id);
    deepStrictEqual(foreign?.tlvs, [{ type: 35, length: 0, name: "assigned-prefix" }]);
    const own = (await one.nodes()).find(({ self }) => self) as NodeRow;
    deepStrictEqual(own.tlvs?.map(({ name }) => name), ["hncp-version"]);
    for (let i = 0; i < 5; i++) {
      const before = spy.heard.length;
      await one.set({ [`key ${i}`]: i, text: "ü".repeat(20 * i) });
      await until("the spy hears of it", () => Promise.resolve(spy.heard.length > before));
    }
    await one.request("DELETE", "/v1/state/text");
    const isGone = (id: string) => () => Promise.resolve(spy.nodes.get(id) === false);
    const ids = [(await one.status()).id, (await two.status()).id] as const;
    await two.stop();
    await until("two is gone", isGone(ids[1]));
    await one.stop();
    await until("one is gone", isGone(ids[0]));
    const kinds = new Set(spy.heard.map(({ multicast }) => multicast));
    deepStrictEqual([...kinds].sort(), [false, true]);
    const found = spy.heard.flatMap(({ hex, multicast, port }) => [
      ...offences(Uint8Array.fromHex(hex), { multicast }),
      ...(port === 8231 ? [] : [`from port ${port}`]),
    ]);
    deepStrictEqual(found, []);
    // One a change at the least, and those by which they met and left.
    ok(spy.heard.length > 6, `${spy.heard.length}`);
    await spy.stop();
  },
);

netnsTest(
  "hncp: what comes from odd places, or is odd, changes nothing and ends nothing",
  async (lab) => {
    await using place = new Place();
    const [a, b] = [await lab.node("a"), await lab.node("b")];
    await lab.cable(a, b);
    // A global address beside the link-local one: RFC 7788 §3 wants its datagrams dropped.
    await a.ip("addr", "add", "2001:db8::1/64", "dev", "veth0", "nodad");
    await b.ip("addr", "add", "2001:db8::2/64", "dev", "veth0", "nodad");
    const one = await start(place, a, "one");
    const spy = await new Spy(b, "veth0", true).ready();
    await until("the agent multicasts", () => Promise.resolve(spy.heard.length > 0));
    const id = (await one.status()).id;
    const encode = new TlvEncoder(hncpProfile);
    const hash = new Uint8Array(8).fill(7);
    const me = "0a0b0c0d";
    const version = encodeHncpVersion({ m: 0, p: 0, h: 0, l: 0, userAgent: "x" });
    const data = concat([encode.peer(id, 3, 1), version]);
    // Our id claimed, a hash that does not fit, numbers about the wrap, TLVs in each other.
    await spy.send("fe80::1", encode.nodeEndpoint(id, 9), encode.networkState(hash));
    await spy.send("fe80::1", encode.nodeEndpoint(me, 1), encode.nodeState(me, 1, 0, hash, data));
    await spy.send(
      "fe80::1",
      encode.nodeEndpoint(me, 1),
      encode.nodeState(me, 0xffff_ffff, 0, hash),
    );
    let nested: Uint8Array = new Uint8Array(0);
    while (nested.length < 65_000) nested = hncpProfile.tlv.encode(1, nested);
    await spy.send("fe80::1", nested);
    await spy.send("fe80::1", new Uint8Array([0, 5, 255]));
    await spy.send("*", encode.nodeEndpoint(me, 1), encode.networkState(hash));
    await until(
      "it asks for what it was told of",
      () =>
        Promise.resolve(
          spy.heard.some(({ hex, multicast }) => !multicast && hex.includes("00010000")),
        ),
    );
    strictEqual((await one.nodes()).length, 1);
    const strangers = async () => (await one.metrics())["agent_hncp_strangers_total"];
    strictEqual(await strangers(), 0);
    const from = `Deno.listenDatagram({ transport: "udp", hostname: "2001:db8::2", port: 0 })`;
    const to = `{ transport: "udp", hostname: "fe80::1%veth0", port: 8231 }`;
    await b.run(
      Deno.execPath(),
      ...[
        "eval",
        "--unstable-net",
        `await ${from}.send(Uint8Array.of(0, 1, 0, 0), ${to}); Deno.exit()`,
      ],
    );
    await until("it is counted as a stranger's", async () => await strangers() === 1);
    strictEqual((await one.nodes()).length, 1);
    strictEqual(one.child.status, undefined);
    await spy.stop();
  },
);
