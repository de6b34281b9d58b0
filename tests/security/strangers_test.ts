/** Whoever reaches a port of plain links, and holds no key. */
import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { generateKey, writeKeyFile } from "../../lib/agent/config/keys.ts";
import { apiOf, meet } from "../agent/piot/api.ts";
import { Place, type Running, until } from "../agent/in_process.ts";

/** A program that leaves a trace, and the table that lets others call it. */
function action(place: Place): { toml: string; runs: () => number } {
  const trace = `${place.dir}/trace`;
  const program = `${place.dir}/lamp`;
  Deno.writeTextFileSync(program, `#!/bin/sh\necho ran >> ${trace}\ncat\n`, { mode: 0o755 });
  return {
    toml: `[[piot.action]]\nname = "lamp.set"\nrun = ["${program}"]\n`,
    runs: () => {
      try {
        return Deno.readTextFileSync(trace).split("\n").length - 1;
      } catch {
        return 0;
      }
    },
  };
}

/** The port of plain links, as the log tells it. */
function portOf({ log }: Running): number {
  const line = log.find((line) => /listening on port \d+/.test(line)) ?? "";
  return Number(/port (\d+)/.exec(line)?.[1]);
}

const dialling = (port: number, extra = "") =>
  `[[network]]\ninterfaces = []\nlisten = "none"\n[piot]\nconnect = ["127.0.0.1:${port}"]\n${extra}`;

Deno.test("strangers: on a plain link without a key nobody can have anything done, here or elsewhere", async () => {
  await using place = new Place();
  const { toml, runs } = action(place);
  const network = '[[network]]\nkey_file = "home.key"\nlisten = "127.0.0.1:0"\ninterfaces = []\n';
  const open = await place.start("open", {
    toml: `${network}[piot]\nlisten = "127.0.0.1:0"\n${toml}`,
  });
  const inside = await place.start("inside", {
    toml: `${network.trimEnd()}\nconnect = ["${open.address}"]\n${toml}`,
  });
  await meet(open, inside);
  const stranger = await place.start("stranger", { toml: dialling(portOf(open)) });
  using from = apiOf(stranger);
  using member = apiOf(inside);
  await until("it is linked", async () => (await from.links())[0]?.state === "up");
  const asked = [
    await from.call(["open"], "lamp.set", { on: true }),
    await from.call(["open"], "piot.aggregate", { targets: ["inside"], action: "lamp.set" }),
    await from.call(["open"], "piot.run", { steps: { do: "lamp.set", on: "inside" } }),
    await from.call(["open"], "piot.info"),
  ];
  for (const { answers } of asked) {
    deepStrictEqual(answers.map(({ status }) => status), ["refused"]);
    match(JSON.stringify(answers), /need key_file/);
  }
  strictEqual(runs(), 0);
  // Members still can; and what a stranger says arrives as a message.
  const { answers } = await member.call(["open"], "lamp.set", { on: true });
  deepStrictEqual(answers.map(({ status }) => status), ["ok"]);
  strictEqual(runs(), 1);
  strictEqual((await from.send({ to: "open", text: "hello" })).state, "confirmed");
});

Deno.test("strangers: with the key of plain links they can call", async () => {
  await using place = new Place();
  const { toml, runs } = action(place);
  writeKeyFile(`${place.dir}/piot.key`, generateKey());
  const key = 'key_file = "piot.key"\n';
  const open = await place.start("open", {
    toml:
      `[[network]]\ninterfaces = []\nlisten = "none"\n[piot]\nlisten = "127.0.0.1:0"\n${key}${toml}`,
  });
  const friend = await place.start("friend", { toml: dialling(portOf(open), key) });
  using from = apiOf(friend);
  await until("it is linked", async () => (await from.links())[0]?.state === "up");
  const { answers } = await from.call(["open"], "lamp.set", { on: true });
  deepStrictEqual(answers.map(({ status }) => status), ["ok"]);
  strictEqual(runs(), 1);
});
