/** Messages between real agents on real sockets of 127.0.0.1. */
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { generateKey, writeKeyFile } from "../../../lib/agent/config/keys.ts";
import { openMessages } from "../../../lib/store/mod.ts";
import { Place, until } from "../in_process.ts";
import { apiOf, meet, Refused } from "./api.ts";

const refusal = (status: number, pattern: RegExp) => (error: unknown) => {
  ok(error instanceof Refused, String(error));
  match(error.message, pattern);
  strictEqual(error.status, status, error.message);
  return true;
};

Deno.test("messages: sent by name, confirmed, read and taken", async () => {
  await using place = new Place();
  const a = await place.start("pi-a");
  const b = await place.start("pi-b", { connect: [a.address] });
  await meet(a, b);
  using fromA = apiOf(a);
  using fromB = apiOf(b);
  const receipt = await fromA.send({ to: "pi-b", text: "Grüße", name: "hello" });
  strictEqual(receipt.state, "confirmed");
  const [row, ...others] = await fromB.inbox();
  deepStrictEqual(others, []);
  strictEqual(row?.id, receipt.id);
  strictEqual(row.from, "pi-a");
  strictEqual(row.body, "Grüße");
  deepStrictEqual({ ...row.header, created: "" }, {
    name: "hello",
    type: "text/plain",
    created: "",
  });
  // The way back goes over the same session.
  strictEqual((await fromB.send({ to: "pi-a", body: { on: [1, 2.5, null] } })).state, "confirmed");
  deepStrictEqual(await fromA.bodies(), [{ on: [1, 2.5, null] }]);
  strictEqual((await fromA.links()).length, 1);
  deepStrictEqual(await fromB.ask("DELETE", `/v1/messages/${row.key}`), {
    removed: [row.key],
    missing: [],
  });
  deepStrictEqual(await fromB.inbox(), []);
  await rejects(fromB.ask("DELETE", `/v1/messages/${row.key}`), refusal(404, /not in the inbox/));
});

Deno.test("messages: bodies of all kinds, many at once, in order", async () => {
  await using place = new Place();
  const a = await place.start("pi-a");
  const b = await place.start("pi-b", { connect: [a.address] });
  await meet(a, b);
  using fromA = apiOf(a);
  using fromB = apiOf(b);
  await fromA.send({ to: "pi-b", base64: btoa("\xff\x00") });
  await fromA.send({ to: "pi-b", body: [1], type: "application/json" });
  await fromA.send({ to: "pi-b", body: null });
  const large = "x".repeat(300_000);
  await fromA.send({ to: "pi-b", text: large });
  deepStrictEqual(await fromB.bodies(), ["/wA=", [1], null, large]);
  const many = Array.from({ length: 500 }, (_, n) => ({ to: "pi-b", body: n }));
  const receipts = await fromA.ask<{ state: string }[]>("POST", "/v1/messages?wait=10s", many);
  ok(receipts.every(({ state }) => state === "confirmed"));
  deepStrictEqual((await fromB.bodies()).slice(4), many.map(({ body }) => body));
  await rejects(fromA.send({ to: "pi-b", text: "x".repeat(1_100_000) }), refusal(400, /in parts/));
  await rejects(fromA.send({ to: "pi-a", text: "x" }), refusal(400, /this node itself/));
});

Deno.test("messages: more at a time than an outbox holds wait for room, and none is dropped", async () => {
  await using place = new Place();
  const a = await place.start("pi-a", {
    toml: "[piot]\nhold_entries = 50\n",
    keyFile: place.keyFile,
    listen: "127.0.0.1:0",
    interfaces: "",
  });
  const b = await place.start("pi-b", { connect: [a.address] });
  await meet(a, b);
  using fromA = apiOf(a);
  using fromB = apiOf(b);
  await fromA.send({ to: "pi-b", body: -1 });
  const many = Array.from({ length: 400 }, (_, n) => ({ to: "pi-b", body: n }));
  await fromA.ask("POST", "/v1/messages?wait=10s", many);
  deepStrictEqual((await fromB.bodies()).slice(1), many.map(({ body }) => body));
  deepStrictEqual((await fromA.outbox()).undelivered, []);
});

