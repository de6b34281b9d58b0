/** The composition root: agents on real sockets, inside this process. */
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { AgentError, ExitCode } from "../../lib/core/mod.ts";
import { generateKey, writeKeyFile } from "../../lib/agent/config/keys.ts";
import { monotonicClock } from "../../lib/core/mod.ts";
import { freePort } from "../ports.ts";
import { loopback, Place, TestInterfaces, until, valuesIn } from "./in_process.ts";
import type { Running } from "./in_process.ts";

function set({ network, agent }: Running, key: string, value: string | number): void {
  network.own.set(monotonicClock.now(), monotonicClock.wall(), [[key, value]]);
  agent.scheduler.touch();
}

const countersOf = ({ network }: Running, group: string) =>
  network.transport.counters.find(({ name }) => name === group)?.counts() ?? {};

const meet = (...all: Running[]) =>
  until("they find each other", () => all.every(({ network }) => network.view.size === all.length));

Deno.test("agent: three share state over a middle one, and a stopped one is gone at once", async () => {
  await using place = new Place();
  const a = await place.start("a");
  const b = await place.start("b", { connect: [a.address] });
  const c = await place.start("c", { connect: [b.address] });
  await meet(a, b, c);
  set(a, "t", 1);
  set(c, "door", "open");
  const all = { "a:t": 1, "c:door": "open" };
  await until(
    "all see all",
    () => [a, b, c].every(({ network }) => Object.keys(valuesIn(network)).length === 2),
  );
  for (const { network } of [a, b, c]) deepStrictEqual(valuesIn(network), all);
  await place.stop(c);
  // Well below every keep-alive: the closed stream tells.
  await until("c is gone", () => a.network.view.size === 2);
  deepStrictEqual(valuesIn(a.network), { "a:t": 1 });
  strictEqual(a.agent.problems.total, 0);
});

Deno.test("agent: entries, node id and a higher sequence number come back after a restart", async () => {
  await using place = new Place();
  const first = await place.start("a");
  set(first, "kept", "yes");
  first.network.own.setFor(monotonicClock.now(), monotonicClock.wall(), [["brief", 1]], 60_000);
  const { nodeId, seqno } = first.network.machine;
  await place.stop(first);
  const second = await place.start("a");
  strictEqual(second.network.machine.nodeId, nodeId);
  ok(second.network.machine.seqno > seqno);
  deepStrictEqual(valuesIn(second.network), { "a:kept": "yes" });
});

Deno.test("agent: one that cannot start leaves nothing behind", async () => {
  await using place = new Place();
  const a = await place.start("a");
  const port = a.address.split(":")[1];
  const refused = (message: RegExp) => (error: unknown) => {
    ok(error instanceof AgentError);
    strictEqual(error.exitCode, ExitCode.Refused);
    match(error.message, message);
    ok(!error.message.includes("\n"));
    return true;
  };
  await rejects(
    place.start("b", { listen: `127.0.0.1:${port}` }),
    refused(new RegExp(`TCP port ${port} is taken .*; stop that one, or set another port`)),
  );
  await rejects(
    place.start("c", { stateDir: `${place.dir}/a` }),
    refused(/agent\.db is in use by .*; stop that one, or set another state_dir/),
  );
  await rejects(
    place.start("d", { socket: `${place.dir}/a.sock` }),
    refused(/an agent is already running on .*; stop it, or choose another: --socket/),
  );
  Deno.writeTextFileSync(`${place.dir}/file`, "");
  await rejects(
    place.start("e", { stateDir: `${place.dir}/file/state` }),
    refused(/the state folder .* cannot be made .*; choose another with --state-dir/),
  );
  Deno.writeTextFileSync(`${place.dir}/bad.key`, "no key\n", { mode: 0o600 });
  await rejects(
    place.start("f", { keyFile: `${place.dir}/bad.key` }),
    refused(/bad\.key holds no network key/),
  );
  // What failed has let go of its state folder, its socket and its port.
  for (const name of ["b", "d", "f"]) await place.start(name);
  ok(a.network.view.size >= 1);
});

