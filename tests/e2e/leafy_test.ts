/** Leafy commands as processes against agents as processes: from afar, with nothing but the key. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import type { NodeRow, StateTree } from "../../lib/http/api.ts";
import { freePort } from "../ports.ts";
import { Place, type Result, until } from "./harness.ts";
import { Watch } from "./watch.ts";
import { Wire } from "./wire.ts";

interface Receipt {
  node: string;
  id: string;
  until: string;
  ttlSeconds: number;
}

/** No note that the picture may be partial: the agents have run for a while. */
async function settled(place: Place, address: string): Promise<void> {
  await until("the picture is whole", async () => {
    const { code, stderr } = await place.run("--leafy", "read", "--from", address, ...key(place));
    strictEqual(code, 0, stderr);
    return stderr === "";
  });
}

const key = (place: Place) => ["--key-file", place.keyFile];

Deno.test("e2e leafy: read from afar, by key in one round trip", async (t) => {
  await using place = new Place();
  const a = await place.agent("a");
  let b = await place.agent("b", { connect: [a] });
  // "Right after the start" is two seconds; a computer that is busy may need more for the question.
  let note: Result | undefined;
  await until("a read within that time", async () => {
    if (note) {
      await b.stop();
      b = await b.again();
    }
    note = await place.run("--leafy", "read", "--from", b.address, ...key(place));
    return note.stderr !== "";
  });
  const { code: noted, complaints } = note!;
  await place.meet(a, b);
  await a.set({ "heating/target": 21.5, "heating/on": true, door: "open" });
  await b.set({ door: "shut" });
  await until("b has it", async () => Object.keys(await b.values()).length === 4);
  const read = (...words: string[]) =>
    place.run("--leafy", "read", ...words, "--from", b.address, ...key(place), "--json");

  await t.step("right after the start it says that the picture may be partial", () => {
    deepStrictEqual([noted, complaints.length], [0, 1]);
    match(complaints[0]!, /^note: the picture may be partial: this node has started just now/);
  });
  await t.step("once settled it says nothing of the kind, and reads all", async () => {
    await settled(place, b.address);
    const { code, stderr, json } = await read();
    deepStrictEqual([code, stderr], [0, ""]);
    const tree = json<StateTree>();
    deepStrictEqual(Object.keys(tree), ["a", "b"]);
    deepStrictEqual(tree.a?.["heating/target"]?.value, 21.5);
    deepStrictEqual(tree.b?.door?.value, "shut");
    deepStrictEqual(tree, (await b.cli("get", "--json")).json());
  });
  await t.step("by key, node and prefix", async () => {
    const shape = async (...words: string[]) => {
      const { code, json } = await read(...words);
      const nodes = Object.entries(json<StateTree>());
      return [code, ...nodes.map(([node, entries]) => `${node} ${Object.keys(entries)}`)];
    };
    deepStrictEqual(await shape("heating/target"), [0, "a heating/target"]);
    deepStrictEqual(await shape("door"), [0, "a door", "b door"]);
    deepStrictEqual(await shape("b:door"), [0, "b door"]);
    deepStrictEqual(await shape("heating/"), [0, "a heating/on,heating/target"]);
    deepStrictEqual(await shape("b:door", "never"), [1, "b door"]);
    const { code, stderr } = await read("never");
    deepStrictEqual([code, stderr], [1, "not there: never\n"]);
  });
  await t.step("one round trip behind the connect", async () => {
    await using wire = new Wire(b);
    const { code, json } = await place.run(
      ...["--leafy", "read", "heating/target", "--from", wire.address, ...key(place), "--json"],
    );
    strictEqual(code, 0);
    strictEqual(json<StateTree>().a?.["heating/target"]?.value, 21.5);
    deepStrictEqual(wire.turns, ["up", "down"]);
  });
  await t.step("a reader leaves no trace", async () => {
    deepStrictEqual((await b.nodes()).map(({ name }) => name), ["a", "b"]);
    strictEqual((await b.metrics())["agent_guests"], 0);
  });
  await t.step("64 KiB of a node come whole", async () => {
    await a.set(Object.fromEntries(
      Array.from({ length: 60 }, (_, i) => [`large/${i}`, `${i}`.repeat(500)]),
    ));
    await until("b has it", async () => "a:large/59" in await b.values());
    const { json } = await read("a:large/");
    const entries = Object.values(json<StateTree>().a!);
    strictEqual(entries.length, 60);
    ok(entries.every(({ value }, i) => (value as string).length >= 500 && i >= 0));
  });
});

