/** Somebody without the key records what is said, and plays it back. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { encodeLeaf } from "../../lib/leafy/messages.ts";
import { dialSecure, type SecureStream } from "../../lib/net/mod.ts";
import { NetworkKey } from "../../lib/wire/mod.ts";
import { Place, type Running, until, valuesIn } from "../agent/in_process.ts";

/** Carries TCP to an agent, and keeps what each client said. */
class Recorder implements AsyncDisposable {
  readonly said: Uint8Array[] = [];
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #conns = new Set<Deno.Conn>();
  readonly #working: Promise<unknown>[] = [];

  constructor(target: number) {
    this.#working.push((async () => {
      try {
        for await (const client of this.#listener) {
          const agent = await Deno.connect({ hostname: "127.0.0.1", port: target });
          this.#conns.add(client).add(agent);
          const index = this.said.push(new Uint8Array(0)) - 1;
          this.#working.push(
            this.#carry(client, agent, (bytes) => {
              this.said[index] = Uint8Array.from([...this.said[index]!, ...bytes]);
            }),
            this.#carry(agent, client, () => {}),
          );
        }
      } catch {
        // The listener was closed.
      }
    })());
  }

  get port(): number {
    return (this.#listener.addr as Deno.NetAddr).port;
  }

  async #carry(from: Deno.Conn, to: Deno.Conn, keep: (bytes: Uint8Array) => void) {
    const buffer = new Uint8Array(65_536);
    try {
      for (let count; (count = await from.read(buffer)) !== null;) {
        keep(buffer.subarray(0, count));
        await to.write(buffer.subarray(0, count));
      }
    } catch {
      // One of them has gone; so goes the other.
    }
    for (const conn of [from, to]) this.#close(conn);
  }

  #close(conn: Deno.Conn): void {
    if (!this.#conns.delete(conn)) return;
    conn.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const conn of this.#conns) this.#close(conn);
    await Promise.all(this.#working);
  }
}

const portOf = ({ address }: Running) => Number(address.split(":").at(-1));

/** A leafy client of a place's network. */
function leaf(place: Place, port: number, firstPayload?: Uint8Array): Promise<SecureStream> {
  return dialSecure({
    host: "127.0.0.1",
    port,
    keys: [NetworkKey.fromBytes(place.key)],
    purpose: "leaf",
    ...(firstPayload && { firstPayload }),
  });
}

/** Says the same again, and what comes back until the other side has nothing to say. */
async function playBack(port: number, bytes: Uint8Array): Promise<Uint8Array> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await conn.write(bytes);
  await conn.closeWrite();
  const got: number[] = [];
  const buffer = new Uint8Array(65_536);
  for (let count; (count = await conn.read(buffer)) !== null;) {
    got.push(...buffer.subarray(0, count));
  }
  return Uint8Array.from(got);
}

const streamFigure = ({ network: { transport } }: Running, name: string) =>
  transport.counters.find((group) => group.name === "stream")?.counts()[name];

const publication = (at: number, sequence: number) =>
  encodeLeaf(
    {
      type: "publish",
      guestId: "00112233445566ff",
      sequence,
      ttlMs: 60_000,
      entries: [[`guest${at}`, at]],
    } as Parameters<typeof encodeLeaf>[0],
  );

Deno.test("recordings: what a leafy client published is not published again", async () => {
  await using place = new Place();
  const running = await place.start("a");
  const { network } = running;
  await using recorder = new Recorder(portOf(running));
  const client = await leaf(place, recorder.port);
  client.onData(() => {});
  client.write(publication(1, 1));
  await until("it is published", () => valuesIn(network)["a:guest1"] === 1);
  client.write(publication(2, 2));
  await until("and replaced", () => valuesIn(network)["a:guest2"] === 2);
  client.close("done");
  // Everything that the client said, byte for byte: only the handshake is answered.
  const answer = await playBack(portOf(running), recorder.said[0]!);
  strictEqual(answer[0], 0);
  await until("the nonsense is noticed", () => streamFigure(running, "garbage") === 1);
  deepStrictEqual(valuesIn(network), { "a:guest2": 2 });
});

Deno.test("recordings: an order in a handshake waits until its sender says more", async () => {
  await using place = new Place();
  const running = await place.start("a");
  const { network } = running;
  await using recorder = new Recorder(portOf(running));
  const client = await leaf(place, recorder.port, publication(1, 1));
  await playBack(portOf(running), recorder.said[0]!);
  deepStrictEqual(valuesIn(network), {});
  client.onData(() => {});
  client.write(publication(2, 2));
  await until("now it counts", () => valuesIn(network)["a:guest2"] === 2);
  client.close("done");
});

Deno.test("recordings: a question that is played back is answered, and its answer cannot be read", async () => {
  await using place = new Place();
  const running = await place.start("a");
  await using recorder = new Recorder(portOf(running));
  running.network.own.set(0, 0, [["secret", "kept to ourselves"]]);
  const question = encodeLeaf({ type: "read", wanted: [] });
  const client = await leaf(place, recorder.port, question);
  const own = new TextDecoder().decode(client.firstPayload);
  ok(own.includes("kept to ourselves"));
  client.close("done");
  const [first, second] = [
    await playBack(portOf(running), recorder.said[0]!),
    await playBack(portOf(running), recorder.said[0]!),
  ];
  for (const answer of [first, second]) {
    ok(answer.length > 60);
    ok(!new TextDecoder().decode(answer).includes("kept to ourselves"));
  }
  // Fresh keys each time: two answers to the same question have nothing in common.
  const same = first.filter((byte, i) => byte === second[i]).length;
  ok(same < first.length / 8, `${same} of ${first.length}`);
});
