/** networkzero on real interfaces, with its own ports: broadcast between computers. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import type { Json } from "../../lib/nearby/json.ts";
import { Libzmq, python } from "../learn/libzmq.ts";
import { skipReason } from "../skip.ts";
import { netnsTest, type Node } from "./harness.ts";

const ACTOR = new URL("nearby_actor.ts", import.meta.url).pathname;
/** Longer than anything takes on a busy computer, in s. */
const WAIT = 60;

/** A program on a node. */
class Actor {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #child: Deno.ChildProcess;
  #text = "";

  constructor(node: Node) {
    this.#child = node.spawn(Deno.execPath(), [
      ...["run", "-A", "--quiet", "--no-check", "--unstable-net", ACTOR],
    ], { stdin: "piped", stdout: "piped" });
    this.#writer = this.#child.stdin.getWriter();
    this.#lines = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Calls without waiting for the result. */
  async start(name: string, ...params: Json[]): Promise<void> {
    await this.#writer.write(new TextEncoder().encode(`${JSON.stringify([name, ...params])}\n`));
  }

  async result(): Promise<Json> {
    while (!this.#text.includes("\n")) {
      const { value, done } = await this.#lines.read();
      if (done) throw new Error("the program has ended");
      this.#text += value;
    }
    const end = this.#text.indexOf("\n");
    const { value, error } = JSON.parse(this.#text.slice(0, end));
    this.#text = this.#text.slice(end + 1);
    if (error) throw new Error(error);
    return value;
  }

  async call(name: string, ...params: Json[]): Promise<Json> {
    await this.start(name, ...params);
    return await this.result();
  }

  async close(): Promise<void> {
    await this.#writer.close();
    await this.#lines.cancel();
    await this.#child.status;
  }
}

netnsTest(
  "nearby: three computers, two networks: each gets the address it can reach",
  async (lab) => {
    const [a, b, c] = await lab.nodes("robot", "controller", "visitor");
    await lab.cable(a, b, { ipv4: "192.168.77" });
    await lab.cable(a, c, { ipv4: "10.77.0" });
    const [robot, controller, visitor] = [new Actor(a), new Actor(b), new Actor(c)];
    // Listening before it is told, so that the first advert is heard.
    await controller.start("discover", "robot", WAIT);
    await visitor.start("discover", "robot", WAIT);
    const here = await robot.call("advertise", "robot") as string;
    match(here, /^192\.168\.77\.1:\d+$/);
    const port = here.split(":")[1];
    strictEqual(await controller.result(), here);
    strictEqual(await visitor.result(), `10.77.0.1:${port}`);
    // Both can ask.
    for (const [asker, address] of [[controller, here], [visitor, `10.77.0.1:${port}`]] as const) {
      await robot.start("waitForMessageFrom", here, WAIT);
      await asker.start("sendMessageTo", address, "hello", WAIT);
      strictEqual(await robot.result(), "hello");
      await robot.call("sendReplyTo", here, "hi");
      strictEqual(await asker.result(), "hi");
    }
    // A cable that comes later is told, too.
    const [d] = await lab.nodes("late");
    await lab.cable(a, d, { ipv4: "172.20.0" });
    const late = new Actor(d);
    strictEqual(await late.call("discover", "robot", WAIT), `172.20.0.1:${port}`);
    for (const actor of [robot, controller, visitor, late]) await actor.close();
  },
);

const WITH_PYTHON = {
  next: "nearby: a Python program on the next computer",
  goodbye: "nearby: a learner's program takes back what it told another program's beacon",
};

if (python === undefined) {
  for (const name of Object.values(WITH_PYTHON)) {
    Deno.test({ name, ignore: skipReason(name, "needs python3-zmq"), fn() {} });
  }
} else {
  netnsTest(WITH_PYTHON.next, async (lab) => {
    const [a, b] = await lab.nodes("ours", "theirs");
    await lab.cable(a, b, { ipv4: "192.168.77" });
    const peer = new Libzmq(python!, ["ip", "netns", "exec", b.netns]);
    const ours = new Actor(a);
    try {
      await peer.call("udp", "beacon", "0.0.0.0", 9999);
      strictEqual(await ours.call("advertise", "robot", "5000"), "192.168.77.1:5000");
      const heard: [string, string, number][] = [];
      for (let i = 0; i < 2; i++) heard.push(await peer.call("udp_receive", "beacon", WAIT));
      // To the network's broadcast address from port 9999, and to 255.255.255.255.
      for (const [text, source] of heard) {
        deepStrictEqual([text, source], ['["robot", "192.168.77.1:5000", 20]', "192.168.77.1"]);
      }
      ok(heard.some(([, , port]) => port === 9999), JSON.stringify(heard));
      await ours.start("discover", "python", WAIT);
      const advert = '["python", "192.168.77.2:6000", 20]';
      await peer.call("udp_send", "beacon", "192.168.77.255", 9999, advert);
      strictEqual(await ours.result(), "192.168.77.2:6000");
    } finally {
      await peer.close();
    }
    await ours.close();
  });

  netnsTest(WITH_PYTHON.goodbye, async (lab) => {
    const [a] = await lab.nodes("one");
    const peer = new Libzmq(python!, ["ip", "netns", "exec", a.netns]);
    try {
      await peer.call("udp", "beacon", "0.0.0.0", 9999);
      await peer.call("make", "rpc", "REP");
      await peer.call("bind", "rpc", 9998);
      // As a learner writes it: nothing is closed, the last line is the end.
      const face = new URL("../../lib/nearby/mod.ts", import.meta.url);
      const source = `import { advertise, discover } from "${face}";
        console.log(await advertise("robot"), await discover("nobody", 0));`;
      const child = a.spawn(Deno.execPath(), [
        ...["eval", "--quiet", "--no-config", "--unstable-net", source],
      ], { stdin: "null", stdout: "piped" });
      const asked: Json[] = [];
      for (const reply of ["127.0.0.1:50000", null, null]) {
        const [, request] = await peer.call<[string, Json]>("receive_json", "rpc", WAIT * 1000);
        asked.push(request);
        await peer.call("send_json", "rpc", reply);
      }
      deepStrictEqual(asked, [
        ["advertise", "robot", null, false, 20],
        ["discover", "nobody", 0],
        ["unadvertise", "robot"],
      ]);
      strictEqual((await child.status).code, 0);
      strictEqual(await new Response(child.stdout).text(), "127.0.0.1:50000 null\n");
    } finally {
      await peer.close();
    }
  });
}