Deno.test("e2e leafy: publish with a TTL: acknowledged, seen, kept by a refresh, and gone", async (t) => {
  await using place = new Place();
  const a = await place.agent("a");
  const b = await place.agent("b", { connect: [a] });
  await place.meet(a, b);
  await using watch = await Watch.on(a);
  const publish = (entry: string, ...ttl: string[]) =>
    place.run(
      ...["--leafy", "publish", entry, "--via", b.address, ...key(place), "--json", "--ttl"],
      ...ttl,
    );

  await t.step("the acknowledgement names the node and the end", async () => {
    for (let ttl = 2;; ttl *= 2) {
      const door = `door${ttl}`;
      const { code, json } = await publish(`${door}=open`, `${ttl}s`);
      strictEqual(code, 0);
      const { node, id, until: end, ttlSeconds } = json<Receipt>();
      deepStrictEqual([node, id, ttlSeconds], ["b", (await b.status()).id, ttl]);
      await watch.saw("door at a", ({ node, key }) => node === "b" && key === door);
      // Refreshed in its second half, it outlives its first end.
      await until("half of it is over", () => Date.now() > Date.parse(end) - ttl * 400);
      const again = (await publish(`${door}=open`, `${ttl}s`)).json<Receipt>();
      await watch.saw("door goes", ({ key, event }) => key === door && event === "unset");
      // Too late on a busy computer: it gets more time.
      if (Date.parse(again.until) - ttl * 1_000 > Date.parse(end) - 100) continue;
      ok(Date.parse(again.until) >= Date.parse(end) + ttl * 500);
      const late = Date.now() - Date.parse(again.until);
      ok(late > -50, `${-late} ms too early`);
      // It was never another change than coming and going.
      deepStrictEqual(
        watch.events.filter(({ key }) => key === door).map(({ event }) => event),
        ["set", "unset"],
      );
      break;
    }
    await until("no guest is left", async () => (await b.metrics())["agent_guests"] === 0);
  });

  await t.step("--ttl alone takes the default", async () => {
    const { json } = await publish("light=on");
    strictEqual(json<Receipt>().ttlSeconds, 60);
    await watch.saw("light at a", ({ key }) => key === "light");
  });

  await t.step(
    "publishing again with another value replaces it, within the same second",
    async () => {
      await publish("light=off", "30s");
      await publish("light=dim", "30s");
      await until("the last one holds", async () => (await a.values())["b:light"] === "dim");
      strictEqual((await b.metrics())["agent_guests"], 1);
    },
  );

  await t.step("text for people", async () => {
    const { stdout } = await place.run(
      ...["--leafy", "publish", "light=dim", "--via", b.address, ...key(place), "--ttl", "30s"],
    );
    match(stdout, /^published through b until \d\d:\d\d:\d\d \(30s\)\n$/);
  });

  await t.step("it survives neither the death of its node nor its restart", async () => {
    await b.kill();
    await watch.saw("light is lost", ({ key, event }) => key === "light" && event === "lost");
    const again = await b.again();
    await until("b is back", async () => (await a.nodes()).length === 2);
    deepStrictEqual([await a.values(), await again.values()], [{}, {}]);
  });
});

Deno.test("e2e leafy: continual publishing mirrors through one node", async () => {
  await using place = new Place();
  const a = await place.agent("a");
  const port = freePort();
  const b = await place.agent("b", { connect: [a], listen: `127.0.0.1:${port}` });
  await place.meet(a, b);
  await using watch = await Watch.on(a);
  const leaf = place.start([
    ...["--leafy", "publish", "robot=ready", "--via", b.address, ...key(place), "--json"],
  ]);
  const { node } = await watch.saw("robot at a", ({ key }) => key === "robot");
  const self = (rows: NodeRow[]) => rows.find(({ name }) => name === node);
  // Not a guest of b: a node's own dictionary, seen like that of any other.
  ok(self(await a.nodes()) && self(await b.nodes()));
  strictEqual((await b.metrics())["agent_guests"], 0);
  await until("it says so", () => leaf.lines.length > 0);
  deepStrictEqual(JSON.parse(leaf.lines[0]!), { node: b.address, connected: true });
  // It holds through changes of others.
  await a.set({ n: 1 });
  await b.set({ n: 2 });
  await until("all agree again", async () => {
    const { networks } = await b.status();
    return networks[0]!.consistent && "b:n" in await a.values();
  });
  strictEqual((await a.values())[`${node}:robot`], "ready");
  // Its first hop dies: gone. It comes back: there again, by itself.
  await b.kill();
  await watch.saw("robot is lost", ({ key, event }) => key === "robot" && event === "lost");
  const again = await b.again();
  await until("robot is back", async () => (await a.values())[`${node}:robot`] === "ready");
  match(leaf.stderr, /no longer published through 127\.0\.0\.1:\d+: /);
  leaf.kill("SIGTERM");
  strictEqual((await leaf.result()).code, 0);
  await until("robot has gone with its process", async () => (await a.nodes()).length === 2);
  strictEqual(`${node}:robot` in await again.values(), false);
  // Another one at once, killed without a word.
  const crashed = place.start([
    ...["--leafy", "publish", "robot=again", "--via", again.address, ...key(place)],
  ]);
  await until("the other robot", async () => (await a.values())[`${node}:robot`] === "again");
  crashed.kill("SIGKILL");
  await until("gone too", async () => !(`${node}:robot` in await a.values()));
  deepStrictEqual((await a.nodes()).map(({ name }) => name), ["a", "b"]);
});