Deno.test("messages: a name that appears later; held across restarts of both sides", async () => {
  await using place = new Place();
  let a = await place.start("pi-a");
  {
    using fromA = apiOf(a);
    deepStrictEqual(
      (await fromA.send({ to: "pi-later", text: "one" }, "0")).state,
      "held",
    );
    strictEqual((await fromA.send({ to: "pi-later", text: "two" }, "10ms")).state, "held");
  }
  await place.stop(a);
  a = await place.start("pi-a");
  using fromA = apiOf(a);
  deepStrictEqual((await fromA.outbox()).waiting.map(({ to, state }) => [to, state]), [
    ["pi-later", "held"],
    ["pi-later", "held"],
  ]);
  let later = await place.start("pi-later", { connect: [a.address] });
  {
    using fromLater = apiOf(later);
    await until("both arrive", async () => (await fromLater.inbox()).length === 2);
    deepStrictEqual(await fromLater.bodies(), ["one", "two"]);
    await until("they are confirmed", async () => (await fromA.outbox()).messages === 0);
  }
  await place.stop(later);
  await until("it is gone", () => a.network.view.size === 1);
  await fromA.send({ to: "pi-later", text: "three" }, "0");
  later = await place.start("pi-later", { connect: [a.address] });
  using fromLater = apiOf(later);
  await until("it arrives", async () => (await fromLater.inbox()).length === 3);
  deepStrictEqual(await fromLater.bodies(), ["one", "two", "three"]);
});

Deno.test("messages: two nodes of one name are a clear error, and each has its own", async () => {
  await using place = new Place();
  const a = await place.start("pi-a");
  const twin = await place.start("twin", { connect: [a.address] });
  const other = await place.start("other", { connect: [a.address], name: "twin" });
  await meet(a, twin, other);
  using fromA = apiOf(a);
  await rejects(fromA.send({ to: "twin", text: "x" }), refusal(400, /twin~.* twin~.*name one/));
  const names = a.network.view.nodes().map(({ node }) => node).filter((node) => node !== "pi-a");
  for (const name of names) await fromA.send({ to: name, text: name });
  for (const one of [twin, other]) {
    using from = apiOf(one);
    deepStrictEqual((await from.bodies()).length, 1);
    match(String((await from.bodies())[0]), /^twin~/);
  }
  deepStrictEqual((await fromA.links()).map(({ name }) => name).sort(), names.sort());
});

Deno.test("messages: who cannot be dialled is asked to dial", async () => {
  await using place = new Place();
  const a = await place.start("pi-a");
  const quiet = await place.start("quiet", { connect: [a.address], listen: "none" });
  await meet(a, quiet);
  using fromA = apiOf(a);
  strictEqual((await fromA.send({ to: "quiet", text: "psst" })).state, "confirmed");
  using fromQuiet = apiOf(quiet);
  deepStrictEqual(await fromQuiet.bodies(), ["psst"]);
  const calls = () => {
    const [own] = a.network.view.get({ nodes: [a.network.machine.nodeId], keys: ["agent/piot"] });
    return (own?.entries[0]?.value as { calls?: string[] }).calls ?? [];
  };
  await until("nobody is called any more", () => calls().length === 0);
});

Deno.test("messages: ttl, no-hold, dismissing what was not delivered", async () => {
  await using place = new Place();
  const a = await place.start("pi-a");
  using fromA = apiOf(a);
  await rejects(
    fromA.send({ to: "nobody", text: "x", hold: false }),
    refusal(503, /not connected/),
  );
  await fromA.send({ to: "nobody", text: "x", ttl: "1ms" }, "0");
  await new Promise((resolve) => setTimeout(resolve, 5));
  // The next one finds it expired.
  await fromA.send({ to: "nobody", text: "y" }, "0");
  const { waiting, undelivered } = await fromA.outbox();
  strictEqual(waiting.length, 1);
  deepStrictEqual(undelivered.map(({ to, reason }) => [to, reason]), [["nobody", "expired"]]);
  ok(a.log.some((line) => /was not delivered \(expired\)/.test(line)), a.log.join("\n"));
  const isTold = () =>
    a.agent.problems.current().some((line) => /^1 message was not delivered/.test(line));
  ok(isTold());
  deepStrictEqual(await fromA.ask("DELETE", "/v1/outbox/undelivered"), {
    removed: [undelivered[0]?.notice],
  });
  ok(!isTold());
  deepStrictEqual((await fromA.outbox()).undelivered, []);
  const link = (await fromA.links()).find(({ name }) => name === "nobody");
  await fromA.ask("DELETE", `/v1/piot/links/${link?.link}`);
  deepStrictEqual(
    (await fromA.outbox()).undelivered.map(({ reason }) => reason),
    ["forgotten"],
  );
  await rejects(fromA.ask("DELETE", "/v1/piot/links/nobody"), refusal(404, /no link to "nobody"/));
});

