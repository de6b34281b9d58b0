/** The ring inside agents: from the config, on sockets of 127.0.0.1. */
import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import { parseConfig } from "../../../lib/agent/config/parse.ts";
import { NodePlaces, placeValue } from "../../../lib/agent/ring/places.ts";
import { ownIndex } from "../../../lib/agent/config/ring.ts";
import { AgentError, ExitCode } from "../../../lib/core/mod.ts";
import { Client } from "../../../lib/cli/client.ts";
import type { RingView } from "../../../lib/http/api.ts";
import type { NetworkView } from "../../../lib/state/mod.ts";
import { freePort } from "../../ports.ts";
import { interfaceInfo } from "../../net/interface_info.ts";
import { Place, type Running, until } from "../in_process.ts";

const NETWORK = (place: Place) =>
  `[[network]]\nkey_file = "${place.keyFile}"\nlisten = "127.0.0.1:0"\ninterfaces = []\n`;

const ports = (count: number) => Array.from({ length: count }, freePort);

function toml(place: Place, own: number, all: readonly number[], more = ""): string {
  const members = all.map((port, i) => `{name = "pi-${i}", host = "127.0.0.1", port = ${port}}`);
  return `${NETWORK(place)}[ring]\nenabled = true\nlisten = "127.0.0.1:${all[own]}"\n` +
    `members = [${members.join(", ")}]\n${more}`;
}

const view = async ({ agent }: Running): Promise<RingView> =>
  JSON.parse((await new Client([agent.socket ?? ""]).request("GET", "/v1/ring")).body);

async function whole(all: readonly Running[]): Promise<void> {
  await until("the ring is whole", async () => {
    const views = await Promise.all(all.map(view));
    return views.every(({ members }) =>
      members.every(({ state, incoming }) => state === "self" || (state === "up" && incoming))
    );
  });
}

async function say(port: number, text: string): Promise<string> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await conn.write(new TextEncoder().encode(text));
  const buffer = new Uint8Array(1_024);
  const n = await conn.read(buffer);
  conn.close();
  return new TextDecoder().decode(buffer.subarray(0, n ?? 0));
}