Deno.test("e2e leafy: what no dictionary takes is refused by every way of publishing", async () => {
  await using place = new Place();
  const a = await place.agent("a");
  const cases: [entry: string, code: number, message: RegExp][] = [
    ["agent/name=b", 4, /"agent\/name" is the agent's own/],
    ["a\tb=1", 2, /control character/],
    [`${"k".repeat(256)}=1`, 2, /255 bytes/],
    [`deep=${"[".repeat(40)}${"]".repeat(40)}`, 2, /deep/],
    [`large=${"x".repeat(70_000)}`, 4, /70 ?\d\d\d bytes/],
  ];
  for (const [entry, code, message] of cases) {
    for (const ttl of [["--ttl", "5s"], []]) {
      const { complaints, stdout, ...result } = await place.run(
        ...["--leafy", "publish", entry, "--via", a.address, ...key(place), ...ttl],
      );
      strictEqual(complaints.length, 1, complaints.join("\n"));
      match(complaints[0]!, message);
      deepStrictEqual([result.code, stdout], [code, ""]);
    }
  }
  deepStrictEqual(await a.values(), {});
});

Deno.test("e2e leafy: the first node that answers a multicast query, with no address", async () => {
  await using place = new Place();
  const port = freePort();
  const toml = '[[network]]\nkey_file = "home.key"\ninterfaces = ["lo"]\n' +
    `listen = "127.0.0.1:0"\nport = ${port}\n`;
  const a = await place.agent("a", { toml });
  const b = await place.agent("b", { toml });
  await place.meet(a, b);
  await a.set({ x: 1 });
  await until("b has it", async () => "a:x" in await b.values());
  const leafy = (...words: string[]) =>
    place.run("--config", `${place.dir}/a.toml`, "--leafy", ...words, "--json");
  const read = await leafy("read", "x");
  deepStrictEqual([read.code, read.json<StateTree>().a?.x?.value], [0, 1], read.stderr);
  const published = await leafy("publish", "guest=1", "--ttl", "20s");
  strictEqual(published.code, 0, published.stderr);
  const { node } = published.json<Receipt>();
  ok(["a", "b"].includes(node));
  await until(
    "both see it",
    async () =>
      [await a.values(), await b.values()].every((values) => values[`${node}:guest`] === 1),
  );
  await a.stop();
  await b.stop();
  const nobody = await leafy("read", "x", "--timeout", "300ms");
  deepStrictEqual([nobody.code, nobody.stdout, nobody.complaints.length], [3, "", 1]);
  match(nobody.stderr, /no node answered on lo; is an agent running there\? name one with --from/);
});

Deno.test("e2e leafy: who cannot be reached is exit code 3, in time", async (t) => {
  await using place = new Place();
  await t.step("nothing listens", async () => {
    const nowhere = `127.0.0.1:${freePort()}`;
    for (const words of [["read", "--from"], ["publish", "x=1", "--ttl", "5s", "--via"]]) {
      const { code, stdout, complaints } = await place.run(
        ...["--leafy", ...words, nowhere, ...key(place), "--timeout", "2s"],
      );
      deepStrictEqual([code, stdout, complaints.length], [3, "", 1]);
      match(complaints[0]!, /nothing listens at .*is the agent running/);
    }
  });
  await t.step("who accepts and says nothing", async () => {
    using mute = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = mute.addr as Deno.NetAddr;
    const { code, complaints } = await place.run(
      ...["--leafy", "read", "--from", `127.0.0.1:${port}`, ...key(place), "--timeout", "250ms"],
    );
    deepStrictEqual([code, complaints.length], [3, 1]);
    match(complaints[0]!, /127\.0\.0\.1:\d+ did not answer within \d+ ms; is that computer on/);
  });
  await t.step("who talks nonsense", async () => {
    using web = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = web.addr as Deno.NetAddr;
    const answering = web.accept().then(async (conn) => {
      await conn.write(new TextEncoder().encode("HTTP/1.0 400 Bad Request\r\n\r\n"));
      return conn;
    });
    const { code, complaints } = await place.run(
      ...["--leafy", "read", "--from", `127.0.0.1:${port}`, ...key(place), "--timeout", "2s"],
    );
    (await answering).close();
    deepStrictEqual([code, complaints.length], [3, 1]);
    match(complaints[0]!, /what answers at .* is no agent of this network/);
  });
  await t.step("no key", async () => {
    const { code, complaints } = await place.run("--leafy", "read", "--from", "127.0.0.1:1");
    deepStrictEqual([code, complaints.length], [3, 1]);
    match(complaints[0]!, /the network key is needed .*--key-file FILE/);
  });
});