const plain = (extra = "", port = 0) => `
[[network]]
interfaces = []
listen = "none"
[piot]
listen = "127.0.0.1:${port}"
${extra}
`;
const dialling = (port: number, extra = "") => `
[[network]]
interfaces = []
listen = "none"
[piot]
connect = ["127.0.0.1:${port}"]
${extra}
`;

/** The port of plain links, as the log tells it. */
function portOf(log: readonly string[]): number {
  const line = log.find((line) => /listening on port \d+/.test(line)) ?? "";
  return Number(/port (\d+)/.exec(line)?.[1]);
}

Deno.test("messages: plain links, with a key, with another one, and without", async () => {
  await using place = new Place();
  for (const name of ["one", "two"]) writeKeyFile(`${place.dir}/${name}`, generateKey());
  const server = await place.start("server", { toml: plain('key_file = "one"') });
  const port = portOf(server.log);
  const friend = await place.start("friend", { toml: dialling(port, 'key_file = "one"') });
  const foe = await place.start("foe", { toml: dialling(port, 'key_file = "two"') });
  const open = await place.start("open", { toml: dialling(port) });
  using fromFriend = apiOf(friend);
  using fromServer = apiOf(server);
  await until("the friend is linked", async () => (await fromFriend.links())[0]?.state === "up");
  strictEqual((await fromFriend.send({ to: "server", text: "hello" })).state, "confirmed");
  strictEqual((await fromServer.send({ to: "friend", text: "hello back" })).state, "confirmed");
  for (const one of [foe, open]) {
    await until(
      "it says why",
      () => one.agent.problems.current().some((line) => /does not take us \(auth\)/.test(line)),
    );
  }
  using fromFoe = apiOf(foe);
  using fromOpen = apiOf(open);
  for (const from of [fromFoe, fromOpen]) {
    const [link] = await from.links();
    ok(link && link.state !== "up", link?.state);
    strictEqual((await from.send({ to: link.name, text: "let me in" }, "300ms")).state, "held");
  }
  deepStrictEqual(await fromServer.bodies(), ["hello"]);
  deepStrictEqual((await fromServer.links()).map(({ name }) => name), ["friend"]);
  // Another key in the same file: a reload takes it.
  Deno.copyFileSync(`${place.dir}/one`, `${place.dir}/two`);
  const same = place.config("foe", { toml: dialling(port, 'key_file = "two"') });
  strictEqual(foe.agent.reload(same), undefined);
  await until("it is a friend now", async () => (await fromFoe.links())[0]?.state === "up");
});

