/** Agents as processes share state: every command, its JSON, and its exit codes. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import type { NodeRow, PeerRow, StateEvent, StateTree, StatusView } from "../../lib/http/api.ts";
import { Place, type Result, until } from "./harness.ts";
import { Watch } from "./watch.ts";

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** What a refusal looks like: nothing on stdout, one line on stderr, its exit code. */
function refused({ code, stdout, complaints }: Result, wanted: number, message: RegExp): void {
  strictEqual(complaints.length, 1, complaints.join("\n"));
  match(complaints[0]!, message);
  deepStrictEqual([code, stdout], [wanted, ""]);
}

/** A state without its times, after a look at them. */
function withoutTimes(tree: StateTree): Record<string, Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(tree).map(([node, entries]) => [
      node,
      Object.fromEntries(
        Object.entries(entries).map(([key, entry]) => {
          deepStrictEqual(Object.keys(entry).sort(), ["at", "value"]);
          match(entry.at, ISO);
          return [key, entry.value];
        }),
      ),
    ]),
  );
}

Deno.test("e2e: three agents share state, by every command and as documented JSON", async (t) => {
  await using place = new Place();
  const began = Date.now();
  const a = await place.agent("kitchen");
  const [b, c] = await Promise.all([
    place.agent("garage", { connect: [a] }),
    place.agent("attic", { connect: [a] }),
  ]);
  await place.meet(a, b, c);

  await t.step("status, nodes, peers", async () => {
    const status = (await a.cli("status", "--json")).json<StatusView>();
    deepStrictEqual(
      Object.keys(status).filter((key) => key !== "problems").sort(),
      ["id", "name", "networks", "rssBytes", "uptimeSeconds", "version"],
    );
    strictEqual(status.name, "kitchen");
    match(status.id, /^[0-9a-f]{16}$/);
    ok(status.rssBytes > 10e6 && status.uptimeSeconds >= 0);
    strictEqual(status.networks.length, 1);
    const [network] = status.networks;
    deepStrictEqual(
      [network?.name, network?.nodes, network?.peers, network?.keyId, network?.listen],
      ["home", 3, 2, place.key.id, a.address],
    );
    const nodes = (await b.cli("nodes", "--json")).json<NodeRow[]>();
    deepStrictEqual(
      nodes.map(({ name, self, network }) => [name, self, network]),
      [["attic", false, "home"], ["garage", true, "home"], ["kitchen", false, "home"]],
    );
    for (const { id, keys, ageSeconds } of nodes) {
      match(id, /^[0-9a-f]{16}$/);
      ok(keys >= 2 && ageSeconds >= 0 && ageSeconds < (Date.now() - began) / 1_000 + 1);
    }
    strictEqual(nodes.find(({ name }) => name === "kitchen")?.id, status.id);
    const peers = (await b.cli("peers", "--json")).json<PeerRow[]>();
    deepStrictEqual(
      peers.map(({ node, endpoint, address }) => [node, endpoint, address]),
      [["kitchen", "connect", a.address]],
    );
    ok(peers[0]!.lastContactSeconds >= 0);
  });

  await t.step("a change goes all the way; values of every JSON type", async () => {
    const values = {
      whole: 21,
      negative: -0.5,
      large: 9_007_199_254_740_991,
      yes: true,
      no: false,
      text: "open",
      "number as text": "21",
      nothing: "",
      list: [1, "two", [3], { four: null }],
      map: { a: { b: [] }, "": 0 },
      "rooms/attic/temperature": 18.25,
      "mac:02:00:00:00:00:01": "a key with colons",
      "Küche ☕": "Grüße",
      __proto__x: 1,
    };
    const words = Object.entries(values).map(([key, value]) =>
      key === "text" ? "text=open" : `${key}=${JSON.stringify(value)}`
    );
    const set = await b.cli("set", ...words, "--json");
    strictEqual(set.code, 0, set.stderr);
    deepStrictEqual(Object.keys(set.json<object>()).sort(), ["id", "node"]);
    await until(
      "the attic has them",
      async () => Object.keys(await c.values()).length === Object.keys(values).length,
    );
    const all = (await c.cli("get", "--json")).json<StateTree>();
    const entries = Object.entries(withoutTimes(all).garage!);
    const isOwn = ([key]: [string, unknown]) => !key.startsWith("agent/");
    const own = Object.fromEntries(entries.filter(isOwn));
    const agents = Object.fromEntries(entries.filter((entry) => !isOwn(entry)));
    deepStrictEqual([agents["agent/name"], agents["agent/version"]], [
      "garage",
      (await b.status()).version,
    ]);
    deepStrictEqual(own, values);
    const age = Date.now() - Date.parse(all.garage!.text!.at);
    ok(age >= 0 && age < 30_000, `changed ${age} ms ago`);
  });

  await t.step("get: by node, key, id, prefix, and a key with colons", async () => {
    const get = async (...words: string[]) => {
      const result = await c.cli("get", "--json", ...words);
      return [result.code, withoutTimes(result.json<StateTree>())];
    };
    const only = (entries: object) => [0, { garage: entries }];
    deepStrictEqual(await get("garage:whole"), only({ whole: 21 }));
    deepStrictEqual(await get("whole", "yes"), only({ whole: 21, yes: true }));
    const id = (await b.status()).id;
    deepStrictEqual(await get(`${id}:whole`), only({ whole: 21 }));
    deepStrictEqual(await get("rooms/"), only({ "rooms/attic/temperature": 18.25 }));
    const colons = { "mac:02:00:00:00:00:01": "a key with colons" };
    deepStrictEqual(await get("garage:mac:02:00:00:00:00:01"), only(colons));
    deepStrictEqual(await get(":mac:02:00:00:00:00:01"), only(colons));
    deepStrictEqual(await get("kitchen:whole"), [1, {}]);
    deepStrictEqual(await get("whole", "never"), [1, { garage: { whole: 21 } }]);
    const missing = await c.cli("get", "never");
    refused(missing, 1, /never/);
  });

  await t.step("text for people", async () => {
    const { code, stdout } = await c.cli("get", "garage:whole");
    strictEqual(code, 0);
    match(stdout, /^NODE +KEY +VALUE +CHANGED\ngarage +whole +21 +.* ago\n$/);
    match((await a.cli("status")).stdout, /network home .*3 nodes, 2 peers/);
    match((await a.cli("nodes")).stdout, /attic/);
    match((await b.cli("peers")).stdout, /kitchen/);
  });

  await t.step("watch: set, unset and lost, a line each", async () => {
    const watch = c.start("watch", "w/", "--json");
    // The watch is on once a change shows; a key of its own tells.
    let n = 0;
    await until("the watch is on", async () => {
      await c.set({ "w/on": ++n });
      return watch.lines.length > 0;
    });
    await a.set({ "w/x": 1, other: 1 });
    await a.set({ "w/x": { two: 2 } });
    const seen = () =>
      watch.lines.map((line) => JSON.parse(line) as StateEvent).filter(({ key }) => key === "w/x");
    await until("x is the second", () => typeof seen().at(-1)?.value === "object");
    strictEqual((await a.cli("unset", "w/x")).code, 0);
    await until("x has come and gone", () => seen().at(-1)?.event === "unset");
    const events = seen();
    for (const event of events) {
      deepStrictEqual(Object.keys(event).sort(), ["at", "event", "key", "node", "value"]);
      match(event.at, ISO);
    }
    // Changes that follow each other at once may reach others as one.
    const told = events.map(({ node, value, event }) => [node, event, value]);
    deepStrictEqual(told.at(-1), ["kitchen", "unset", null]);
    deepStrictEqual(told.at(-2), ["kitchen", "set", { two: 2 }]);
    await b.set({ "w/x": "of the garage" });
    await until("the garage's x shows", () => seen().at(-1)?.node === "garage");
    await b.kill();
    await until("the garage is lost", () => seen().at(-1)?.event === "lost");
    const { at: _, ...lost } = seen().at(-1)!;
    deepStrictEqual(lost, { node: "garage", key: "w/x", value: null, event: "lost" });
    watch.kill("SIGTERM");
    deepStrictEqual((await watch.result()).code, 0);
    deepStrictEqual(watch.lines.filter((line) => line.includes('"other"')), []);
    deepStrictEqual(Object.keys(await c.values()).filter((key) => key.startsWith("garage")), []);
  });

  await t.step("set --ttl: there, with an end, and then gone everywhere", async () => {
    await using changes = await Watch.on(c);
    const before = Date.now();
    const set = await a.cli("set", "brief=1", "--ttl", "1500ms", "--json");
    const { node, until: end, ttlSeconds } = set.json<
      { node: string; until: string; ttlSeconds: number }
    >();
    deepStrictEqual([node, ttlSeconds], ["kitchen", 1.5]);
    match(end, ISO);
    ok(Date.parse(end) >= before + 1_500 && Date.parse(end) <= Date.now() + 1_500);
    const brief = (wanted: string) => ({ node, key, event }: StateEvent) =>
      node === "kitchen" && key === "brief" && event === wanted;
    await changes.saw("it shows", brief("set"));
    await changes.saw("it is gone", brief("unset"));
    ok(Date.now() >= Date.parse(end) - 20, "not before its time");
    ok(!("kitchen:brief" in await c.values()));
    ok(!("kitchen:brief" in await a.values()));
  });

  await t.step("stopping in order is exit code 0, and seen at once", async () => {
    const { code, signal } = await c.stop();
    deepStrictEqual([code, signal], [0, null]);
    await until("the attic is gone", async () => (await a.nodes()).length === 1);
    refused(
      await c.cli("status"),
      3,
      /no agent answers on .*attic\.sock; start it with: agent run/,
    );
  });
});

