/** The functions for learners, on loopback: names, questions, news, and what mistakes say. */
import { deepStrictEqual, match, ok, rejects, strictEqual, throws } from "node:assert/strict";
import {
  AddressError,
  InvalidAddressError,
  NetworkZeroError,
  SocketAlreadyExistsError,
  SocketInterruptedError,
  SocketTimedOutError,
} from "../../lib/nearby/errors.ts";
import * as face from "../../lib/nearby/mod.ts";
import { IdleTime } from "./idle_time.ts";
import { freePort } from "../ports.ts";
import { Computer, computerTest, freeAddress } from "./world.ts";

const WAIT = 10;

computerTest("learn: two programs of one computer find each other and talk", async (computer) => {
  const [robot, controller] = [computer.program(), computer.program()];
  const here = await robot.advertise("robot");
  match(here ?? "", /^127\.0\.0\.1:\d+$/);
  strictEqual(await controller.discover("robot", WAIT), here);
  strictEqual(await controller.advertise("robot", null, true), null);
  const asked = controller.sendMessageTo(here!, { go: [1, "é"] }, WAIT);
  deepStrictEqual(await robot.waitForMessageFrom(here!, WAIT), { go: [1, "é"] });
  strictEqual(await robot.sendReplyTo(here!, "going"), null);
  strictEqual(await asked, "going");

  const command = controller.sendCommand(here!, ["forward", "10 steps"], WAIT);
  deepStrictEqual(await robot.waitForCommand(here!, WAIT), ["forward", ["10 steps"]]);
  strictEqual(await command, null);

  await controller.advertise("chat/ada", "127.0.0.1:5000");
  await controller.advertise("chat/bob", "5001");
  const group = [["chat/ada", "127.0.0.1:5000"], ["chat/bob", "127.0.0.1:5001"]];
  deepStrictEqual(await robot.discoverGroup("chat"), group);
  deepStrictEqual(await controller.discoverGroup("chat", "/", "chat/bob"), group.slice(0, 1));
  deepStrictEqual(await controller.discoverAll(WAIT), [["robot", here], ...group]);
  await controller.unadvertise("chat/ada");
  await controller.resetBeacon();
  strictEqual(await robot.discoverAll(0), null);
  deepStrictEqual(await controller.discoverGroup("chat"), []);
});

computerTest("learn: a discover that waits hears of a service in the moment", async (computer) => {
  const [a, b, c] = [computer.program(), computer.program(), computer.program()];
  await a.advertise("first");
  // Of the beacon's own program, and of another one; both wait while others ask.
  const waiting = [a.discover("late", WAIT), b.discover("late", WAIT)];
  strictEqual(await c.discover("nobody", 0), null);
  const late = await c.advertise("late");
  deepStrictEqual(await Promise.all(waiting), [late, late]);
});

computerTest(
  "learn: where the beacon has died, the next one who asks becomes it",
  async (computer) => {
    const time = new IdleTime();
    const [first, second] = [
      computer.program({ clock: time.clock, timer: time.timer }),
      computer.program({ clock: time.clock, timer: time.timer }),
    ];
    await time.run(first.advertise("a", "127.0.0.1:1"));
    strictEqual((await time.run(second.discover("a", 1))).result, "127.0.0.1:1");
    await time.run(first.close());
    const { result, seconds } = await time.run(second.advertise("b", "127.0.0.1:2"));
    strictEqual(result, "127.0.0.1:2");
    ok(seconds >= 5, "the RPC wait");
    strictEqual((await time.run(second.discover("b", 1))).result, "127.0.0.1:2");
  },
);

computerTest("learn: a beacon that is told to stop says so first", async (computer) => {
  const program = computer.program();
  await program.advertise("a", "127.0.0.1:1");
  const other = computer.program();
  const rpc = `127.0.0.1:${computer.options.rpcPort}`;
  strictEqual(await other.sendMessageTo(rpc, ["STOP"], WAIT), null);
  // Both ports are free again: the next one who asks becomes the beacon.
  deepStrictEqual(await other.discoverGroup("a"), []);
  strictEqual(await program.advertise("b", "127.0.0.1:2"), "127.0.0.1:2");
  strictEqual(await other.discover("b", WAIT), "127.0.0.1:2");
  await program.close();
});

computerTest("learn: the RPC port stays taken: said after three tries", async (computer) => {
  const time = new IdleTime();
  const other = Deno.listen({ hostname: "127.0.0.1", port: computer.options.rpcPort! });
  const program = computer.program({ clock: time.clock, timer: time.timer });
  const start = time.now;
  await rejects(time.run(program.advertise("x")), SocketAlreadyExistsError);
  strictEqual(time.now - start, 1_000);
  other.close();
  ok((await time.run(program.advertise("x"))).result);
});

