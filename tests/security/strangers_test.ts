/** Whoever reaches a port of plain links, and holds no key. */
import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { generateKey, writeKeyFile } from "../../lib/agent/config/keys.ts";
import {
  CloseCode,
  decodeFrame,
  encodeFrame,
  type Frame,
  frameSize,
  LENGTH_BYTES,
  PREFACE,
} from "../../lib/piot/frame.ts";
import { concat } from "../../lib/wire/bytes.ts";
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

/** Says HELLO under this id, and what the other side answers first. */
async function helloAs(port: number, node: string): Promise<Frame | undefined> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const hello = encodeFrame({
    frame: "hello",
    version: 1,
    node,
    name: "inside",
    boot: "e".repeat(16),
    nonce: "d".repeat(32),
    inherit: true,
    auth: 0,
    maxFrame: 1_048_576,
    idle: 15,
  });
  await conn.write(concat([PREFACE, hello]));
  let got = new Uint8Array(0) as Uint8Array;
  const buffer = new Uint8Array(4_096);
  for (;;) {
    const rest = got.subarray(PREFACE.length);
    if (rest.length >= LENGTH_BYTES) {
      const size = frameSize(rest, 0, 1_048_576);
      if (rest.length >= size) return decodeFrame(rest.slice(LENGTH_BYTES, size));
    }
    const count = await conn.read(buffer);
    if (count === null) return undefined;
    got = concat([got, buffer.slice(0, count)]);
  }
}

Deno.test("strangers: nobody on a plain link is a node of the sealed network, not even while that is off", async () => {
  await using place = new Place();
  const network = '[[network]]\nkey_file = "home.key"\nlisten = "127.0.0.1:0"\ninterfaces = []\n';
  const open = await place.start("open", {
    toml: `${network}[piot]\nlisten = "127.0.0.1:0"\n`,
  });
  const inside = await place.start("inside", { connect: [open.address] });
  await meet(open, inside);
  const told = open.network.view.entry(inside.network.machine.nodeId, "agent/piot");
  const { id } = told?.value as { id: string };
  using api = apiOf(open);
  strictEqual((await api.send({ to: "inside", text: "for you alone" })).state, "confirmed");
  const port = portOf(open);
  const expectRefusal = async () => {
    const answer = await helloAs(port, id);
    deepStrictEqual(
      answer?.frame === "close" && [answer.code, answer.text],
      [CloseCode.LinkRejected, "this node is known from a sealed network"],
    );
  };
  await expectRefusal();
  await place.stop(inside);
  await until("it is gone", () => open.network.view.size === 1);
  strictEqual((await api.send({ to: id, text: "held for you" }, "0s")).state, "held");
  await expectRefusal();
  // Somebody whom we never met is asked who they are.
  strictEqual((await helloAs(port, "9".repeat(32)))?.frame, "hello");
});