Deno.test("messages: policy ask holds strangers until they are approved; closed turns them away", async () => {
  await using place = new Place();
  const asking = await place.start("asking", { toml: plain('policy = "ask"') });
  const closed = await place.start("closed", { toml: plain('policy = "closed"') });
  let stranger = await place.start("stranger", { toml: dialling(portOf(asking.log)) });
  using fromAsking = apiOf(asking);
  await until("it asks", async () => (await fromAsking.links())[0]?.state === "pending");
  ok(asking.log.some((line) => /stranger .* asks for a link/.test(line)), asking.log.join("\n"));
  deepStrictEqual(await fromAsking.ask("PUT", "/v1/piot/links/stranger", { change: "approve" }), {
    ...(await fromAsking.links())[0],
    state: "linked",
  });
  // Sooner than its dialler would.
  await place.stop(stranger);
  stranger = await place.start("stranger", { toml: dialling(portOf(asking.log)) });
  using fromStranger = apiOf(stranger);
  await until("they are linked", async () => (await fromStranger.links())[0]?.state === "up");
  strictEqual((await fromStranger.send({ to: "asking", text: "thanks" })).state, "confirmed");
  await fromAsking.ask("PUT", "/v1/piot/links/stranger", { change: "block" });
  await until("it is cut off", async () => (await fromStranger.links())[0]?.state !== "up");
  await rejects(
    fromAsking.send({ to: "stranger", text: "x" }),
    refusal(403, /is blocked/),
  );
  const other = await place.start("other", { toml: dialling(portOf(closed.log)) });
  using fromOther = apiOf(other);
  const [link] = await fromOther.links();
  strictEqual((await fromOther.send({ to: link?.name, text: "x" }, "300ms")).state, "held");
  using fromClosed = apiOf(closed);
  deepStrictEqual(await fromClosed.links(), []);
});

Deno.test("messages: switched off, on and off again by a reload", async () => {
  await using place = new Place();
  const off = { toml: "[piot]\nenabled = false\n", keyFile: place.keyFile, interfaces: "" };
  const a = await place.start("pi-a", { ...off, listen: "127.0.0.1:0" });
  using fromA = apiOf(a);
  await rejects(fromA.inbox(), refusal(404, /switched off/));
  const on = place.config("pi-a", {
    ...off,
    toml: "[piot]\nhold_entries = 2\noverflow = 'reject'\n",
  });
  a.agent.reload(on);
  await until("it runs", () => fromA.inbox().then(() => true, () => false));
  for (const text of ["1", "2"]) await fromA.send({ to: "x", text }, "0");
  await rejects(fromA.send({ to: "x", text: "3" }, "0"), refusal(403, /outbox to x is full/));
  a.agent.reload(place.config("pi-a", { ...off, toml: "[piot]\nhold_entries = 3\n" }));
  await fromA.send({ to: "x", text: "3" }, "0");
  a.agent.reload(place.config("pi-a", off));
  await until("it is off", () => fromA.inbox().then(() => false, () => true));
});

Deno.test("messages: damage to their file costs what waited, and not the id", async () => {
  await using place = new Place();
  const a = await place.start("pi-a");
  const id = () => {
    const [own] = a.network.view.get({ nodes: [a.network.machine.nodeId], keys: ["agent/piot"] });
    return (own?.entries[0]?.value as { id: string }).id;
  };
  const before = id();
  {
    using fromA = apiOf(a);
    await fromA.send({ to: "x", text: "1" }, "0");
  }
  await place.stop(a);
  Deno.writeFileSync(`${place.dir}/pi-a/messages.db`, new Uint8Array(8_192).fill(7));
  const again = await place.start("pi-a");
  const [own] = again.network.view.get({
    nodes: [again.network.machine.nodeId],
    keys: ["agent/piot"],
  });
  strictEqual((own?.entries[0]?.value as { id: string }).id, before);
  ok(again.log.some((line) => /messages.db was damaged/.test(line)), again.log.join("\n"));
  using fromA = apiOf(again);
  strictEqual((await fromA.outbox()).messages, 0);
});

Deno.test("messages: a record that cannot be read is said in one line, and all else goes on", async () => {
  await using place = new Place();
  const a = await place.start("pi-a");
  {
    using fromA = apiOf(a);
    await fromA.send({ to: "x", text: "1" }, "0");
  }
  await place.stop(a);
  const path = `${place.dir}/pi-a/messages.db`;
  const store = openMessages(path, () => {});
  const [key] = store.scan("0").find(([key]) => key.includes("/o/")) ?? [];
  ok(key !== undefined);
  store.commit(new Map([[key, Uint8Array.of(0xa0)]]));
  store.close();
  const again = await place.start("pi-a");
  using fromA = apiOf(again);
  await rejects(
    fromA.outbox(),
    refusal(403, /do not run: .*messages\.db holds a record that cannot be read \(.*\); stop the/),
  );
  await place.stop(again);
  Deno.removeSync(path);
  using anew = apiOf(await place.start("pi-a"));
  strictEqual((await anew.outbox()).messages, 0);
});
