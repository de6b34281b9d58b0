/** Routes, actions, calls and plans between real agents. */
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { freePort } from "../../ports.ts";
import { Place, type Running, until, valuesIn } from "../in_process.ts";
import { apiOf, meet } from "./api.ts";

function script(place: Place, name: string, text: string): string {
  const path = `${place.dir}/${name}.sh`;
  Deno.writeTextFileSync(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  return path;
}

function read(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}

async function agents(
  place: Place,
  tomls: Record<string, string>,
): Promise<Running[]> {
  const all: Running[] = [];
  for (const [name, toml] of Object.entries(tomls)) {
    const connect = all[0] ? [all[0].address] : [];
    all.push(
      await place.start(name, {
        toml,
        keyFile: place.keyFile,
        // The same after a restart.
        listen: `127.0.0.1:${freePort()}`,
        interfaces: "",
        connect,
      }),
    );
  }
  await meet(...all);
  return all;
}

Deno.test("routes: a program gets the body and who sent it; what no route matches stays", async () => {
  await using place = new Place();
  const log = `${place.dir}/log`;
  const program = script(
    place,
    "on-door",
    `printf '%s %s %s: ' "$MESSAGE_FROM" "$MESSAGE_NAME" "$MESSAGE_TYPE" >> ${log}\ncat >> ${log}\necho >> ${log}`,
  );
  const [a, b] = await agents(place, {
    "pi-a": "",
    "pi-b": `[[piot.route]]\nname = "door/*"\nrun = ["${program}"]\n`,
  }) as [Running, Running];
  using fromA = apiOf(a);
  using fromB = apiOf(b);
  await fromA.send({ to: "pi-b", text: "open", name: "door/front" });
  await fromA.send({ to: "pi-b", text: "other", name: "window" });
  await fromA.send({ to: "pi-b", text: "closed", name: "door/front" });
  await until("both ran", () => read(log).split("\n").length === 3);
  strictEqual(
    read(log),
    "pi-a door/front text/plain: open\npi-a door/front text/plain: closed\n",
  );
  deepStrictEqual(await fromB.bodies(), ["other"]);
});

Deno.test("routes: what fails is tried again, also after a restart, and given up in the end", async () => {
  await using place = new Place();
  const count = `${place.dir}/count`;
  const good = `${place.dir}/good`;
  const program = script(
    place,
    "flaky",
    `echo x >> ${count}\ntest -e ${good} || { echo "not yet" >&2; exit 3; }`,
  );
  const route = (extra: string) =>
    `[[piot.route]]\nname = "*"\nrun = ["${program}"]\nretry_delay = "20ms"\n${extra}`;
  const [a, b] = await agents(place, { "pi-a": "", "pi-b": route("retries = 1000") }) as [
    Running,
    Running,
  ];
  using fromA = apiOf(a);
  await fromA.send({ to: "pi-b", text: "x", name: "t" });
  await until("it was tried twice", () => read(count).length >= 4);
  ok(b.log.some((line) => /exit code 3: not yet/.test(line)), b.log.join("\n"));
  const wishes = {
    keyFile: place.keyFile,
    interfaces: "",
    listen: b.address,
    connect: [a.address],
  };
  await place.stop(b);
  const again = await place.start("pi-b", { ...wishes, toml: route("retries = 1") });
  {
    using fromB = apiOf(again);
    await until("it is given up", async () => (await fromB.inbox()).length === 1);
    deepStrictEqual(await fromB.bodies(), ["x"]);
    ok(again.log.some((line) => /failed 2 times .*stays in the inbox/.test(line)));
  }
  await place.stop(again);
  Deno.writeTextFileSync(good, "");
  const healed = await place.start("pi-b", { ...wishes, toml: route("retries = 1") });
  using fromB = apiOf(healed);
  await until("it is done with", async () => {
    const metrics = healed.agent;
    return metrics !== undefined && (await fromB.links())[0] !== undefined &&
      (await fromB.ask<unknown[]>("GET", "/v1/messages")).length === 0 && read(count).length >= 8;
  });
});

Deno.test("routes: forwarded once, with its origin; published; not in a ring", async () => {
  await using place = new Place();
  const [a, b, c] = await agents(place, {
    "pi-a": "",
    "pi-b": `[[piot.route]]\nname = "on/*"\nforward = "pi-c"\n` +
      `[[piot.route]]\nname = "ring"\nforward = "pi-c"\nretries = 0\n` +
      `[[piot.route]]\nname = "temp"\npublish = "last/{from}/{name}"\n`,
    "pi-c": `[[piot.route]]\nname = "ring"\nforward = "pi-b"\nretries = 0\n`,
  }) as [Running, Running, Running];
  using fromA = apiOf(a);
  using fromB = apiOf(b);
  using fromC = apiOf(c);
  const sent = await fromA.send({ to: "pi-b", body: { n: 1 }, name: "on/x" });
  await until("c has it", async () => (await fromC.inbox()).length === 1);
  const [row] = await fromC.inbox();
  deepStrictEqual(row?.body, { n: 1 });
  strictEqual(row.from, "pi-b");
  strictEqual(row.header.original, sent.id);
  strictEqual(row.header.hops, 1);
  deepStrictEqual(await fromB.inbox(), []);
  await fromA.send({ to: "pi-b", body: 21.5, name: "temp" });
  await until("it is published", () => valuesIn(a.network)["pi-b:last/pi-a/temp"] === 21.5);
  await fromA.send({ to: "pi-b", text: "round", name: "ring" });
  await until("the ring is noticed", async () => (await fromB.bodies()).includes("round"));
  ok(b.log.some((line) => /was here before/.test(line)), b.log.join("\n"));
});

Deno.test("routes: after the timeout the program and what it started are killed", async () => {
  await using place = new Place();
  const pids = `${place.dir}/pids`;
  const program = script(place, "slow", `sleep 300 & echo $! >> ${pids}\necho $$ >> ${pids}\nwait`);
  const [a, b] = await agents(place, {
    "pi-a": "",
    "pi-b": `[[piot.route]]\nrun = ["${program}"]\ntimeout = "300ms"\nretries = 0\n`,
  }) as [Running, Running];
  using fromA = apiOf(a);
  using fromB = apiOf(b);
  await fromA.send({ to: "pi-b", text: "x" });
  await until("it is given up", async () => (await fromB.inbox()).length === 1);
  ok(b.log.some((line) => /took longer than 300 ms and was killed/.test(line)));
  for (const pid of read(pids).trim().split("\n")) {
    await until(`${pid} is gone`, () => !/^State:\s+[RSD]/m.test(read(`/proc/${pid}/status`)));
  }
});

const ACTIONS = (place: Place, name: string) => {
  const echo = script(
    place,
    `echo-${name}`,
    `read args; echo "{\\"me\\":\\"${name}\\",\\"args\\":$args,\\"from\\":\\"$ACTION_FROM\\"}"`,
  );
  const slow = script(place, `slow-${name}`, "sleep 300");
  const fail = script(place, `fail-${name}`, "echo 'no lamp' >&2; exit 7");
  return `[[piot.action]]\nname = "echo"\nrun = ["${echo}"]\n` +
    `[[piot.action]]\nname = "slow"\nrun = ["${slow}"]\ntimeout = "400ms"\n` +
    `[[piot.action]]\nname = "fail"\nrun = ["${fail}"]\n` +
    `[[piot.action]]\nname = "gone"\nrun = ["/nowhere/at-all"]\n`;
};

Deno.test("calls: many nodes, this one too; errors, time-outs, and those who are away", async () => {
  await using place = new Place();
  const [a, b] = await agents(place, {
    "pi-a": ACTIONS(place, "pi-a"),
    "pi-b": ACTIONS(place, "pi-b"),
    "pi-c": ACTIONS(place, "pi-c"),
  }) as [Running, Running, Running];
  using fromA = apiOf(a);
  using fromB = apiOf(b);
  const all = await fromA.call(["*"], "echo", { on: true });
  strictEqual(all.status, "complete");
  deepStrictEqual(
    all.answers.map(({ name, value }) => [name, value]),
    ["pi-a", "pi-b", "pi-c"].map((me) => [me, { me, args: { on: true }, from: "pi-a" }]),
  );
  await fromB.ask("PUT", "/v1/state/room", "kitchen");
  await until("a sees it", () => valuesIn(a.network)["pi-b:room"] === "kitchen");
  const kitchen = await fromA.call(["room=kitchen"], "piot.ping", [1]);
  deepStrictEqual(kitchen.answers.map(({ name, value }) => [name, value]), [["pi-b", [1]]]);
  const failed = await fromA.call(["pi-b"], "fail");
  strictEqual(failed.status, "failed");
  deepStrictEqual(failed.answers.map(({ status, error }) => [status, error]), [
    ["error", "exit code 7: no lamp"],
  ]);
  match((await fromA.call(["pi-b"], "gone")).answers[0]?.error ?? "", /cannot be started/);
  strictEqual((await fromA.call(["pi-b"], "unheard-of")).answers[0]?.status, "unknown-action");
  const slow = await fromA.call(["pi-b", "pi-c"], "slow", null, { timeout: "5s" });
  deepStrictEqual(slow.answers.map(({ status }) => status), ["timeout", "timeout"]);
  const short = await fromA.call(["pi-b", "nobody"], "slow", null, { timeout: "100ms" });
  deepStrictEqual(short.answers.map(({ name, status }) => [name, status]), [
    ["pi-b", "timeout"],
    ["nobody", "unreachable"],
  ]);
  const any = await fromA.call(["nobody", "pi-b"], "echo", 1, { mode: "any" });
  strictEqual(any.status, "complete");
});

Deno.test("plans: in order and at once, with results; undone where a step fails", async () => {
  await using place = new Place();
  const log = `${place.dir}/log`;
  const note = script(place, "note", `read args; echo "$args" >> ${log}; echo "$args"`);
  const toml = `${ACTIONS(place, "x")}[[piot.action]]\nname = "note"\nrun = ["${note}"]\n`;
  const [a] = await agents(place, { "pi-a": toml, "pi-b": toml }) as [Running];
  using fromA = apiOf(a);
  const step = (n: number, on: string, more = {}) => ({ do: "note", on, args: n, ...more });
  const good = await fromA.plan({
    steps: {
      seq: [step(1, "pi-a", { id: "first" }), {
        par: [step(2, "pi-b"), step(2, "pi-b")],
      }, { do: "note", on: "pi-b", args: { was: { $ref: "first" } } }],
    },
  });
  const done = await fromA.ended(good.id);
  strictEqual(done.status, "done", JSON.stringify(done));
  strictEqual(read(log), '1\n2\n2\n{"was":1}\n');
  Deno.removeSync(log);
  const undo = { do: "note", args: "undone" };
  const bad = await fromA.plan({
    id: "bad",
    steps: {
      seq: [step(1, "pi-a", { undo }), step(2, "pi-b", { undo }), { do: "fail", on: "pi-b" }],
    },
  });
  const rolledBack = await fromA.ended(bad.id);
  strictEqual(rolledBack.status, "rolledBack");
  deepStrictEqual(rolledBack.steps.map(({ status, undone }) => [status, undone]), [
    ["ok", "ok"],
    ["ok", "ok"],
    // What failed may have done something all the same, and the plan does not say how to undo it.
    [rolledBack.steps[2]?.status, rolledBack.steps[2]?.undone],
  ]);
  strictEqual(read(log), '1\n2\n"undone"\n"undone"\n');
  await rejects(fromA.plan({ id: "bad", steps: step(1, "pi-a") }), /bad/);
  await rejects(fromA.plan({ steps: [] }), /plan: steps/);
  const long = await fromA.plan({ steps: { do: "slow", on: "pi-b" }, timeout: "20s" });
  await fromA.ask("DELETE", `/v1/plans/${long.id}`);
  strictEqual((await fromA.ended(long.id)).status, "cancelled");
});
