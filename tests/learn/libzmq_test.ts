/** With real libzmq, both ways (`spec/networkzero.md §8`). */
import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { decodeJson, type Json, SocketTimedOutError } from "../../lib/nearby/machines.ts";
import { fromHex } from "../../lib/wire/bytes.ts";
import { libzmqTest } from "./libzmq.ts";
import { dribble } from "./dribble.ts";
import { freePort } from "../ports.ts";
import { Computer } from "./world.ts";

const WAIT = 10;
const MS = WAIT * 1000;

/** Runs with a computer that is closed afterwards. */
async function withComputer(fn: (computer: Computer) => Promise<void>): Promise<void> {
  const computer = new Computer();
  try {
    await fn(computer);
  } finally {
    await computer.close();
  }
}

const VALUES: Json[] = [
  null,
  "World",
  [1, 2.5, "é😀"],
  { a: { b: [] } },
  "x".repeat(300),
  false,
  "",
];

libzmqTest("libzmq: our listener, their speaker", async (peer) => {
  await withComputer(async (computer) => {
    const program = computer.program();
    const port = freePort();
    const address = `127.0.0.1:${port}`;
    await peer.call("make", "req", "REQ");
    await peer.call("connect", "req", port);
    for (const value of VALUES) {
      await peer.call("send_json", "req", value);
      deepStrictEqual(await program.waitForMessageFrom(address, WAIT), value);
      await program.sendReplyTo(address, { back: value });
      deepStrictEqual(await peer.call("receive_json", "req", MS), ["got", { back: value }]);
    }
    // Null, too, has its reply at once.
    await peer.call("send_json", "req", null);
    strictEqual(await program.waitForMessageFrom(address, WAIT, true), null);
    deepStrictEqual(await peer.call("receive_json", "req", MS), ["got", null]);
  });
});

libzmqTest("libzmq: their listener, our speaker, and the listener starts again", async (peer) => {
  await withComputer(async (computer) => {
    const program = computer.program();
    const port = freePort();
    const address = `127.0.0.1:${port}`;
    for (const name of ["first", "second"]) {
      // The question is there before the listener.
      const answer = program.sendMessageTo(address, "early", WAIT);
      await peer.call("make", name, "REP");
      await peer.call("bind", name, port);
      deepStrictEqual(await peer.call("receive_json", name, MS), ["got", "early"]);
      await peer.call("send_json", name, name);
      strictEqual(await answer, name);
      for (const value of VALUES) {
        const asked = program.sendMessageTo(address, value, WAIT);
        deepStrictEqual(await peer.call("receive_json", name, MS), ["got", value]);
        await peer.call("send_json", name, value);
        deepStrictEqual(await asked, value);
      }
      await peer.call("close", name);
      await rejects(program.sendMessageTo(address, "nobody", 0.1), SocketTimedOutError);
    }
  });
});

libzmqTest("libzmq: a DEALER pipelines, and is answered in order", async (peer) => {
  await withComputer(async (computer) => {
    const program = computer.program();
    const port = freePort();
    await peer.call("make", "dealer", "DEALER");
    await peer.call("connect", "dealer", port);
    for (const n of [1, 2, 3]) await peer.call("send", "dealer", "aa", "", `3${n}`);
    for (const n of [1, 2, 3]) {
      strictEqual(await program.waitForMessageFrom(`127.0.0.1:${port}`, WAIT), n);
      await program.sendReplyTo(`127.0.0.1:${port}`, n * 10);
    }
    for (const n of [1, 2, 3]) {
      deepStrictEqual(await peer.call("receive", "dealer", MS), ["aa", "", `3${n}30`]);
    }
  });
});

