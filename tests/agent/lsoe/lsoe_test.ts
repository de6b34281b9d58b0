/** LSOE as the agent runs it: on simulated cables, under virtual time. */
import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import { AgentError, ExitCode } from "../../../lib/core/mod.ts";
import { metricsOf } from "../../../lib/agent/metrics.ts";
import { Wires } from "../../sim/kernel.ts";
import { agents, LsoeAgent, lsoeTable, Shared } from "./world.ts";

const HELLO_TO_ALL = 'hello-multicast-macaddr = "FF-FF-FF-FF-FF-FF"\n';

Deno.test("lsoe: a cable shows on both nodes, with both interfaces and addresses, within a second", async () => {
  const wires = new Wires();
  const [a, b] = await agents(wires, 2) as [LsoeAgent, LsoeAgent];
  const events = a.events();
  const [x, y] = wires.cable(a.kernel, b.kernel);
  x.addresses = ["192.0.2.1/24", "fe80::1/64"];
  y.addresses = ["192.0.2.2/24"];
  wires.run(1_000);
  const [link] = a.links();
  deepStrictEqual(b.links(), [link]);
  deepStrictEqual([link?.a.node, link?.a.interface, link?.a.addresses], [
    "pi-1",
    "eth0",
    ["192.0.2.1/24", "fe80::1/64"],
  ]);
  deepStrictEqual([link?.b.node, link?.b.interface, link?.b.addresses, link?.state], [
    "pi-2",
    "eth0",
    ["192.0.2.2/24"],
    "open",
  ]);
  const [session] = a.service.sessions();
  strictEqual(session?.peerNode, "pi-2");
  deepStrictEqual(session?.addresses, ["192.0.2.2/24"]);
  deepStrictEqual([session?.state, session?.stale], ["open", false]);
  ok(session && session.sinceSeconds <= 1);
  deepStrictEqual(
    events.filter(({ event }) => ["opened", "linkUp"].includes(event)).map(({ event, pairs }) => [
      event,
      pairs,
    ]),
    [["opened", undefined], ["linkUp", [{ local: "192.0.2.1", remote: "192.0.2.2" }]]],
  );
  y.addresses = ["192.0.2.3/24"];
  wires.run(2_000);
  deepStrictEqual(a.links()[0]?.b.addresses, ["192.0.2.3/24"]);
  deepStrictEqual([...a.faults, ...b.faults, ...a.problems.current()], []);
  ok(a.log.some((line) => /^<6>LSOE: eth0: .*: session open$/.test(line)), a.log.join("\n"));
});

Deno.test("lsoe: a cable that is pulled, and an agent that stops, are gone from the graph", async () => {
  const wires = new Wires();
  const [a, b, c] = await agents(wires, 3) as [LsoeAgent, LsoeAgent, LsoeAgent];
  const [, y] = wires.cable(a.kernel, b.kernel);
  wires.cable(b.kernel, c.kernel);
  wires.run(1_000);
  deepStrictEqual(c.drawn(), ["pi-1:eth0 open pi-2:eth0", "pi-2:eth1 open pi-3:eth0"]);
  y.up = false;
  wires.run(2_000);
  // The other end only lost its carrier: its time-out decides.
  deepStrictEqual(c.drawn(), ["pi-1:eth0 half pi-2:null", "pi-2:eth1 open pi-3:eth0"]);
  y.up = true;
  wires.run(4_000);
  deepStrictEqual(c.drawn(), ["pi-1:eth0 open pi-2:eth0", "pi-2:eth1 open pi-3:eth0"]);
  await b.service.stop();
  deepStrictEqual(b.kernel.ports, []);
  deepStrictEqual(a.drawn(), ["pi-1:eth0 half null:null", "pi-3:eth0 half null:null"]);
  wires.run(4_100);
  deepStrictEqual(a.links()[0]?.b.addresses, [], "it said goodbye: nothing is announced any more");
  wires.run(70_000);
  deepStrictEqual(a.drawn(), []);
  deepStrictEqual([...a.faults, ...b.faults, ...c.faults], []);
});