/** Texts in a ring.log; none while it is not there. */
function logged(place: Place, name: string): string[] {
  try {
    return Deno.readTextFileSync(`${place.dir}/${name}/ring/ring.log`).split("\n").slice(0, -1)
      .map((line) => line.slice(20));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

Deno.test("agents with [ring]: a message is logged by all; one that stops is reported", async () => {
  await using place = new Place();
  const all = ports(3);
  const running: Running[] = [];
  for (const i of all.keys()) {
    running.push(await place.start(`pi-${i}`, { toml: toml(place, i, all, 'reconnect = "1s"\n') }));
  }
  await whole(running);
  strictEqual(await say(all[1] as number, "MSG hello\n"), "OK\n");
  for (const i of all.keys()) {
    await until("it is logged", () => logged(place, `pi-${i}`).join() === "hello");
  }
  await place.stop(running[2] as Running);
  await until(
    "it is gone",
    async () => (await view(running[0] as Running)).members[2]?.state !== "up",
  );
  strictEqual(await say(all[1] as number, "MSG without\n"), "OK\n");
  const after = await view(running[1] as Running);
  deepStrictEqual([after.noLink, after.lost, after.rerouted, after.logged], [1, 0, 1, 2]);
  strictEqual(after.members[2]?.noLink, 1);
  match(after.members[2]?.trouble ?? "", /it closed the connection|nothing listens at/);
  match(
    Deno.readTextFileSync(`${place.dir}/pi-1/ring/error.log`),
    /^\d{4}-\d\d-\d\d [\d:]{8} NO LINK to pi-2 without\n$/,
  );
  const metrics =
    (await new Client([running[1]!.agent.socket ?? ""]).request("GET", "/metrics")).body;
  match(metrics, /^agent_ring_no_link_total 1$/m);
  match(metrics, /^agent_ring_members_up 1$/m);
});

Deno.test("a reload opens the logs anew, and takes over a changed table; SHUTDOWN ends the ring alone", async () => {
  await using place = new Place();
  const all = ports(1);
  const text = toml(place, 0, all);
  const one = await place.start("pi-0", { toml: text });
  const log = `${place.dir}/pi-0/ring/ring.log`;
  strictEqual(await say(all[0] as number, "MSG one\n"), "OK\n");
  Deno.renameSync(log, `${log}.old`);
  one.agent.reload(one.config);
  strictEqual(await say(all[0] as number, "MSG two\n"), "OK\n");
  deepStrictEqual(logged(place, "pi-0"), ["two"]);
  ok(!one.log.some((line) => line.includes("[ring] has changed")));
  one.agent.reload(place.config("pi-0", { toml: `${text}max_clients = 1\n` }));
  await until("it listens again", async () => {
    try {
      return await say(all[0] as number, "MSG three\n") === "OK\n";
    } catch {
      return false;
    }
  });
  ok(one.log.some((line) => line.includes("[ring] has changed")));
  strictEqual(await say(all[0] as number, "SHUTDOWN\n"), "OK\n");
  await until(
    "the ring is gone, and says so",
    () => one.agent.problems.current().some((line) => line.includes("a client sent SHUTDOWN")),
  );
  ok(one.agent.networks[0] !== undefined);
  one.agent.reload(place.config("pi-0", { toml: NETWORK(place) }));
  await until("it is switched off", async () => {
    try {
      await view(one);
      return false;
    } catch (error) {
      return error instanceof AgentError && error.exitCode === ExitCode.NotThere;
    }
  });
  deepStrictEqual(one.agent.problems.current(), []);
});

Deno.test("a port that is taken, or no members: a problem, and the agent runs", async () => {
  await using place = new Place();
  const busy = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const one = await place.start("pi-0", { toml: toml(place, 0, [busy.addr.port]) });
  match(one.agent.problems.current().join(), /the ring does not run: TCP port \d+ is taken/);
  const other = await place.start("pi-1", { toml: `${NETWORK(place)}[ring]\nenabled = true\n` });
  match(other.agent.problems.current().join(), /the ring has no members; write members = /);
  const third = await place.start("pi-2", { toml: toml(place, 0, ports(1)) });
  match(third.agent.problems.current().join(), /"pi-2" is none of the ring's members \(pi-0\)/);
  busy.close();
});

Deno.test("members in the config: names, tables, and what is wrong with them", () => {
  const { ring } = parseConfig(
    '[ring]\nmembers = ["pi-1", {name = "x", host = "192.0.2.1", port = 9}, {name = "pi-3"}]\n',
    "",
  );
  deepStrictEqual(ring.members, [
    { name: "pi-1", host: undefined, port: 55_552 },
    { name: "x", host: "192.0.2.1", port: 9 },
    { name: "pi-3", host: undefined, port: 55_552 },
  ]);
  const wrong = (members: string, message: RegExp) =>
    throws(() => parseConfig(`[ring]\nmembers = ${members}\n`, "f"), message);
  wrong('["a", "b", "a"]', /members\[2\] is called "a", and another one, too/);
  wrong("[7]", /members\[0\] must be a node's name, or a table/);
  wrong('[{host = "x"}]', /members\[0\] lacks name/);
  wrong('[{name = "a", prot = 1}]', /members\[0\]\.prot has no key "prot"/);
  wrong(JSON.stringify(Array.from({ length: 72 }, (_, i) => `n${i}`)), /a ring has at most 71/);
  strictEqual(ownIndex(ring, "x"), 1);
  strictEqual(ownIndex({ ...ring, index: 2 }, "x"), 2);
  throws(
    () => ownIndex({ ...ring, index: 3 }, "x"),
    /index = 3, but the members are pi-1, x, pi-3, /,
  );
});

Deno.test("what other nodes tell of their server may be anything", () => {
  const values: unknown[] = [
    ...[1, "x", [], {}, { port: 1 }, { port: "1", addresses: [] }, {
      port: 0,
      addresses: [],
    }],
    ...[{ port: 1.5, addresses: [] }, { port: 70_000, addresses: ["192.0.2.1"] }],
    { port: 5, addresses: ["192.0.2.1", 7, "evil.example", "x\n", "2001:db8::1"] },
  ];
  const places = values.map((value) => {
    const fake = {
      names: { resolve: () => ["id"] },
      get: () => [{ node: "n", entries: [{ key: "agent/ring", value, at: 0 }] }],
    } as unknown as NetworkView;
    const network = { view: fake, machine: { peers: () => [] } };
    return new NodePlaces([{ name: "n", host: undefined, port: 1 }], [network], () => []).addresses(
      0,
    );
  });
  deepStrictEqual(places.slice(0, -1).flat(), []);
  deepStrictEqual(places.at(-1), [{ host: "192.0.2.1", port: 5 }, {
    host: "2001:db8::1",
    port: 5,
  }]);
});

Deno.test("a node tells its usable addresses, and not too many", () => {
  const addresses = ["192.0.2.1/24", "fe80::1/64", "169.254.3.4/16", "2001:db8::1/64"];
  deepStrictEqual(
    placeValue(55_552, [
      interfaceInfo("lo", { addresses: ["127.0.0.1/8"] }),
      interfaceInfo("eth0", { addresses }),
    ]),
    { port: 55_552, addresses: ["192.0.2.1", "2001:db8::1"] },
  );
});
