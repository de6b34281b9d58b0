/** Somebody on the LAN without the key: what the multicast of real agents lets them do. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { decodeDiscovery, encodeDiscovery } from "../../lib/leafy/mod.ts";
import { NATIVE_GROUP4, newSealCounters, Sealer } from "../../lib/net/mod.ts";
import { openMulticastLink } from "../../lib/net/multicast.ts";
import { NATIVE_CONTEXT } from "../../lib/agent/network/native_wire.ts";
import { NetworkKey, ReplayGuard } from "../../lib/wire/mod.ts";
import { loopback, Place, type Running, TestInterfaces, until } from "../agent/in_process.ts";
import { freePort } from "../ports.ts";

/** A link on loopback with agents, and somebody who hears and sends. */
class Link implements AsyncDisposable {
  readonly place = new Place();
  readonly port = freePort();
  readonly heard: Uint8Array[] = [];
  readonly socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  #open = true;
  readonly #ear = openMulticastLink({
    info: loopback()[0]!,
    port: this.port,
    ownPort: 0,
    onDatagram: (bytes) => this.heard.push(bytes),
    onProblem: (message) => ok(false, message),
  });

  start(name: string, listen = "127.0.0.1:0"): Promise<Running> {
    return this.place.start(name, {
      toml: `[[network]]\nkey_file = "home.key"\nlisten = "${listen}"\ninterfaces = ["lo"]\n` +
        `port = ${this.port}\n[nearby]\nenabled = false\n`,
      interfaceSource: new TestInterfaces(loopback()),
    });
  }

  send(bytes: Uint8Array): Promise<number> {
    return this.socket.send(bytes, {
      transport: "udp",
      hostname: NATIVE_GROUP4,
      port: this.port,
    });
  }

  sealer(key: Uint8Array): Sealer {
    return new Sealer({
      keys: [NetworkKey.fromBytes(key)],
      context: NATIVE_CONTEXT,
      sender: "00112233445566aa",
      epoch: 1,
      randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
      counters: newSealCounters(),
    });
  }

  /** No more is heard; once. */
  closeSocket(): void {
    if (this.#open) this.socket.close();
    this.#open = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.closeSocket();
    await this.#ear.close();
    await this.place[Symbol.asyncDispose]();
  }
}

const figure = ({ network: { transport } }: Running, group: string, name: string) =>
  transport.counters.find((one) => one.name === group)?.counts()[name] ?? NaN;

Deno.test("link: what a recording of multicast gives after a restart is a dial, and no peer", async () => {
  await using link = new Link();
  const [a, b] = [await link.start("a"), await link.start("b")];
  await until("they meet", () => a.network.view.size === 2 && b.network.view.size === 2);
  await until("both were heard", () => link.heard.length >= 4);
  await link.place.stop(b);
  await link.place.stop(a);
  const again = await link.start("a");
  // Not on the first one: the wake-up of the link comes before.
  const recorded = [...link.heard];
  await until("all were taken in", async () => {
    for (const bytes of recorded) await link.send(bytes);
    return figure(again, "sealed", "replayed") > recorded.length;
  });
  await until("it has dialled", () => figure(again, "stream", "dialsFailed") > 0);
  deepStrictEqual(again.network.machine.peers(), []);
  strictEqual(again.network.view.size, 1);
  deepStrictEqual(again.agent.problems.current(), []);
});

Deno.test("link: without the key a few questions a second are answered, so nobody is flooded through us", async () => {
  await using link = new Link();
  const a = await link.start("a");
  const query = encodeDiscovery({ type: "query", port: (link.socket.addr as Deno.NetAddr).port });
  const stranger = link.sealer(crypto.getRandomValues(new Uint8Array(32)));
  const member = link.sealer(link.place.key);
  const answers: Uint8Array[] = [];
  const hearing = (async () => {
    for await (const [bytes] of link.socket) answers.push(bytes);
  })().catch(() => {});
  const begun = performance.now();
  let asked = 0;
  await until("strangers are counted", async () => {
    for (let i = 0; i < 20; i++, asked++) await link.send(stranger.seal(query));
    await link.send(query);
    await link.send(new Uint8Array(0));
    return figure(a, "sealed", "wrongKey") >= 400 && figure(a, "sealed", "damaged") >= 2;
  });
  const opened = () => answers.map((bytes) => member.open(bytes, new ReplayGuard()));
  await until("they are told that there is another key", () => answers.length > 0);
  // What is answered at all is no longer than the question by more than a little, and says nothing.
  for (const bytes of answers) ok(bytes.length <= member.seal(query).length + 8);
  ok(
    opened().every((one) => one.kind === "opened" && decodeDiscovery(one.payload)?.type === "here"),
  );
  await until("a member's question is taken", async () => {
    await link.send(member.seal(query));
    return figure(a, "sealed", "opened") >= 1;
  });
  link.closeSocket();
  await hearing;
  const seconds = Math.ceil((performance.now() - begun) / 1_000);
  const members = figure(a, "sealed", "opened");
  ok(answers.length <= 4 * seconds + members, `${answers.length} in ${seconds} s, ${asked} asked`);
  ok(asked >= 400);
});

Deno.test("link: names, keys and values do not stand in what is sent", async () => {
  await using link = new Link();
  const [a, b] = [await link.start("kitchen-pi"), await link.start("b")];
  await until("they meet", () => a.network.view.size === 2 && b.network.view.size === 2);
  a.network.own.set(performance.now(), Date.now(), [["heating/target", "twenty-one"]]);
  const before = link.heard.length;
  await until(
    "it is told",
    () => b.network.view.entry(a.network.machine.nodeId, "heating/target") !== undefined,
  );
  await until("and multicast", () => link.heard.length > before);
  const text = link.heard.map((bytes) => new TextDecoder("latin1").decode(bytes)).join();
  for (const secret of ["kitchen-pi", "heating", "twenty-one"]) ok(!text.includes(secret));
  for (const { network } of [a, b]) {
    const id = network.machine.nodeId;
    ok(link.heard.every((bytes) => !bytes.toHex().includes(id)), "not even node ids");
  }
});