Deno.test("lsoe: a cable that is out is said at once, and its session waits for it", async () => {
  const wires = new Wires();
  const [a, b, c] = await agents(wires, 3) as [LsoeAgent, LsoeAgent, LsoeAgent];
  const [x] = wires.cable(a.kernel, b.kernel);
  wires.cable(b.kernel, c.kernel);
  wires.run(1_000);
  const carriers = () => c.links().map(({ state, carrier }) => [state, carrier]);
  const sessions = () => a.service.sessions().map(({ state, carrier }) => [state, carrier]);
  deepStrictEqual([carriers(), sessions()], [[["open", true], ["open", true]], [["open", true]]]);
  const { sinceSeconds } = a.service.sessions()[0]!;
  const events = a.events();
  x.wire!.up = false;
  wires.run(1_600);
  deepStrictEqual(
    [carriers(), sessions()],
    [[["open", false], ["open", true]], [["open", false]]],
    "everybody sees which one",
  );
  x.wire!.up = true;
  wires.run(2_600);
  deepStrictEqual([carriers(), sessions()], [[["open", true], ["open", true]], [["open", true]]]);
  ok(a.service.sessions()[0]!.sinceSeconds > sinceSeconds + 1, "the same session");
  deepStrictEqual(events.map(({ event, interface: name, peerNode }) => [event, name, peerNode]), [
    ["noCarrier", "eth0", "pi-2"],
    ["carrier", "eth0", "pi-2"],
  ]);
  deepStrictEqual(a.log.slice(-2), [
    "<6>LSOE: eth0: pi-2: the cable is out; the session waits for it",
    "<6>LSOE: eth0: pi-2: the cable is back",
  ]);
  // An interface that is switched off is another matter: its sessions close.
  x.up = false;
  wires.run(3_000);
  deepStrictEqual(events.slice(2).map(({ event }) => event).includes("noCarrier"), false);
  deepStrictEqual([...a.faults, ...b.faults, ...c.faults], []);
});

Deno.test("lsoe: five agents on a bridge see all ten pairs; with the usual destination none", async () => {
  for (const [toml, pairs] of [[HELLO_TO_ALL, 10], ["", 0]] as const) {
    const wires = new Wires();
    const all = await agents(wires, 5, toml);
    const bridge = wires.bridge();
    for (const agent of all) bridge.connect(agent.kernel);
    wires.run(2_000);
    for (const agent of all) {
      strictEqual(agent.links().filter(({ state }) => state === "open").length, pairs);
      strictEqual(agent.links().length, pairs);
    }
  }
});

Deno.test("lsoe: a link that flaps makes two publications a second at the most", async () => {
  const wires = new Wires();
  const [a, b] = await agents(wires, 2) as [LsoeAgent, LsoeAgent];
  const [x] = wires.cable(a.kernel, b.kernel);
  wires.run(1_000);
  const before = a.published;
  const events = a.events();
  for (let i = 0; i < 100; i++) {
    wires.at(1_000 + i * 50, () => x.up = i % 2 === 1);
  }
  wires.run(6_000);
  ok(events.filter(({ event }) => event === "closed").length > 20, "it did flap");
  ok(a.published - before <= 11, `${a.published - before} publications in 5 s`);
  wires.run(10_000);
  deepStrictEqual(a.drawn(), ["pi-1:eth0 open pi-2:eth0"]);
});

Deno.test("lsoe: labels of the config and of the kernel reach the peer", async () => {
  const wires = new Wires();
  const shared = new Shared();
  const [a, b] = ["pi-1", "pi-2"].map((name) => new LsoeAgent(shared, wires.computer(name))) as [
    LsoeAgent,
    LsoeAgent,
  ];
  const [x] = wires.cable(a.kernel, b.kernel);
  x.addresses = ["192.0.2.1/24", "198.51.100.1/24", "2001:db8::1/64"];
  a.labels = [
    { prefix: "192.0.2.1/24", labels: [(100 << 4) | 1] },
    { prefix: "198.51.100.1/24", labels: [(200 << 4) | 1] },
  ];
  await a.start(
    'mpls-labels = [{ prefix = "192.0.2.1/24", labels = [16001, 16002] }, ' +
      '{ prefix = "2001:db8::1/64", labels = [3] }]\n',
  );
  await b.start();
  wires.run(1_000);
  deepStrictEqual(b.service.sessions()[0]?.labels, [
    { prefix: "192.0.2.1/24", labels: [16_001, 16_002] },
    { prefix: "198.51.100.1/24", labels: [200] },
    { prefix: "2001:db8::1/64", labels: [3] },
  ]);
  const entry = b.own.entries().find(({ key }) => key.startsWith("agent/links/"));
  deepStrictEqual((entry?.value as { peerLabels: unknown }).peerLabels, {
    "192.0.2.1/24": [16_001, 16_002],
    "198.51.100.1/24": [200],
    "2001:db8::1/64": [3],
  });
});

