// The beacon in the agent: ports, shared state, other programs' beacons. On loopback only.
import assert from "node:assert/strict";
import type { FoundService, ServiceRow } from "../../../lib/http/api.ts";
import { BeaconClient } from "../../../lib/learn/beacon_client.ts";
import { Waits } from "../../../lib/learn/waiting.ts";
import { monotonicClock, Random, Scheduler } from "../../../lib/core/mod.ts";
import { Nearby } from "../../../lib/learn/nearby.ts";
import { freePort } from "../../ports.ts";
import { Place, type Running, TestInterfaces, until } from "../in_process.ts";
import { loopback } from "../in_process.ts";
import { apiOf, Refused } from "../piot/api.ts";

/** Where a beacon hears adverts, and where it answers programs. */
const freePorts = () => ({ beacon: freePort(), rpc: freePort() });

function toml(place: Place, { beacon, rpc }: { beacon: number; rpc: number }, more = ""): string {
  return `[[network]]
key_file = "${place.keyFile}"
listen = "127.0.0.1:0"
interfaces = []
[nearby]
beacon_port = ${beacon}
rpc_port = ${rpc}
interfaces = ["lo"]
${more}`;
}

/** Asks a beacon as any other program does. */
async function rpc<T>(
  port: number,
  action: string,
  ...params: (string | number | boolean | null)[]
) {
  const scheduler = new Scheduler(monotonicClock, (error) => {
    throw error;
  });
  const waits = new Waits(() => scheduler.now(), (callback, delay) => {
    const timer = setTimeout(callback, delay);
    return () => clearTimeout(timer);
  });
  try {
    const ground = { scheduler, random: new Random(1) };
    return await new BeaconClient(ground, waits, "127.0.0.1", port).call(action, ...params) as T;
  } finally {
    waits.stop();
    scheduler.stop();
  }
}

async function found(running: Running, name: string, wait = "20s"): Promise<FoundService> {
  using api = apiOf(running);
  return await api.ask<FoundService>(
    "GET",
    `/v1/services/${encodeURIComponent(name)}?wait=${wait}`,
  );
}

Deno.test("a service is found through the state, by nodes without any beacon port", async () => {
  await using place = new Place();
  const a = await place.start("a");
  const b = await place.start("b", { connect: [a.address] });
  using api = apiOf(a);
  using other = apiOf(b);
  const waiting = found(b, "robot/1 %ü");
  const path = `/v1/services/${encodeURIComponent("robot/1 %ü")}`;
  const told = await api.ask<FoundService>("PUT", path, { address: "10.1.2.3:5000", ttl: null });
  assert.equal(told.address, "10.1.2.3:5000");
  assert.deepEqual(await waiting, {
    name: "robot/1 %ü",
    address: "10.1.2.3:5000",
    addresses: ["10.1.2.3:5000"],
  });
  assert.deepEqual(await other.ask<ServiceRow[]>("GET", "/v1/services"), [
    { name: "robot/1 %ü", address: "10.1.2.3:5000", node: "a", ttlSeconds: null },
  ]);
  await api.ask("DELETE", path);
  await until(
    "it is gone there, too",
    async () => (await other.ask<ServiceRow[]>("GET", "/v1/services")).length === 0,
  );
  assert.deepEqual(await api.ask("GET", "/v1/services"), []);
  await assert.rejects(
    found(b, "robot/1 %ü", "0"),
    (error) => error instanceof Refused && error.code === 1,
  );
  await assert.rejects(
    api.ask("DELETE", path),
    (error) => error instanceof Refused && error.code === 1,
  );
});

