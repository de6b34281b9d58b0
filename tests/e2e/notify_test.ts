/** What the service manager is told (sd_notify(3)), on sockets as systemd makes them. */
import assert from "node:assert/strict";
import { monotonicMicros } from "../../ffi/monotonic.ts";
import { type AgentProcess, Place, until } from "./harness.ts";

/** A notification: its variables. */
type Message = Readonly<Record<string, string>>;

/** The receiving end. `moment` is looked at when a message arrives. */
class Manager implements AsyncDisposable {
  readonly messages: Message[] = [];
  readonly #socket: Deno.DatagramConn;
  readonly #reading: Promise<void>;

  constructor(
    readonly address: string,
    moment: (message: Message) => Promise<void> | void = () => {},
  ) {
    const path = address.startsWith("@") ? `\0${address.slice(1)}` : address;
    const socket = this.#socket = Deno.listenDatagram({ transport: "unixpacket", path });
    this.#reading = (async () => {
      for await (const [bytes] of socket) {
        const lines = new TextDecoder("utf-8", { fatal: true }).decode(bytes).split("\n");
        const message = Object.fromEntries(lines.map((line) => {
          const at = line.indexOf("=");
          return [line.slice(0, at), line.slice(at + 1)];
        }));
        this.messages.push(message);
        await moment(message);
      }
    })();
  }

  /** All of these variables, in the order in which they came, without the watchdog's. */
  get story(): string[] {
    return this.messages.filter((message) => !("WATCHDOG" in message)).map((message) =>
      Object.keys(message).filter((name) => name !== "MONOTONIC_USEC" && name !== "STATUS").join()
    );
  }

  async heard(name: string, times = 1): Promise<void> {
    await until(
      `${name} was told ${times} times`,
      () => this.messages.filter((message) => name in message).length >= times,
      () => JSON.stringify(this.messages),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await this.#reading;
  }
}

const kinds: [string, (place: Place) => string][] = [
  ["a path", (place) => `${place.dir}/notify`],
  ["an abstract address", () => `@agent-test-${crypto.randomUUID()}`],
];

for (const [kind, address] of kinds) {
  Deno.test(`e2e notify: ready when the API answers, watchdog, stopping, on ${kind}`, async () => {
    await using place = new Place();
    let answered: boolean | undefined;
    await using manager = new Manager(address(place), async (message) => {
      // One question, and no second chance.
      if ("READY" in message) answered = (await agent.cli("status")).code === 0;
    });
    const agent: AgentProcess = place.spawnAgent("a", {
      env: { NOTIFY_SOCKET: manager.address, WATCHDOG_USEC: "400000" },
    });
    await manager.heard("READY");
    await until("the question was answered", () => answered !== undefined);
    assert.equal(answered, true);
    assert.equal(manager.messages[0]?.["READY"], "1");
    assert.equal(manager.messages[0]?.["STATUS"], "a runs");
    await manager.heard("WATCHDOG", 3);
    agent.child.kill("SIGTERM");
    assert.equal((await agent.child.result()).code, 0);
    await manager.heard("STOPPING");
    assert.deepEqual(manager.story, ["READY", "STOPPING"]);
  });
}

Deno.test("e2e notify: a reload says so, since when, and that it is over, whatever came of it", async () => {
  await using place = new Place();
  await using manager = new Manager(`${place.dir}/notify`);
  const toml = (more: string) =>
    `[[network]]\nkey_file = "${place.keyFile}"\nlisten = "127.0.0.1:0"\ninterfaces = []\n${more}`;
  const agent = place.spawnAgent("a", {
    toml: toml(""),
    env: { NOTIFY_SOCKET: manager.address },
  });
  await manager.heard("READY");
  await agent.ready();

  const before = monotonicMicros() ?? 0n;
  agent.child.kill("SIGHUP");
  await manager.heard("READY", 2);
  const told = manager.messages.find((message) => "RELOADING" in message);
  const since = BigInt(told?.["MONOTONIC_USEC"] ?? "0");
  assert.ok(since >= before && since <= (monotonicMicros() ?? 0n), `${before} ${since}`);
  assert.deepEqual(manager.story, ["READY", "RELOADING", "READY"]);

  Deno.writeTextFileSync(`${place.dir}/a.toml`, toml("nonsense = 1\n"));
  agent.child.kill("SIGHUP");
  await manager.heard("READY", 3);
  assert.deepEqual(manager.story.slice(3), ["RELOADING", "READY"]);
  assert.match(
    manager.messages.at(-1)?.["STATUS"] ?? "",
    /^a runs; the config was not reloaded: .*nonsense/,
  );
  assert.equal(
    manager.messages.some((message) => "WATCHDOG" in message),
    false,
    "nobody asked for it",
  );
});

Deno.test("e2e notify: a config that names a key finds it among the credentials", async () => {
  await using place = new Place();
  // As the unit does it: the original is root's, and is not to be read.
  const credentials = `${place.dir}/credentials`;
  Deno.mkdirSync(credentials);
  Deno.copyFileSync(place.keyFile, `${credentials}/garden.key`);
  Deno.chmodSync(`${credentials}/garden.key`, 0o440);
  const toml = '[[network]]\nname = "garden"\nkey_file = "/nowhere/garden.key"\n' +
    'listen = "127.0.0.1:0"\ninterfaces = []\n';
  const agent = await place.agent("a", { toml, env: { CREDENTIALS_DIRECTORY: credentials } });
  assert.equal(agent.logged(new RegExp(`key ${place.key.id}`)).length, 1);
  const without = place.spawnAgent("b", { toml, env: {} });
  const { code, complaints } = await without.child.result();
  assert.equal(code, 78);
  assert.match(complaints.at(-1) ?? "", /\/nowhere\/garden\.key is not there/);
});