Deno.test("lsoe: without permission it says so once, in one line; the next attempt may succeed", async () => {
  const wires = new Wires();
  const agent = new LsoeAgent(new Shared(), wires.computer("pi-1"));
  agent.kernel.privileged = false;
  await agent.start();
  const line = "LSOE does not run: pi-1: raw frames need CAP_NET_RAW";
  deepStrictEqual(agent.problems.current(), [line]);
  deepStrictEqual(agent.log, [`<4>${line}`]);
  throws(
    () => agent.service.sessions(),
    (error) => error instanceof AgentError && error.exitCode === ExitCode.Refused,
  );
  strictEqual(agent.service.figures(), undefined);
  wires.run(200_000);
  await settled();
  deepStrictEqual(agent.problems.current(), [line], "still, and not repeated in the log");
  strictEqual(agent.log.length, 1);
  agent.kernel.privileged = true;
  wires.run(300_000);
  await settled();
  deepStrictEqual(agent.problems.current(), []);
  deepStrictEqual(agent.service.sessions(), []);
  deepStrictEqual(agent.faults, []);
});

/** What was begun by a machine and goes on in promises is done. */
async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

Deno.test("lsoe: a socket that fails is opened again, and the groups are joined again", async () => {
  const wires = new Wires();
  const [a, b] = await agents(wires, 2, "keepalive-receive-timeout = 5\n") as [
    LsoeAgent,
    LsoeAgent,
  ];
  wires.cable(a.kernel, b.kernel);
  wires.run(1_000);
  a.kernel.breakPorts("the kernel closed it");
  match(a.problems.current()[0] ?? "", /^LSOE does not run: the kernel closed it/);
  wires.run(30_000);
  deepStrictEqual(b.drawn(), [], "nothing is heard of it any more");
  ok((a.service.figures()?.sendErrors.get("closed") ?? 0) > 0);
  wires.run(62_000);
  await settled();
  wires.run(125_000);
  deepStrictEqual(b.drawn(), ["pi-1:eth0 open pi-2:eth0"]);
  deepStrictEqual(a.problems.current(), []);
});

Deno.test("lsoe: switched off, it says how to switch it on; a reload does, and off again", async () => {
  const wires = new Wires();
  const [a, b] = await agents(wires, 2) as [LsoeAgent, LsoeAgent];
  wires.cable(a.kernel, b.kernel);
  wires.run(1_000);
  const events = a.events();
  await a.service.configure({ ...lsoeTable(), enabled: false });
  deepStrictEqual(a.kernel.ports, []);
  deepStrictEqual(events.at(-1)?.event, "closed");
  deepStrictEqual(a.own.entries().map(({ key }) => key), ["agent/name"]);
  for (const call of [() => a.service.sessions(), () => a.service.subscribe(() => {})]) {
    throws(call, (error) => {
      ok(error instanceof AgentError);
      strictEqual(error.exitCode, ExitCode.NotThere);
      match(
        error.message,
        /^LSOE is switched off on this node; write enabled = true below \[lsoe\]/,
      );
      return true;
    });
  }
  await a.service.configure(lsoeTable());
  wires.run(3_000);
  strictEqual(events.at(-1)?.peerNode, "pi-2", "listeners stay across configs");
  deepStrictEqual(a.drawn(), ["pi-1:eth0 open pi-2:eth0"]);
  const before = events.length;
  await a.service.configure(lsoeTable());
  wires.run(4_000);
  strictEqual(events.length, before, "the same config again changes nothing");
});

Deno.test("lsoe: figures for the metrics: counters, sessions by state, what became of reports", async () => {
  const wires = new Wires();
  const [a, b] = await agents(wires, 2, 'report-rfc7752-url = "http://127.0.0.1:1/"\n') as [
    LsoeAgent,
    LsoeAgent,
  ];
  wires.cable(a.kernel, b.kernel);
  wires.run(1_000);
  const families = () =>
    metricsOf([], { version: "1", uptimeSeconds: 1, problems: 0, lsoe: a.service.figures() })
      .filter(({ name }) => name.startsWith("agent_lsoe_"));
  const samples = (name: string) =>
    Object.fromEntries(
      families().find((family) => family.name === name)?.samples.map(({ labels, value }) => [
        Object.values(labels ?? {})[0],
        value,
      ]) ?? [],
    );
  deepStrictEqual(samples("agent_lsoe_sessions"), { opening: 0, half: 0, open: 1 });
  deepStrictEqual(Object.keys(samples("agent_lsoe_reports_total")), ["sent", "retried", "dropped"]);
  strictEqual(families().find(({ name }) => name === "agent_lsoe_send_errors_total"), undefined);
  deepStrictEqual(samples("agent_lsoe_receive_losses_total"), {
    dropped: 0,
    truncated: 0,
    interface: 0,
  });
  a.kernel.breakPorts("gone");
  wires.run(3_500);
  ok(Number(samples("agent_lsoe_send_errors_total")["closed"]) > 0);
  for (const { name, help, type, samples } of families()) {
    match(name, /^agent_lsoe_[a-z_]+$/);
    strictEqual(name.endsWith("_total"), type === "counter", name);
    ok(help.endsWith(".") && samples.length > 0, name);
  }
  for (const agent of [a, b]) await agent.service.stop();
});