Deno.test("agent: without a key it begins a network, and says in two lines how to join it", async () => {
  await using place = new Place();
  const fresh = { toml: '[[network]]\nlisten = "127.0.0.1:0"\ninterfaces = []\n' };
  const first = await place.start("a", fresh);
  strictEqual(first.told.length, 2);
  const keyFile = `${place.dir}/a/home.key`;
  ok(first.told[0]?.includes(keyFile));
  ok(first.told[1]?.includes("scp") && first.told[1].includes("agent run --key-file home.key"));
  strictEqual(Deno.statSync(keyFile).mode! & 0o777, 0o600);
  const key = Deno.readTextFileSync(keyFile);
  const { id } = first.network.keys[0]!;
  await place.stop(first);
  const second = await place.start("a", fresh);
  deepStrictEqual(second.told, []);
  strictEqual(second.network.keys[0]?.id, id);
  strictEqual(Deno.readTextFileSync(keyFile), key);
  const joined = await place.start("b", { keyFile, connect: [second.address] });
  await meet(second, joined);
});

Deno.test("agent: connect addresses come and go with a reload", async () => {
  await using place = new Place();
  const a = await place.start("a");
  const b = await place.start("b");
  strictEqual(b.network.machine.peers().length, 0);
  b.agent.reload(place.config("b", { connect: [a.address] }));
  await meet(a, b);
  b.agent.reload(place.config("b"));
  await until("they part", () => a.network.view.size === 1 && b.network.view.size === 1);
  b.agent.reload(place.config("b", { connect: [a.address] }));
  await meet(a, b);
});

Deno.test("agent: a reload changes the log level, and says that it happened", async () => {
  await using place = new Place();
  const a = await place.start("a", { logLevel: "warning" });
  const b = await place.start("b", { connect: [a.address], logLevel: "warning" });
  await meet(a, b);
  deepStrictEqual(b.log, []);
  b.agent.reload(place.config("b", { connect: [a.address], logLevel: "info" }));
  deepStrictEqual(b.log, ["notice: the config was read again"]);
  await place.stop(a);
  await until("the loss is logged", () => b.log.length > 1);
  match(b.log[1]!, /^info: network home: lost peer a at 127\.0\.0\.1:\d+ \(connect\): /);
});

Deno.test("agent: a reload changes the default TTL", async () => {
  await using place = new Place();
  const toml = (ttl: string) =>
    `[[network]]\nlisten = "none"\ninterfaces = []\npublish_ttl = "${ttl}"\n`;
  const a = await place.start("a", { toml: toml("60s") });
  strictEqual(a.network.publishTtl, 60_000);
  a.agent.reload(place.config("a", { toml: toml("5s") }));
  strictEqual(a.network.publishTtl, 5_000);
});

Deno.test("agent: a wrong key is said on both sides, once", async () => {
  await using place = new Place();
  const a = await place.start("a");
  writeKeyFile(`${place.dir}/other.key`, generateKey());
  const b = await place.start("b", { connect: [a.address], keyFile: `${place.dir}/other.key` });
  await until(
    "b has tried three times",
    () => (countersOf(b, "stream").wrongKey ?? 0) >= 3,
  );
  const [said] = b.agent.problems.current();
  match(
    said!,
    new RegExp(
      `^${a.address} answers, but with another key \\(theirs ${a.network.keys[0]!.id}, ours `,
    ),
  );
  strictEqual(b.agent.problems.current().length, 1);
  strictEqual(b.log.filter((line) => line.includes("another key")).length, 1);
  strictEqual(a.log.filter((line) => line.includes("has another key")).length, 1);
  match(a.agent.problems.current()[0]!, /^127\.0\.0\.1:\d+ has another key/);
  strictEqual(a.network.view.size, 1);
});