libzmqTest("libzmq: our publisher, three subscribers of theirs with prefixes", async (peer) => {
  await withComputer(async (computer) => {
    const program = computer.program();
    const port = freePort();
    const address = `127.0.0.1:${port}`;
    for (const prefix of ["temp", "hum", ""]) {
      await peer.call("make", `sub ${prefix}`, "SUB");
      await peer.call("connect", `sub ${prefix}`, port);
      await peer.call("subscribe", `sub ${prefix}`, prefix);
    }
    // Each is there when it hears this.
    const everyone = ["temp", "hum", ""];
    for (const left = new Set(everyone); left.size > 0;) {
      for (const prefix of left) {
        await program.sendNewsTo(address, `${prefix}?`, "there?");
        if (await peer.call<Json>("receive", `sub ${prefix}`, 100)) left.delete(prefix);
      }
    }
    for (const prefix of everyone) {
      while (await peer.call<Json>("receive", `sub ${prefix}`, 100)) { /* late ones */ }
    }
    const news: [string, Json][] = [["temperature", 21.5], ["humidity", 5], ["temp", null], [
      "é",
      "x",
    ]];
    for (const [topic, data] of news) await program.sendNewsTo(address, topic, data);
    await program.sendNewsTo(address, "raw", Uint8Array.of(0, 255, 16));
    const heard = async (prefix: string) => {
      const all: unknown[] = [];
      for (;;) {
        const parts = await peer.call<string[] | null>("receive", `sub ${prefix}`, 300);
        if (!parts) return all;
        const topic = new TextDecoder().decode(fromHex(parts[0]!));
        all.push([topic, topic === "raw" ? parts[1] : decodeJson(fromHex(parts[1]!))]);
      }
    };
    deepStrictEqual(await heard("temp"), [["temperature", 21.5], ["temp", null]]);
    deepStrictEqual(await heard("hum"), [["humidity", 5]]);
    deepStrictEqual(await heard(""), [...news, ["raw", "00ff10"]]);
  });
});

libzmqTest("libzmq: our subscriber, two publishers of theirs", async (peer) => {
  await withComputer(async (computer) => {
    const program = computer.program();
    await peer.call("make", "a", "PUB");
    await peer.call("make", "b", "PUB");
    const addresses: string[] = [];
    for (const name of ["a", "b"]) {
      addresses.push(`127.0.0.1:${await peer.call<number>("bind", name, 0)}`);
    }
    deepStrictEqual(await program.waitForNewsFrom(addresses, ["temp", "raw"], 0.2), [null, null]);
    await peer.call("send", "a", hex("humidity"), hex("1"));
    await peer.call("send", "a", hex("temperature"), hex("21.5"));
    deepStrictEqual(await program.waitForNewsFrom(addresses, "temp", WAIT), ["temperature", 21.5]);
    await peer.call("send", "b", hex("raw"), "00ff");
    deepStrictEqual(
      await program.waitForNewsFrom(addresses, "temp", WAIT, true),
      ["raw", Uint8Array.of(0, 255)],
    );
    await peer.call("send", "b", hex("temp"), hex("["));
    await rejects(program.waitForNewsFrom(addresses, "temp", WAIT), /cannot be read/);
    deepStrictEqual(await program.waitForNewsFrom(addresses, "temp", 0.1), [null, null]);
  });
});

libzmqTest("libzmq: one octet per segment, both ways", async (peer) => {
  await withComputer(async (computer) => {
    const program = computer.program();
    const [ours, theirs] = [freePort(), freePort()];
    const toOurs = dribble(ours);
    const toTheirs = dribble(theirs);
    try {
      await peer.call("make", "req", "REQ");
      await peer.call("connect", "req", toOurs.port);
      await peer.call("send_json", "req", "x".repeat(400));
      strictEqual(await program.waitForMessageFrom(`127.0.0.1:${ours}`, WAIT), "x".repeat(400));
      await program.sendReplyTo(`127.0.0.1:${ours}`, "y".repeat(300));
      deepStrictEqual(await peer.call("receive_json", "req", MS), ["got", "y".repeat(300)]);

      await peer.call("make", "rep", "REP");
      await peer.call("bind", "rep", theirs);
      const asked = program.sendMessageTo(`127.0.0.1:${toTheirs.port}`, "z".repeat(300), WAIT);
      deepStrictEqual(await peer.call("receive_json", "rep", MS), ["got", "z".repeat(300)]);
      await peer.call("send_json", "rep", [1]);
      deepStrictEqual(await asked, [1]);
    } finally {
      await Promise.all([toOurs.close(), toTheirs.close()]);
    }
  });
});

