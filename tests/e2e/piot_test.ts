/** Messages by the real program: send, inbox, outbox, call, plan; a full disk; a killed consumer. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import type {
  CallResult,
  MessageRow,
  OutboxView,
  PlanView,
  SendReceipt,
} from "../../lib/http/api.ts";
import { freePort } from "../ports.ts";
import { skipReason } from "../skip.ts";
import { Place, until } from "./harness.ts";

const lines = (text: string) =>
  text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as MessageRow);

function script(place: Place, name: string, text: string): string {
  const path = `${place.dir}/${name}`;
  Deno.writeTextFileSync(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  return path;
}

Deno.test("e2e: send, inbox, outbox and links on the command line", async () => {
  await using place = new Place();
  const a = await place.agent("a");
  const b = await place.agent("b", { connect: [a] });
  await place.meet(a, b);
  const sent = await a.cli(
    ...["send", "b", "the kettle is on", "--name", "kitchen", "--wait", "30s", "--json"],
  );
  deepStrictEqual([sent.code, sent.stderr], [0, ""]);
  const { id, state } = sent.json<SendReceipt>();
  strictEqual(state, "confirmed");
  const json = await a.cli("send", "b", '{"t":21.5}', "--json-body", "--wait", "30s");
  match(json.stdout, /^confirmed by b\n$/);
  const inbox = await b.cli("inbox", "--json");
  const rows = lines(inbox.stdout);
  deepStrictEqual(rows.map(({ from, body }) => [from, body]), [
    ["a", "the kettle is on"],
    ["a", { t: 21.5 }],
  ]);
  deepStrictEqual(Object.keys(rows[0] ?? {}), ["id", "from", "at", "header", "body"]);
  strictEqual(rows[0]?.id, id);
  match((await b.cli("inbox")).stdout, /^\S+ a kitchen the kettle is on\n\S+ a \{"t":21.5\}\n$/);
  deepStrictEqual(
    lines((await b.cli("inbox", "--take", "--name", "kitchen", "--json")).stdout).map(({ id }) =>
      id
    ),
    [id],
  );
  strictEqual(lines((await b.cli("inbox", "--take", "--json")).stdout).length, 1);
  strictEqual((await b.cli("inbox")).stdout, "");

  const held = await a.cli("send", "c", "for later", "--wait", "0");
  deepStrictEqual([held.code, held.stdout], [0, "held until c takes it; see: agent outbox\n"]);
  match((await a.cli("outbox")).stdout, /^c held since \S+ ago 9 B [0-9a-f]{32}\n$/);
  const bad = await a.cli("send", "b", "nonsense", "--json-body");
  strictEqual(bad.code, 2);
  strictEqual(bad.complaints.length, 1);
  strictEqual((await a.cli("send", "c", "x", "--no-hold")).code, 3);
  match((await a.cli("links", "known")).stdout, /b +up +0[\s\S]*c +linked +1/);
  strictEqual((await a.cli("links", "forget", "c")).code, 0);
  const outbox = (await a.cli("outbox", "--json", "--dismiss")).json<OutboxView>();
  deepStrictEqual(outbox.undelivered.map(({ to, reason }) => [to, reason]), [["c", "forgotten"]]);
  strictEqual((await a.cli("outbox")).stdout, "");
  strictEqual((await a.cli("links", "block", "b")).code, 0);
  const blocked = await a.cli("send", "b", "x");
  strictEqual(blocked.code, 4);
  match(blocked.stderr, /blocked/);
  strictEqual((await a.cli("links", "unblock", "b")).code, 0);
  strictEqual((await a.cli("links", "forget", "nobody")).code, 1);
});

Deno.test("e2e: a consumer that follows; killed before it takes, it gets the message again", async () => {
  await using place = new Place();
  const a = await place.agent("a");
  const b = await place.agent("b", { connect: [a] });
  await place.meet(a, b);
  const consumer = b.start("inbox", "--take", "--follow", "--json");
  const watcher = b.start("inbox", "--follow", "--json");
  for (const n of ["1", "2", "3"]) strictEqual((await a.cli("send", "b", n)).code, 0);
  await until("it has them", () => consumer.lines.length === 3);
  await until("the watcher too", () => watcher.lines.length === 3);
  const bodies = (all: string[]) => all.map((line) => (JSON.parse(line) as MessageRow).body);
  deepStrictEqual(bodies(consumer.lines), ["1", "2", "3"]);
  deepStrictEqual(bodies(watcher.lines), ["1", "2", "3"]);
  await until("they are taken", async () => (await b.cli("inbox")).stdout === "");
  consumer.kill("SIGTERM");
  strictEqual((await consumer.result()).code, 0);
  // Stopped before it can take what it has printed.
  const stuck = b.start("inbox", "--take", "--follow", "--json");
  await until("it waits", async () => {
    const { stdout } = await b.cli("status");
    return stdout !== "" && stuck.status === undefined;
  });
  stuck.kill("SIGSTOP");
  strictEqual((await a.cli("send", "b", "4")).code, 0);
  stuck.kill("SIGKILL");
  await stuck.exited;
  const again = lines((await b.cli("inbox", "--take", "--json")).stdout);
  deepStrictEqual(again.map(({ body }) => body), ["4"]);
  watcher.kill("SIGINT");
  strictEqual((await watcher.result()).code, 0);
});

Deno.test("e2e: call and plan; a plan goes on after its agent was killed", async () => {
  await using place = new Place();
  const log = `${place.dir}/log`;
  const note = script(place, "note", `read args; echo "$args" >> ${log}; sleep 0.2; echo "$args"`);
  const fail = script(place, "fail", "exit 3");
  const toml = `[[piot.action]]\nname = "note"\nrun = ["${note}"]\n` +
    `[[piot.action]]\nname = "fail"\nrun = ["${fail}"]\n`;
  const options = { toml, keyFile: place.keyFile, interfaces: "", listen: "127.0.0.1:0" };
  let a = await place.agent("a", { ...options, listen: `127.0.0.1:${freePort()}` });
  const b = await place.agent("b", { ...options, connect: [a] });
  await place.meet(a, b);
  const ping = await a.cli("call", "*", "piot.ping", '{"x":1}', "--json");
  strictEqual(ping.code, 0, ping.stderr);
  deepStrictEqual(ping.json<CallResult>().answers.map(({ name, value }) => [name, value]), [
    ["a", { x: 1 }],
    ["b", { x: 1 }],
  ]);
  const failed = await a.cli("call", "b,nobody", "fail", "--timeout", "20s");
  strictEqual(failed.code, 1);
  match(failed.stdout, /b +error +\d+ +exit code 3\nnobody +unreachable/);
  match(failed.stderr, /^failed: 2 of 2 did not answer with ok: b, nobody\n$/);
  strictEqual((await a.cli("call", "nobody", "note")).code, 3);

  Deno.writeTextFileSync(
    `${place.dir}/good.toml`,
    `[steps]\nseq = [{ do = "note", on = "b", args = 1, id = "one" },` +
      ` { do = "note", on = "a", args = { was = { "$ref" = "one" } } }]\n`,
  );
  const good = await a.cli("plan", `${place.dir}/good.toml`);
  strictEqual(good.code, 0, good.stderr);
  match(good.stdout, /one running\n[\s\S]*one ok \d\.\d s 1\n[\s\S]*\ndone\n$/);
  strictEqual(Deno.readTextFileSync(log), '1\n{"was":1}\n');
  const wrong = script(place, "wrong.toml", "");
  strictEqual((await a.cli("plan", wrong)).code, 2);
  strictEqual((await a.cli("plan", "/nowhere")).code, 2);

  Deno.removeSync(log);
  const steps = Array.from({ length: 12 }, (_, n) => ({ do: "note", on: "b", args: n }));
  Deno.writeTextFileSync(
    `${place.dir}/long.json`,
    JSON.stringify({ id: "long", resume: true, steps: { seq: steps } }),
  );
  const running = a.start("plan", `${place.dir}/long.json`, "--json");
  await until("some steps are done", () => {
    try {
      return Deno.readTextFileSync(log).split("\n").length > 4;
    } catch {
      return false;
    }
  });
  await a.kill();
  a = await a.again();
  const ended = await running.result();
  const plan = ended.json<PlanView>();
  strictEqual(plan.status, "done", JSON.stringify(plan));
  strictEqual(ended.code, 0, ended.stderr);
  strictEqual(plan.restarts, 1);
  const noted = Deno.readTextFileSync(log).trim().split("\n").map(Number);
  deepStrictEqual([...new Set(noted)], steps.map(({ args }) => args));
  const list = await a.cli("plan", "--list");
  match(list.stdout, /long +done +12 of 12/);
});

const fullDisk = "e2e: on a full disk send is refused, and nothing is half written";
const isRoot = Deno.uid() === 0;
Deno.test({
  name: fullDisk,
  ignore: !isRoot && skipReason(fullDisk, "needs root, to mount a small disk"),
  async fn() {
    await using place = new Place();
    const disk = `${place.dir}/disk`;
    Deno.mkdirSync(disk);
    const run = (...args: string[]) =>
      new Deno.Command(args[0] as string, { args: args.slice(1) }).outputSync();
    const mounted = run("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk);
    if (!mounted.success) return void skipReason(fullDisk, "no tmpfs can be mounted here");
    try {
      const b = await place.agent("b");
      const a = await place.agent("a", { connect: [b], stateDir: disk });
      await place.meet(a, b);
      strictEqual((await a.cli("send", "b", "before")).code, 0);
      try {
        Deno.writeFileSync(`${disk}/filler`, new Uint8Array(8_000_000));
      } catch {
        // As much as there is room for.
      }
      const refused = await a.cli("send", "b", "x".repeat(100_000));
      strictEqual(refused.code, 4);
      match(refused.stderr, /^[^\n]*the disk is full; free some space, nothing was changed\n$/);
      // That the first was confirmed may not have been written yet: then it is asked for again.
      const { waiting } = await a.request<OutboxView>("GET", "/v1/outbox");
      deepStrictEqual(waiting.filter(({ bytes }) => bytes > 1_000), []);
      ok((await a.status()).problems.some((line) => /cannot be stored.*disk is full/.test(line)));
      Deno.removeSync(`${disk}/filler`);
      const after = await a.cli("send", "b", "after", "--wait", "20s", "--json");
      strictEqual(after.json<SendReceipt>().state, "confirmed", after.stderr);
      deepStrictEqual(lines((await b.cli("inbox", "--json")).stdout).map(({ body }) => body), [
        "before",
        "after",
      ]);
      await a.kill();
    } finally {
      run("umount", "-l", disk);
    }
  },
});