Deno.test("agent: keys are rotated without a flag day, also for one that slept", async () => {
  await using place = new Place();
  const old = place.keyFile;
  const fresh = `${place.dir}/new.key`;
  writeKeyFile(fresh, generateKey());
  const toml = (keys: string[], connect: string[]) =>
    `[[network]]\nlisten = "127.0.0.1:0"\ninterfaces = []\nconnect = ${JSON.stringify(connect)}\n` +
    `keys = ${JSON.stringify(keys)}\n`;
  const a = await place.start("a", { toml: toml([old], []) });
  const b = await place.start("b", { toml: toml([old], [a.address]) });
  await meet(a, b);
  await place.stop(b);
  a.agent.reload(place.config("a", { toml: toml([fresh, old], []) }));
  const slept = await place.start("b", { toml: toml([old], [a.address]) });
  await meet(a, slept);
  strictEqual(a.network.keys.length, 2);
  slept.agent.reload(place.config("b", { toml: toml([fresh], [a.address]) }));
  a.agent.reload(place.config("a", { toml: toml([fresh], []) }));
  set(slept, "still", "here");
  await until("the open stream goes on", () => "b:still" in valuesIn(a.network));
  await place.stop(slept);
  const after = await place.start("b", { toml: toml([fresh], [a.address]) });
  await meet(a, after);
  deepStrictEqual(a.agent.problems.current(), []);
});

Deno.test("agent: agents of one computer find each other on loopback, with no address", async () => {
  await using place = new Place();
  const toml = (port: number) =>
    `[[network]]\nkey_file = "home.key"\nlisten = "127.0.0.1:0"\ninterfaces = ["lo"]\nport = ${port}\n`;
  // A port of its own: other tests are on the same loopback.
  const port = freePort();
  const on = () => ({ toml: toml(port), interfaceSource: new TestInterfaces(loopback()) });
  const a = await place.start("a", on());
  const b = await place.start("b", on());
  await meet(a, b);
  deepStrictEqual(a.network.machine.peers().map(({ endpointName }) => endpointName), ["lo"]);
  const c = await place.start("c", on());
  await meet(a, b, c);
  deepStrictEqual(c.network.interfaces, ["lo"]);
  c.interfaces.change([]);
  await until("c is off the link", () => a.network.view.size === 2 && c.network.view.size === 1);
  deepStrictEqual(c.network.interfaces, []);
  c.interfaces.change(loopback());
  await meet(a, b, c);
});

Deno.test("agent: an interface that loses its carrier for a moment keeps its peers", async () => {
  await using place = new Place();
  const port = freePort();
  const toml =
    `[[network]]\nkey_file = "home.key"\nlisten = "127.0.0.1:0"\ninterfaces = ["lo"]\nport = ${port}\n`;
  const on = () => ({ toml, interfaceSource: new TestInterfaces(loopback()) });
  const a = await place.start("a", on());
  const b = await place.start("b", on());
  await meet(a, b);
  b.interfaces.change(loopback().map((info) => ({ ...info, running: false })));
  deepStrictEqual(b.network.interfaces, ["lo"]);
  b.interfaces.change(loopback());
  deepStrictEqual([a.network.view.size, b.network.view.size], [2, 2]);
  deepStrictEqual(a.log.filter((line) => line.includes("lost")), []);
});

Deno.test("agent: a copied state folder makes one of the two take a new id", async () => {
  await using place = new Place();
  const a = await place.start("a");
  const { nodeId } = a.network.machine;
  await place.stop(a);
  Deno.mkdirSync(`${place.dir}/copy`);
  Deno.copyFileSync(`${place.dir}/a/agent.db`, `${place.dir}/copy/agent.db`);
  const first = await place.start("a");
  const second = await place.start("copy", { connect: [first.address] });
  strictEqual(first.network.machine.nodeId, nodeId);
  await meet(first, second);
  const ids = [first, second].map(({ network }) => network.machine.nodeId);
  strictEqual(new Set(ids).size, 2);
  strictEqual(ids.filter((id) => id === nodeId).length, 1);
  const renamed = ids[0] === nodeId ? second : first;
  strictEqual(renamed.log.filter((line) => line.includes("another node has our id")).length, 1);
  strictEqual(
    [...first.log, ...second.log].filter((line) => line.includes("another node has our id")).length,
    1,
  );
  const { name } = renamed.config.agent;
  const kept = renamed.network.machine.nodeId;
  await place.stop(renamed);
  const again = await place.start(name);
  strictEqual(again.network.machine.nodeId, kept, "the new id is kept");
});