Deno.test("a service of all addresses tells each; the one in reach comes first, then the preferred", async () => {
  await using place = new Place();
  const card = (name: string, index: number, addresses: string[]) => ({
    ...loopback()[0]!,
    name,
    index,
    mac: `02:00:00:00:00:0${index}`,
    addresses,
    loopback: false,
    ethernet: true,
  });
  const a = await place.start("a", {
    interfaceSource: new TestInterfaces([
      card("eth0", 2, ["10.1.0.1/16", "fe80::1/64"]),
      card("wlan0", 3, ["192.168.4.1/24"]),
    ]),
  });
  using api = apiOf(a);
  const own = await api.ask<FoundService>("PUT", "/v1/services/cam", { address: 7000 });
  assert.equal(own.address, "192.168.4.1:7000");
  for (
    const [name, addresses, first] of [
      ["near", ["10.1.0.2/16"], "10.1.0.1:7000"],
      ["far", ["172.20.0.2/16"], "192.168.4.1:7000"],
    ] as const
  ) {
    const running = await place.start(name, {
      connect: [a.address],
      interfaceSource: new TestInterfaces([card("eth0", 2, [...addresses])]),
      toml: `[[network]]
key_file = "${place.keyFile}"
listen = "127.0.0.1:0"
interfaces = []
connect = ["${a.address}"]
[nearby]
interfaces = ["eth0"]
${Object.entries(freePorts()).map(([key, port]) => `${key}_port = ${port}`).join("\n")}
`,
    });
    const { address, addresses: all } = await found(running, "cam");
    assert.equal(address, first, name);
    assert.deepEqual([...all].sort(), ["10.1.0.1:7000", "192.168.4.1:7000"]);
  }
});

Deno.test("local programs find the agent's beacon, and what they tell travels in the state", async () => {
  await using place = new Place();
  const ports = freePorts();
  const a = await place.start("a", { toml: toml(place, ports) });
  const b = await place.start("b", { connect: [a.address] });
  assert.equal(
    await rpc(ports.rpc, "advertise", "python", "10.9.9.9:4000", false, 20),
    "10.9.9.9:4000",
  );
  assert.equal((await found(b, "python")).address, "10.9.9.9:4000");
  using api = apiOf(b);
  await api.ask("PUT", "/v1/services/elsewhere", { address: "10.8.8.8:1" });
  await found(a, "elsewhere");
  assert.equal(await rpc(ports.rpc, "discover", "elsewhere", 5), "10.8.8.8:1");
  // The beacon is the agent's: no program ends it.
  await rpc(ports.rpc, "stop");
  assert.deepEqual(await rpc(ports.rpc, "discover_all", 0.5), [
    ["python", "10.9.9.9:4000"],
    ["elsewhere", "10.8.8.8:1"],
  ]);
  assert.deepEqual(a.agent.problems.current(), []);
});