libzmqTest("libzmq: a Python program uses our beacon, and hears our adverts", async (peer) => {
  const listenPort = freePort();
  const computer = new Computer({
    beaconPort: listenPort,
    interfaces: () => [{ address: "127.0.0.1", prefixLength: 8, destinations: ["127.0.0.2"] }],
  });
  try {
    const program = computer.program();
    await peer.call("udp", "other", "127.0.0.2", listenPort);
    const address = await program.advertise("robot", "127.0.0.1:5000");
    strictEqual(address, "127.0.0.1:5000");
    deepStrictEqual(await peer.call("udp_receive", "other", WAIT), [
      '["robot", "127.0.0.1:5000", 20]',
      "127.0.0.1",
      listenPort,
    ]);
    const rpc = async (...request: Json[]) => {
      await peer.call("make", "rpc", "REQ");
      await peer.call("connect", "rpc", computer.options.rpcPort!);
      await peer.call("send_json", "rpc", request);
      const [got, reply] = await peer.call<[string, Json]>("receive_json", "rpc", MS);
      await peer.call("close", "rpc");
      strictEqual(got, "got");
      return reply;
    };
    strictEqual(await rpc("discover", "robot", 0.5), "127.0.0.1:5000");
    strictEqual(await rpc("advertise", "python", "127.0.0.1:6000", false, 20), "127.0.0.1:6000");
    strictEqual(await program.discover("python", WAIT), "127.0.0.1:6000");
    strictEqual(await rpc("no such action"), null);
    strictEqual(await rpc("discover", "nobody", 0.1), null);

    // And an advert of theirs, from another computer.
    const found = program.discover("far", WAIT);
    await peer.call("udp_send", "other", "127.0.0.1", listenPort, '["far", "10.9.0.1:5", 20]');
    strictEqual(await found, "10.9.0.1:5");
  } finally {
    await computer.close();
  }
});

libzmqTest("libzmq: a Python beacon has the port; ours asks it", async (peer) => {
  await withComputer(async (computer) => {
    const { beaconPort, rpcPort } = computer.options;
    await peer.call("udp", "beacon", "127.0.0.1", beaconPort!);
    await peer.call("make", "rpc", "REP");
    await peer.call("bind", "rpc", rpcPort!);
    const program = computer.program();
    const answer = async (expected: Json, reply: Json) => {
      deepStrictEqual(await peer.call("receive_json", "rpc", MS), ["got", expected]);
      await peer.call("send_json", "rpc", reply);
    };
    const advertised = program.advertise("robot");
    await answer(["advertise", "robot", null, false, 20], "127.0.0.1:50000");
    strictEqual(await advertised, "127.0.0.1:50000");
    const found = program.discover("other", WAIT);
    await answer(["discover", "other", 0.5], null);
    await answer(["discover", "other", 0.5], "10.0.0.1:1");
    strictEqual(await found, "10.0.0.1:1");
    const group = program.discoverGroup("chat");
    await answer(["discover_all", 0.5], [["chat/a", "1.1.1.1:1"], ["x", "1.1.1.1:2"]]);
    deepStrictEqual(await group, [["chat/a", "1.1.1.1:1"]]);
    ok(program.owesGoodbye);
    const gone = program.goodbye();
    await answer(["unadvertise", "robot"], null);
    await gone;
  });
});

function hex(text: string): string {
  return new TextEncoder().encode(text).toHex();
}