Deno.test("lsoe: interfaces that the config leaves out do not speak", async () => {
  const wires = new Wires();
  const [a, b] = await agents(
    wires,
    2,
    'interfaces = ["eth*"]\nexclude-interfaces = ["eth1"]\n',
  ) as [
    LsoeAgent,
    LsoeAgent,
  ];
  for (let i = 0; i < 3; i++) wires.cable(a.kernel, b.kernel);
  wires.run(1_000);
  deepStrictEqual(a.drawn(), ["pi-1:eth0 open pi-2:eth0", "pi-1:eth2 open pi-2:eth2"]);
  const eth2 = a.kernel.interface("eth2");
  ok(eth2);
  eth2.name = "uplink";
  wires.run(2_000);
  ok(!a.drawn().some((line) => line.includes("uplink")));
});

Deno.test("lsoe: 64 peers on a bridge fit into the state of each node", async () => {
  const wires = new Wires();
  const hub = new LsoeAgent(new Shared(), wires.computer("switch"));
  const others = new Shared();
  const bridge = wires.bridge();
  bridge.connect(hub.kernel, { addresses: ["10.0.0.1/16", "2001:db8:0:1::1/64", "fe80::1/64"] });
  for (let i = 1; i <= 64; i++) {
    const peer = new LsoeAgent(others, wires.computer(`p${i}`));
    const addresses = [`10.0.1.${i}/16`, `2001:db8:0:1::100:${i}/64`, `fe80::ff:${i}/64`];
    bridge.connect(peer.kernel, { addresses });
    // Their HELLOs stop at the bridge: they need not all speak with each other here.
    await peer.start();
  }
  await hub.start(HELLO_TO_ALL);
  wires.run(5_000);
  strictEqual(hub.service.sessions().filter(({ state }) => state === "open").length, 64);
  strictEqual(hub.links().length, 64);
  deepStrictEqual(hub.problems.current(), []);
});

Deno.test("lsoe: cables never push out what users set, and a cut is told and mended", async () => {
  const wires = new Wires();
  const shared = new Shared();
  const hub = new LsoeAgent(shared, wires.computer("pi-1"), 8_192);
  const peer = new LsoeAgent(shared, wires.computer("pi-2"));
  await hub.start();
  await peer.start();
  // All that users may have: 6 KiB, and then the agent's own 2.
  const value = "x".repeat(1_000);
  for (let i = 0; i < 6; i++) hub.set(`k${i}`, value);
  for (let i = 0; i < 12; i++) {
    const [x, y] = wires.cable(hub.kernel, peer.kernel);
    x.addresses = [`10.0.${i}.1/24`, "fe80::1/64"];
    y.addresses = [`10.0.${i}.2/24`, "fe80::2/64"];
  }
  wires.run(2_000);
  const shown = hub.own.entries().filter(({ key }) => key.startsWith("agent/links/")).length;
  ok(shown > 0 && shown < 12, `${shown} cables`);
  match(
    hub.problems.current()[0] ?? "",
    new RegExp(`^${12 - shown} of 12 cables have no room in this node's state in network "home"`),
  );
  strictEqual(hub.own.entries().filter(({ key }) => key.startsWith("k")).length, 6);
  strictEqual(peer.links().length, 12, "the other end reports them all");
  hub.own.setAgent(0, [["agent/gateway", ["y".repeat(90)]]]);
  hub.own.unset(["k0", "k1", "k2"]);
  wires.run(13_000);
  strictEqual(hub.own.entries().filter(({ key }) => key.startsWith("agent/links/")).length, 12);
  deepStrictEqual(hub.problems.current(), []);
});