computerTest("learn: several ask at once, and each gets his own answer", async (computer) => {
  const [server, client] = [computer.program(), computer.program()];
  const address = freeAddress();
  const serving = (async () => {
    for (let i = 0; i < 60; i++) {
      const message = await server.waitForMessageFrom(address, WAIT);
      await server.sendReplyTo(address, message);
    }
  })();
  const questions = Array.from({ length: 20 }, (_, i) => i);
  for (let round = 0; round < 3; round++) {
    const answers = await Promise.all(
      questions.map((i) => client.sendMessageTo(address, i, WAIT)),
    );
    deepStrictEqual(answers, questions);
  }
  await serving;
});

computerTest("learn: a time-out leaves nothing behind", async (computer) => {
  const [server, client] = [computer.program(), computer.program()];
  const address = freeAddress();
  strictEqual(await server.waitForMessageFrom(address, 0), null);
  await rejects(client.sendMessageTo(address, "slow", 0.05), (error: SocketTimedOutError) => {
    ok(error instanceof SocketTimedOutError && error.seconds === 0.05);
    match(error.message, /^nobody at 127\.0\.0\.1:\d+ answered within 0.05 seconds; .*\?$/);
    return true;
  });
  // A late reply goes nowhere, and above all not to the next question.
  const next = client.sendMessageTo(address, "quick", WAIT);
  for (;;) {
    const message = await server.waitForMessageFrom(address, WAIT);
    await server.sendReplyTo(address, `reply to ${message}`);
    if (message === "quick") break;
  }
  strictEqual(await next, "reply to quick");
});