Deno.test("bad datagrams are counted, and the beacon lives on", async () => {
  await using place = new Place();
  const ports = freePorts();
  const a = await place.start("a", { toml: toml(place, ports) });
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const send = (text: string) =>
    socket.send(new TextEncoder().encode(text), {
      transport: "udp",
      hostname: "127.0.0.1",
      port: ports.beacon,
    });
  for (const text of ["", "{", "[]", '["a","b"]', '["a","nowhere",20]', '["a","1.2.3.4:1",true]']) {
    await send(text);
  }
  await send(JSON.stringify(["n".repeat(300), "1.2.3.4:5", 20]));
  for (let i = 0; i < 200; i++) await send(JSON.stringify([`name-${i}`, "1.2.3.4:5", 20]));
  // A client that connects and says nothing, and one that speaks no ZMTP.
  using _silent = await Deno.connect({ hostname: "127.0.0.1", port: ports.rpc });
  using rude = await Deno.connect({ hostname: "127.0.0.1", port: ports.rpc });
  await rude.write(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
  assert.equal(await rpc(ports.rpc, "no such action"), null);
  await send('["robot","1.2.3.4:5000",20]');
  socket.close();
  assert.equal((await found(a, "robot")).address, "1.2.3.4:5000");
  const client = Deno.createHttpClient({ proxy: { transport: "unix", path: a.agent.socket! } });
  const metrics = await (await fetch("http://127.0.0.1/metrics", { client })).text();
  client.close();
  const count = (name: string) =>
    Number(new RegExp(`^agent_nearby_${name} (\\d+)$`, "m").exec(metrics)?.[1]);
  assert.equal(count("oversized_total"), 1);
  assert.equal(count("malformed_total"), 5);
  assert.equal(count("bad_address_total"), 1);
  assert.equal(count("rpc_refused_total"), 1);
  assert.ok(count("known") > 100);
});

Deno.test("a second agent uses the first one's beacon, and takes over when that goes", async () => {
  await using place = new Place();
  const ports = freePorts();
  const a = await place.start("a", { toml: toml(place, ports) });
  const b = await place.start("b", { toml: toml(place, ports) });
  using api = apiOf(b);
  await api.ask("PUT", "/v1/services/mine", { address: "10.7.7.7:1" });
  assert.equal((await found(a, "mine")).address, "10.7.7.7:1");
  using first = apiOf(a);
  await first.ask("PUT", "/v1/services/theirs", { address: "10.7.7.8:1" });
  assert.equal((await found(b, "theirs")).address, "10.7.7.8:1");
  assert.deepEqual(b.agent.problems.current(), []);
  await place.stop(a);
  await until(
    "b has the ports",
    () => b.log.some((line) => line.includes("is this agent's now")),
  );
  assert.equal(await rpc(ports.rpc, "discover", "mine", 1), "10.7.7.7:1");
});

Deno.test("a program that has the port and is no beacon is one problem, and no fatal one", async () => {
  await using place = new Place();
  const ports = freePorts();
  const squatter = Deno.listenDatagram({
    transport: "udp",
    hostname: "0.0.0.0",
    port: ports.beacon,
  });
  const a = await place.start("a", { toml: toml(place, ports) });
  await until("it is told", () => a.agent.problems.current().length > 0);
  assert.equal(a.agent.problems.current().length, 1);
  assert.match(a.agent.problems.current()[0]!, /taken by a program that does not answer/);
  squatter.close();
  await until("it is over", () => a.agent.problems.current().length === 0);
  assert.deepEqual(await rpc(ports.rpc, "discover_all", 0.5), []);
});

Deno.test("news: the agent keeps the publisher, and followers hear it", async () => {
  await using place = new Place();
  const a = await place.start("a", { interfaceSource: new TestInterfaces(loopback()) });
  using api = apiOf(a);
  const { address } = await api.ask<FoundService>("POST", "/v1/news/weather", {
    topic: "wind",
    data: 1,
  });
  const nearby = new Nearby({ local: () => ["127.0.0.1"] });
  try {
    const news = nearby.waitForNewsFrom(address, "temp", 20);
    let heard = false;
    void news.finally(() => heard = true);
    await until("it is heard", async () => {
      await api.ask("POST", "/v1/news/weather", { topic: "wind", data: 2 });
      await api.ask("POST", "/v1/news/weather", { topic: "temperature", data: { c: 21.5 } });
      return heard;
    });
    assert.deepEqual(await news, ["temperature", { c: 21.5 }]);
  } finally {
    await nearby.close();
  }
  await api.ask("DELETE", "/v1/services/weather");
  assert.deepEqual(await api.ask("GET", "/v1/services"), []);
});

Deno.test("what cannot be advertised is refused with a sentence", async () => {
  await using place = new Place();
  const a = await place.start("a", { interfaceSource: new TestInterfaces(loopback()) });
  using api = apiOf(a);
  const refused = (code: number, text: RegExp) => (error: unknown) =>
    error instanceof Refused && error.code === code && text.test(error.message);
  const put = (name: string, body: unknown) => api.ask("PUT", `/v1/services/${name}`, body);
  await assert.rejects(put("n".repeat(300), {}), refused(2, /too long/));
  await assert.rejects(put("a", { address: "1.2.3.4:70000" }), refused(2, /no port/));
  await assert.rejects(put("a", { address: "255.*" }), refused(2, /no network address/));
  await assert.rejects(put("a", { adress: "1.2.3.4" }), refused(2, /unknown field/));
  await assert.rejects(put("a", { ttl: 0 }), refused(2, /longer than nothing/));
  await put("a", { address: "1.2.3.4:7000" });
  await assert.rejects(
    put("a", { address: "1.2.3.5:7000", failIfExists: true }),
    refused(4, /already/),
  );
  await assert.rejects(
    api.ask("POST", "/v1/news/a", { topic: "t", data: 1 }),
    refused(4, /something else/),
  );
  const off = await place.start("off", {
    toml:
      `[[network]]\nkey_file = "${place.keyFile}"\nlisten = "127.0.0.1:0"\ninterfaces = []\n[nearby]\nenabled = false\n`,
  });
  using silent = apiOf(off);
  await assert.rejects(silent.ask("GET", "/v1/services"), refused(1, /switched off/));
});