Deno.test("e2e: exit codes and one line each for what cannot be", async (t) => {
  await using place = new Place();
  const a = await place.agent("a");
  const cases: [name: string, words: string[], code: number, message: RegExp][] = [
    ["no such command", ["nods"], 2, /unknown command "nods".*nodes/],
    ["no such flag", ["get", "--jsn"], 2, /--jsn.*--json/],
    ["no value", ["set", "temperature"], 2, /temperature.*KEY=VALUE/],
    ["null is no value", ["set", "x=null"], 2, /null is no value.*agent unset x/],
    ["a number that JSON cannot hold", ["set", "x=9007199254740993"], 2, /9007199254740993.*quote/],
    ["a TTL that is none", ["set", "x=1", "--ttl", "soon"], 2, /"soon" is not a duration/],
    ["an empty TTL", ["set", "x=1", "--ttl", "0s"], 2, /--ttl must be longer than nothing/],
    ["a TTL beyond all dates", ["set", "x=1", "--ttl", "100000000d"], 2, /longer than any date/],
    ["a key with a control character", ["set", "a\tb=1"], 2, /control character/],
    ["a key that is too long", ["set", `${"k".repeat(256)}=1`], 2, /255/],
    ["the agent's own keys", ["set", "agent/name=x"], 4, /agent\/name.*the agent's own/],
    ["no such key to unset", ["unset", "never"], 1, /never/],
    ["no such network", ["--network", "away", "get"], 1, /there is no network "away".*home/],
    ["leafy without its flag", ["publish", "x=1"], 2, /agent --leafy publish/],
    ["leafy where there is none", ["--leafy", "nodes"], 2, /no leafy form/],
    ["too many arguments", ["status", "now"], 2, /unexpected argument "now"/],
  ];
  for (const [name, words, code, message] of cases) {
    await t.step(name, async () => refused(await a.cli(...words), code, message));
  }
  await t.step("what was refused was not done", async () => deepStrictEqual(await a.values(), {}));
  await t.step("more than 64 KiB of state is refused, with the figure", async () => {
    const half = `half="${"x".repeat(40_000)}"`;
    strictEqual((await a.cli("set", half)).code, 0);
    refused(await a.cli("set", half.replace("half", "more")), 4, /65 ?536/);
    deepStrictEqual(Object.keys(await a.values()), ["a:half"]);
  });
  await t.step("a config that is wrong is exit code 78, with its place", async () => {
    const path = `${place.dir}/wrong.toml`;
    Deno.writeTextFileSync(path, '[[network]]\n\nlistne = "[::]:1"\n');
    refused(await place.run("--config", path, "run"), 78, /wrong\.toml:3:1: .*listne.*listen/);
    refused(await place.run("config", "check", path), 78, /wrong\.toml:3:1: /);
    refused(await place.run("--config", path, "get"), 78, /wrong\.toml:3:1: /);
  });
  await t.step("the version, without an agent", async () => {
    const { code, stdout } = await place.run("version");
    strictEqual(code, 0);
    ok(stdout.startsWith(`agent ${(await a.status()).version} `), stdout);
  });
});
