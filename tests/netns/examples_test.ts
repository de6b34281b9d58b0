// The examples as they stand, each program a process of its own, in a namespace that has loopback only:
// without an agent, and with one.
import assert from "node:assert/strict";
import { Place, until } from "../e2e/harness.ts";
import { type Lab, netnsTest, type Node } from "./harness.ts";

const EXAMPLES = new URL("../../examples/", import.meta.url).pathname;

/** A program of the examples. */
class Program {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #ended: Promise<unknown>;
  output = "";

  constructor(node: Node, file: string, ...args: string[]) {
    this.#child = node.spawn(Deno.execPath(), [
      ...["run", "--quiet", "-A", "--no-check", "--unstable-net"],
      ...[EXAMPLES + file, ...args],
    ], { stdin: "piped", stdout: "piped", stderr: "piped" });
    this.#input = this.#child.stdin.getWriter();
    const keep = async (stream: ReadableStream<Uint8Array>) => {
      for await (const text of stream.pipeThrough(new TextDecoderStream())) this.output += text;
    };
    this.#ended = Promise.all([keep(this.#child.stdout), keep(this.#child.stderr)]);
  }

  async type(line: string): Promise<void> {
    await this.#input.write(new TextEncoder().encode(`${line}\n`));
  }

  async says(text: string): Promise<void> {
    await until(`it says ${text}`, () => this.output.includes(text), () => this.output);
  }

  /** Its input ends, and it. */
  async end(): Promise<number> {
    await this.#input.close().catch(() => {});
    const { code } = await this.#child.status;
    await this.#ended;
    return code;
  }
}

async function robot(node: Node): Promise<void> {
  const robot = new Program(node, "robot/robot.ts");
  const controller = new Program(node, "robot/controller.ts");
  await controller.type("forward 10");
  await controller.says("at 10,0 looking to 0\n");
  await controller.type("left 90");
  await controller.type("forward 5");
  await controller.says("at 10,5 looking to 90\n");
  await controller.type("dance");
  await controller.says("I cannot dance\n");
  await controller.type("stop");
  assert.equal(await controller.end(), 0, controller.output);
  assert.equal(await robot.end(), 0, robot.output);
  assert.match(robot.output, /good night\n$/);
}

async function turntable(node: Node): Promise<void> {
  const turntable = new Program(node, "turntable/turntable.ts");
  await turntable.says("is at");
  const camera = new Program(node, "turntable/camera.ts");
  const director = new Program(node, "turntable/director.ts", "4");
  assert.equal(await director.end(), 0, director.output);
  assert.equal(
    director.output,
    "1 of 4: picture-90.jpg\n2 of 4: picture-180.jpg\n3 of 4: picture-270.jpg\n" +
      "4 of 4: picture-0.jpg\nturntable stopped\ncamera stopped\n",
  );
  assert.equal(await turntable.end(), 0, turntable.output);
  assert.equal(await camera.end(), 0, camera.output);
}

async function chat(node: Node): Promise<void> {
  const alice = new Program(node, "chat.ts", "alice");
  await alice.says("hello alice");
  const bob = new Program(node, "chat.ts", "bob");
  await bob.says("hello bob");
  await bob.type("hi all");
  await alice.says("bob: hi all\n");
  await alice.type("hi bob");
  await bob.says("alice: hi bob\n");
  assert.equal(await bob.end(), 0, bob.output);
  assert.equal(await alice.end(), 0, alice.output);
}

/** A computer without any network. */
async function alone(lab: Lab): Promise<Node> {
  const node = await lab.node("alone");
  await node.ip("link", "set", "lo", "up");
  return node;
}

for (const [name, example] of Object.entries({ robot, turntable, chat })) {
  netnsTest(`netns examples: ${name}, without an agent`, async (lab) => {
    await example(await alone(lab));
  });

  netnsTest(`netns examples: ${name}, with an agent`, async (lab) => {
    await using place = new Place();
    const node = await alone(lab);
    const agent = await place.agent("pi", {
      toml:
        `[[network]]\nkey_file = "${place.keyFile}"\ninterfaces = []\n[nearby]\ninterfaces = ["lo"]\n`,
      spawn: node.spawn,
    });
    await example(node);
    assert.deepEqual((await agent.status()).problems, []);
  });
}
