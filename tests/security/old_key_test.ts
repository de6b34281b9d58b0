/** Somebody who holds a key that was taken out of use. */
import { deepStrictEqual, match, rejects, strictEqual, throws } from "node:assert/strict";
import { generateKey, writeKeyFile } from "../../lib/agent/config/keys.ts";
import { dialSecure, Sealer } from "../../lib/net/mod.ts";
import { nativeProfile, TlvEncoder } from "../../lib/dncp/mod.ts";
import {
  concat,
  encodePreface,
  NetworkKey,
  NoiseHandshake,
  ReplayGuard,
  WireError,
} from "../../lib/wire/mod.ts";
import { changesOf, Place, type Running, until, valuesIn } from "../agent/in_process.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const encode = new TlvEncoder(nativeProfile);
const portOf = ({ address }: Running) => Number(address.split(":").at(-1));
const namesIn = ({ network }: Running) => network.view.nodes().map(({ node }) => node).join();

/** A config with these keys, the first of which seals. */
const toml = (keys: string[], connect: string[] = []) =>
  '[[network]]\nlisten = "127.0.0.1:0"\ninterfaces = []\n' +
  `keys = ${JSON.stringify(keys)}\nconnect = ${JSON.stringify(connect)}\n`;

function reload(place: Place, running: Running, keys: string[], connect: string[] = []): void {
  running.agent.reload(place.config(running.config.agent.name, { toml: toml(keys, connect) }));
}

/** Two agents that began with the old key, and hold the new one too. */
async function rotating(place: Place): Promise<{ a: Running; b: Running; connect: string[] }> {
  writeKeyFile(`${place.dir}/new.key`, generateKey());
  const a = await place.start("a", { toml: toml(["home.key"]) });
  const connect = [a.address];
  const b = await place.start("b", { toml: toml(["home.key"], connect) });
  await until("both are there", () => namesIn(a) === "a,b" && namesIn(b) === "a,b");
  reload(place, a, ["new.key", "home.key"]);
  reload(place, b, ["new.key", "home.key"], connect);
  return { a, b, connect };
}

Deno.test("old key: whoever is in with it is out once it is taken out of use", async () => {
  await using place = new Place();
  const { a, b, connect } = await rotating(place);
  const dial = (purpose: "node" | "leaf" | "piot") =>
    dialSecure({
      host: "127.0.0.1",
      port: portOf(a),
      keys: [NetworkKey.fromBytes(place.key)],
      purpose,
    });
  const [node, leaf, piot] = [await dial("node"), await dial("leaf"), await dial("piot")];
  const ends = [node, leaf, piot].map((stream) =>
    new Promise<string>((resolve) => {
      stream.onClosed(resolve);
      stream.onData(() => {});
    })
  );
  node.write(concat([
    encode.nodeEndpoint("00112233445566aa", 1),
    encode.hello(0, "0011223344556677"),
  ]));
  await until("it is a peer", () => a.network.machine.peers().length === 2);
  reload(place, b, ["new.key"], connect);
  reload(place, a, ["new.key"]);
  for (const end of ends) match(await end, /closed the stream/);
  await rejects(dial("node"), /with another key/);
  await until(
    "b is back",
    () => a.network.machine.peers().some(({ node }) => node === b.network.machine.nodeId),
  );
});

Deno.test("old key: nobody sees the others go when it is taken out of use", async () => {
  await using place = new Place();
  const { a, b, connect } = await rotating(place);
  const seen = [changesOf(a.network), changesOf(b.network)];
  const figures = () =>
    b.network.transport.counters.find(({ name }) => name === "stream")?.counts()["dialled"];
  strictEqual(figures(), 1);
  reload(place, b, ["new.key"], connect);
  reload(place, a, ["new.key"]);
  await until("there is a new stream", () => figures() === 2);
  a.network.own.set(performance.now(), Date.now(), [["after", true]]);
  await until("it carries", () => valuesIn(b.network)["a:after"] === true);
  deepStrictEqual(seen.flat().filter(({ event }) => event === "lost"), []);
});

Deno.test("old key: what it sealed is not opened any more", () => {
  const [old, fresh] = [1, 2].map((n) => NetworkKey.fromBytes(new Uint8Array(32).fill(n)));
  const sealer = (keys: NetworkKey[], sender: string) =>
    new Sealer({
      keys,
      context: "test",
      sender,
      epoch: 1,
      randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
    });
  const attacker = sealer([old!], "00112233445566aa");
  const node = sealer([fresh!, old!], "00112233445566bb");
  strictEqual(node.open(attacker.seal(new Uint8Array(4)), new ReplayGuard()).kind, "opened");
  node.updateKeys([fresh!]);
  strictEqual(node.open(attacker.seal(new Uint8Array(4)), new ReplayGuard()).kind, "refused");
  strictEqual(node.counters.wrongKey, 1);
  strictEqual(attacker.open(node.seal(new Uint8Array(4)), new ReplayGuard()).kind, "refused");
});

Deno.test("old key: of a recorded stream it opens what was asked with the handshake, and no more", async () => {
  const key = NetworkKey.fromBytes(new Uint8Array(32).fill(7));
  const prologue = encodePreface("leaf", key.idBytes);
  const options = { psk: key.streamPsk, prologue };
  const client = new NoiseHandshake({ role: "initiator", ...options });
  const server = new NoiseHandshake({ role: "responder", ...options });
  const question = await client.writeMessage(utf8("which key?"));
  await server.readMessage(question);
  const answer = await server.writeMessage(utf8("the answer"));
  await client.readMessage(answer);
  const said = client.finish().send.encrypt(utf8("what follows"));
  // Whoever has recorded all of it gets hold of the key later.
  const late = new NoiseHandshake({ role: "responder", ...options });
  strictEqual(new TextDecoder().decode(await late.readMessage(question)), "which key?");
  const guess = new NoiseHandshake({
    role: "initiator",
    ...options,
    dh: {
      generate: () =>
        Promise.resolve({
          publicKey: question.slice(0, 32),
          // It would need one of the two private keys, which nobody has any more.
          agree: () => Promise.resolve(key.streamPsk),
        }),
    },
  });
  deepStrictEqual(await guess.writeMessage(utf8("which key?")), question);
  await rejects(guess.readMessage(answer), WireError);
  const other = new NoiseHandshake({ role: "initiator", ...options });
  const peer = new NoiseHandshake({ role: "responder", ...options });
  await peer.readMessage(await other.writeMessage(new Uint8Array(0)));
  await other.readMessage(await peer.writeMessage(new Uint8Array(0)));
  throws(() => peer.finish().receive.decrypt(said), WireError);
});
