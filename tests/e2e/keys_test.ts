/** Keys: wrong ones are said aloud on both sides, open files are refused, and rotation has no flag day. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { NetworkKey } from "../../lib/wire/mod.ts";
import { parseKey } from "../../lib/agent/config/keys.ts";
import { freePort } from "../ports.ts";
import { type AgentProcess, Place, until } from "./harness.ts";

const idOf = (keyFile: string) =>
  NetworkKey.fromBytes(parseKey(Deno.readTextFileSync(keyFile))!).id;

Deno.test("e2e keys: a leafy command with another key is told so, exit code 4", async () => {
  await using place = new Place();
  const a = await place.agent("a");
  const other = place.makeKey("other.key");
  const told = new RegExp(
    `^${a.address} answers, but with another key \\(theirs ${place.key.id}, ours ${
      idOf(other)
    }\\);` +
      " copy that network's key file here or use --key-file$",
  );
  for (
    const words of [
      ["read", "--from", a.address],
      ["publish", "x=1", "--ttl", "5s", "--via", a.address],
      ["publish", "x=1", "--via", a.address],
    ]
  ) {
    const { code, stdout, complaints } = await place.run(
      ...["--leafy", ...words, "--key-file", other],
    );
    deepStrictEqual([code, stdout, complaints.length], [4, "", 1], words.join(" "));
    match(complaints[0]!, told);
  }
  const { problems } = await a.status();
  strictEqual(problems?.length, 1);
  match(
    problems![0]!,
    new RegExp(`^127\\.0\\.0\\.1:\\d+ has another key \\(${idOf(other)}, ours `),
  );
  ok((await a.metrics())["agent_stream_wrong_key_total"]! >= 3);
  strictEqual(a.logged(/another key/).length, 1, "said once, not three times");
  deepStrictEqual(await a.values(), {});
});

Deno.test("e2e keys: on one link, who has another key is named, not met with silence", async () => {
  await using place = new Place();
  place.makeKey("other.key");
  const port = freePort();
  const toml = (key: string) =>
    `[[network]]\nkey_file = "${key}"\ninterfaces = ["lo"]\nlisten = "127.0.0.1:0"\nport = ${port}\n`;
  const a = await place.agent("a", { toml: toml("home.key") });
  const b = await place.agent("b", { toml: toml("other.key") });
  for (const agent of [a, b]) {
    await until("it is told of a stranger", async () => {
      const { problems } = await agent.status();
      return problems?.some((line) =>
        /^127\.0\.0\.1 on lo is heard, but with another key/.test(line)
      );
    });
    strictEqual((await agent.nodes()).length, 1);
  }
  // A leafy command that only agents with another key have heard is told so by them.
  await b.stop();
  const { code, stdout, complaints } = await place.run(
    ...["--config", `${place.dir}/b.toml`, "--leafy", "read", "--timeout", "2s"],
  );
  deepStrictEqual([code, stdout, complaints.length], [4, "", 1]);
  match(complaints[0]!, /^127\.0\.0\.1 answers, but with another key \(theirs /);
});

Deno.test("e2e keys: while keys are replaced, guests are answered whichever one they hold", async () => {
  await using place = new Place();
  place.makeKey("new.key");
  const port = freePort();
  const toml = (keys: string[]) =>
    `[[network]]\nkeys = ${JSON.stringify(keys)}\ninterfaces = ["lo"]\n` +
    `listen = "127.0.0.1:0"\nport = ${port}\n`;
  await place.agent("a", { toml: toml(["new.key", "home.key"]) });
  for (const key of ["home.key", "new.key"]) {
    Deno.writeTextFileSync(`${place.dir}/guest.toml`, toml([key]));
    const { code, stderr } = await place.run(
      ...["--config", `${place.dir}/guest.toml`, "--leafy", "publish", "x=1", "--ttl", "5s"],
    );
    strictEqual(code, 0, stderr);
  }
});

Deno.test("e2e keys: two agents with different keys: a problem line with the address, logged once", async () => {
  await using place = new Place();
  const other = place.makeKey("other.key");
  const a = await place.agent("a");
  const b = await place.agent("b", { keyFile: other, connect: [a] });
  await until(
    "b has tried a few times",
    async () => (await b.metrics())["agent_stream_wrong_key_total"]! >= 3,
  );
  const problems = async (agent: AgentProcess) =>
    (await agent.cli("status")).stdout.split("\n").filter((line) => line.startsWith("problem: "));
  const [dialled, ...more] = await problems(b);
  deepStrictEqual(more, []);
  match(
    dialled!,
    new RegExp(`^problem: ${a.address} answers, but with another key \\(theirs ${place.key.id}, `),
  );
  const [taken] = await problems(a);
  match(taken!, new RegExp(`^problem: 127\\.0\\.0\\.1:\\d+ has another key \\(${idOf(other)}`));
  for (const agent of [a, b]) strictEqual(agent.logged(/another key/).length, 1, agent.stderr);
  // Given the right key, the problem is over and forgotten.
  await b.stop();
  const joined = await b.again({ keyFile: place.keyFile });
  await place.meet(a, joined);
  deepStrictEqual((await joined.status()).problems, []);
});

Deno.test("e2e keys: a key file that others can read is refused, with the chmod to run", async () => {
  await using place = new Place();
  const open = place.makeKey("open.key");
  Deno.chmodSync(open, 0o644);
  const { code, stdout, complaints } = await place.spawnAgent("a", { keyFile: open }).child
    .result();
  deepStrictEqual([code, stdout, complaints.length], [4, "", 1]);
  strictEqual(complaints[0], `${open} is readable by others; run: chmod 600 ${open}`);
  const read = await place.run("--leafy", "read", "--from", "127.0.0.1:1", "--key-file", open);
  deepStrictEqual([read.code, read.complaints], [4, complaints]);
  // And the command that it tells does it.
  await new Deno.Command("chmod", { args: ["600", open] }).output();
  await place.agent("b", { keyFile: open });
});

Deno.test("e2e keys: generated, written once, and joined with", async () => {
  await using place = new Place();
  const path = `${place.dir}/made.key`;
  strictEqual((await place.run("key", "generate", "--output", path)).code, 0);
  strictEqual(Deno.statSync(path).mode! & 0o777, 0o600);
  const again = await place.run("key", "generate", "--output", path);
  deepStrictEqual([again.code, again.complaints.length], [4, 1]);
  const { stdout } = await place.run("key", "generate");
  match(stdout, /^[A-Za-z0-9+/]{43}=\n$/);
  const a = await place.agent("a", { keyFile: path });
  const b = await place.agent("b", { keyFile: path, connect: [a] });
  await place.meet(a, b);
  strictEqual((await a.status()).networks[0]?.keyId, idOf(path));
});

Deno.test("e2e keys: with neither config nor key a new network, and two lines say how to join it", async () => {
  await using place = new Place();
  const listen = `127.0.0.1:${freePort()}`;
  const first = await place.agent("first", { keyFile: null, listen });
  const lines = first.logged(/new network|to join another Pi/);
  strictEqual(lines.length, 2, first.stderr);
  const keyFile = `${first.stateDir}/home.key`;
  ok(lines[0]!.endsWith(`started the new network "home"; its key is ${keyFile}`), lines[0]);
  match(
    lines[1]!,
    /to join another Pi: +agent invite +and there the line that it prints; or: +scp -p \S+ PI: +and there: +agent run --key-file home\.key$/,
  );
  strictEqual(Deno.statSync(keyFile).mode! & 0o777, 0o600);
  // As told: with a copy of it.
  const copied = `${place.dir}/copied.key`;
  await new Deno.Command("cp", { args: ["-p", keyFile, copied] }).output();
  const second = await place.agent("second", { keyFile: copied, connect: [first] });
  await place.meet(first, second);
  // The next start takes the key that is there, and has nothing more to tell.
  await first.stop();
  const again = await first.again();
  await place.meet(again, second);
  deepStrictEqual(again.logged(/new network|to join another Pi/), []);
});

Deno.test("e2e keys: rotation: one node after the other, also one that slept through it", async () => {
  await using place = new Place();
  place.makeKey("new.key");
  const toml = (keys: string[], connect: string[]) =>
    `[[network]]\nlisten = "127.0.0.1:0"\ninterfaces = []\n` +
    `connect = ${JSON.stringify(connect)}\nkeys = ${JSON.stringify(keys)}\n`;
  const a = await place.agent("a", { toml: toml(["home.key"], []) });
  const b = await place.agent("b", { toml: toml(["home.key"], [a.address]) });
  await place.meet(a, b);
  await b.stop();
  const reload = async (agent: AgentProcess, keys: string[], connect: string[]) => {
    const before = agent.logged(/the config was read again/).length;
    Deno.writeTextFileSync(`${place.dir}/${agent.name}.toml`, toml(keys, connect));
    agent.child.kill("SIGHUP");
    await until(
      `${agent.name} has read its config again`,
      () => agent.logged(/the config was read again/).length > before,
    );
  };
  await reload(a, ["new.key", "home.key"], []);
  strictEqual((await a.status()).networks[0]?.keyId, idOf(`${place.dir}/new.key`));
  const slept = await b.again();
  await place.meet(a, slept);
  await a.set({ heard: "yes" });
  await until("it goes on", async () => (await slept.values())["a:heard"] === "yes");
  await reload(slept, ["new.key"], [a.address]);
  await reload(a, ["new.key"], []);
  // Streams of the old key have made room for others, and nobody has gone.
  strictEqual((await slept.nodes()).length, 2);
  await slept.stop();
  const fresh = await slept.again({ toml: toml(["new.key"], [a.address]) });
  await place.meet(a, fresh);
  // The old key alone opens nothing any more.
  const old = await place.run(
    ...["--leafy", "read", "--from", a.address, "--key-file", place.keyFile],
  );
  deepStrictEqual([old.code, old.complaints.length], [4, 1]);
  // A reload of nonsense changes nothing.
  Deno.writeTextFileSync(`${place.dir}/a.toml`, "[[network]]\nkyes = []\n");
  a.child.kill("SIGHUP");
  await until("the nonsense is told", () => a.logged(/was not reloaded.*a\.toml:2:1/).length === 1);
  strictEqual((await a.nodes()).length, 2);
});