computerTest("learn: a hundred thousand news, and none is lost", async (computer) => {
  const [teller, hearer] = [computer.program(), computer.program()];
  const address = freeAddress();
  const COUNT = 100_000;
  let count = 0;
  let ready = false;
  const hearing = (async () => {
    for (;;) {
      const [topic, data] = await hearer.waitForNewsFrom(address, ["n", "start"], WAIT);
      if (topic === "start") ready = true;
      else {
        ok(topic === "n" && data === count, `${topic} ${data} after ${count}`);
        if (++count === COUNT) return;
      }
    }
  })();
  while (!ready) {
    await teller.sendNewsTo(address, "start");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  for (let i = 0; i < COUNT; i++) {
    await teller.sendNewsTo(address, "n", i);
    // Never so far ahead that a slow computer may drop some.
    while (i - count > 900) await new Promise((resolve) => setTimeout(resolve, 0));
  }
  await hearing;
});

computerTest(
  "learn: a subscriber that never listens does not stop the publisher",
  async (computer) => {
    const teller = computer.program();
    const address = freeAddress();
    await teller.sendNewsTo(address, "x");
    const deaf = await Deno.connect({ hostname: "127.0.0.1", port: Number(address.split(":")[1]) });
    const { encodeCommand, encodeReady, GREETING } = await import("../../lib/nearby/machines.ts");
    await deaf.write(GREETING);
    for (let got = 0; got < 64 + 27;) got += (await deaf.read(new Uint8Array(200)))!;
    await deaf.write(encodeReady("SUB"));
    await deaf.write(encodeCommand("SUBSCRIBE"));
    const data = "x".repeat(10_000);
    for (let i = 0; i < 5_000; i++) await teller.sendNewsTo(address, "x", data);
    deaf.close();
  },
);

computerTest("learn: mistakes are told in plain words", async (computer) => {
  const program = computer.program();
  const wrong = <T>(value: unknown): T => value as T;
  const cases: [Promise<unknown>, new (...args: never[]) => Error, RegExp][] = [
    [program.advertise(wrong(5)), NetworkZeroError, /a name is text/],
    [program.advertise("n".repeat(300)), NetworkZeroError, /too long by \d+ characters/],
    [program.advertise("x", "!!!:5"), InvalidAddressError, /no computer called "!!!"/],
    [program.advertise("x", "1.2.3.4:99999"), AddressError, /a port is a number from 0 to 65535/],
    [program.advertise("x", null, false, NaN), NetworkZeroError, /time to live/],
    [program.discover("x", -1), NetworkZeroError, /a time to wait is a number of seconds/],
    [program.discover("x", wrong("long")), NetworkZeroError, /a time to wait/],
    [program.sendMessageTo(wrong(null), "x"), InvalidAddressError, /looks like 192.168.1.5:5000/],
    [program.sendMessageTo("127.0.0.1", "x"), AddressError, /has no port/],
    [program.sendMessageTo("127.0.0.1:1", () => 1), NetworkZeroError, /function cannot be sent/],
    [program.sendMessageTo("127.0.0.1:1", new Map()), NetworkZeroError, /a Map cannot be sent/],
    [program.sendCommand("127.0.0.1:1", ""), NetworkZeroError, /at least one word/],
    [program.sendReplyTo("127.0.0.1:1"), NetworkZeroError, /no message to reply to/],
    [
      program.waitForMessageFrom("192.0.2.77:5000", 0),
      InvalidAddressError,
      /not an address of this/,
    ],
    [program.sendNewsTo("127.0.0.1:1", wrong(1)), NetworkZeroError, /topic of news is text/],
    [
      program.waitForNewsFrom("127.0.0.1:1", "x".repeat(300), 0),
      NetworkZeroError,
      /at most 245 letters/,
    ],
  ];
  for (const [promise, kind, words] of cases) {
    await rejects(promise, (error: Error) => {
      ok(error instanceof kind, `${error}`);
      match(error.message, words);
      ok(!error.message.includes("\n"));
      return true;
    });
  }
  const address = freeAddress();
  const listening = program.waitForMessageFrom(address, WAIT);
  await rejects(program.sendNewsTo(address, "x"), SocketAlreadyExistsError);
  const asked = computer.program().sendMessageTo(address, 1, WAIT);
  await listening;
  await rejects(program.waitForMessageFrom(address), /no reply yet/);
  await program.sendReplyTo(address);
  await asked;
});

computerTest("learn: an end interrupts who waits", async (computer) => {
  const program = computer.program();
  const waiting = program.waitForMessageFrom(freeAddress());
  const failing = rejects(waiting, SocketInterruptedError);
  await program.close();
  await failing;
});

computerTest("learn: who speaks nonsense, or says nothing, harms nobody", async (computer) => {
  const [server, client] = [computer.program(), computer.program()];
  const here = await server.advertise("robot", freeAddress());
  const port = Number(here!.split(":")[1]);
  strictEqual(await server.waitForMessageFrom(here!, 0), null);
  const waiting = server.waitForMessageFrom(here!, WAIT);
  const silent: Deno.Conn[] = [];
  for (const to of [port, computer.options.rpcPort!]) {
    for (const nonsense of ["", "GET / HTTP/1.1\r\n\r\n", "\xff".repeat(1000)]) {
      const conn = await Deno.connect({ hostname: "127.0.0.1", port: to });
      await conn.write(new TextEncoder().encode(nonsense));
      if (nonsense === "") {
        silent.push(conn);
        continue;
      }
      // Closed by the other side.
      await conn.read(new Uint8Array(100)).catch(() => null);
      conn.close();
    }
  }
  const asked = client.sendMessageTo((await client.discover("robot", WAIT))!, "still here?", WAIT);
  strictEqual(await waiting, "still here?");
  await server.sendReplyTo(here!, "yes");
  strictEqual(await asked, "yes");
  silent.forEach((conn) => conn.close());
});

Deno.test("learn: an advertised service without a host listens at all addresses", async () => {
  const computer = new Computer({ local: () => ["192.0.2.5", "127.0.0.1"], prefer: ["192.0.2.*"] });
  try {
    const [program, client] = [computer.program(), computer.program()];
    const here = await program.advertise("everywhere");
    match(here!, /^192\.0\.2\.5:/);
    const waiting = program.waitForMessageFrom(here!, WAIT);
    const asked = client.sendMessageTo(`127.0.0.1:${here!.split(":")[1]}`, "hi", WAIT);
    strictEqual(await waiting, "hi");
    await program.sendReplyTo(here!, "ho");
    strictEqual(await asked, "ho");
  } finally {
    await computer.close();
  }
});

Deno.test("learn: the face has the functions that learners are told of", () => {
  const names = [
    ...["advertise", "discover", "discoverAll", "discoverGroup", "unadvertise", "sendMessageTo"],
    ...["waitForMessageFrom", "sendReplyTo", "sendCommand", "waitForCommand", "sendNewsTo"],
    ...["waitForNewsFrom", "address", "resetBeacon", "actionAndParams", "bytesToString"],
    ...["stringToBytes"],
  ];
  for (const name of names) strictEqual(typeof face[name as keyof typeof face], "function", name);
  throws(() => face.actionAndParams(""), face.NetworkZeroError);
});

/** A program of its own, on loopback; returns what it printed. */
async function program(source: string): Promise<string> {
  const folder = await Deno.makeTempDir();
  try {
    const file = `${folder}/program.ts`;
    const world = new URL("../../lib/learn/mod.ts", import.meta.url);
    await Deno.writeTextFile(file, `import { Nearby } from "${world}";\n${source}`);
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", "--no-config", "--no-check", "--unstable-net", file],
      stdin: "null",
    }).output();
    const errors = new TextDecoder().decode(stderr);
    ok(success, errors);
    return new TextDecoder().decode(stdout) + errors;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("learn: a program ends when its last line is done, with its news sent", async () => {
  const address = freeAddress();
  const options = { beaconHost: "127.0.0.1", beaconPort: freePort(), rpcPort: freePort() };
  const computer = new Computer();
  const hearer = computer.program();
  const heard = hearer.waitForNewsFrom(address, "", 60);
  const printed = await program(`
    const nearby = new Nearby({ ...${JSON.stringify(options)}, interfaces: () => [] });
    console.log(await nearby.advertise("x", "127.0.0.1:5000"));
    await nearby.sendNewsTo("${address}", "topic", 1);
    console.log(await nearby.waitForMessageFrom("127.0.0.1:${freePort()}", 0.3));
    await nearby.sendNewsTo("${address}", "topic", 2);
  `);
  strictEqual(printed, "127.0.0.1:5000\nnull\n");
  ok((await heard)[0] === "topic");
  await computer.close();
});
