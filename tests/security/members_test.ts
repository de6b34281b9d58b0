/** A member of the network who means it ill: holds the key, and says what it likes. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { dialSecure, type SecureStream } from "../../lib/net/mod.ts";
import { nativeProfile, TlvEncoder } from "../../lib/dncp/mod.ts";
import { STATE_TLV } from "../../lib/state/codec.ts";
import { compareBytes, concat, NetworkKey, TlvFormat } from "../../lib/wire/mod.ts";
import { encodeCbor, type Json } from "../../lib/wire/cbor.ts";
import { apiOf, meet } from "../agent/piot/api.ts";
import { Place, type Running, until, valuesIn } from "../agent/in_process.ts";

const encode = new TlvEncoder(nativeProfile);
const BAD = "00112233445566aa";

/** A stream as a node's, introduced. */
async function intruder(place: Place, { address }: Running): Promise<SecureStream> {
  const stream = await dialSecure({
    host: "127.0.0.1",
    port: Number(address.split(":").at(-1)),
    keys: [NetworkKey.fromBytes(place.key)],
    purpose: "node",
  });
  stream.onData(() => {});
  stream.write(encode.nodeEndpoint(BAD, 1));
  stream.write(encode.hello(0, "0011223344556677"));
  return stream;
}

/** A Node State: what `id` is said to publish. */
function nodeState(id: string, seqno: number, tlvs: Uint8Array[]): Uint8Array {
  const data = concat(tlvs.sort(compareBytes));
  const hash = nativeProfile.hash(data).slice(0, nativeProfile.hashBytes);
  return encode.nodeState(id, seqno, 0, hash, data);
}

const entry = (key: Json, at: Json, value: Json) =>
  TlvFormat.native.encode(STATE_TLV, encodeCbor([key, at, value]));

/** What makes the intruder reachable: both list each other, on their endpoints 1. */
const peering = ({ network: { machine } }: Running) => encode.peer(machine.nodeId, 1, 1);

Deno.test("members: entries in another's name are taken back by that node at once", async () => {
  await using place = new Place();
  const a = await place.start("a");
  const b = await place.start("b", { connect: [a.address] });
  await meet(a, b);
  b.network.own.set(performance.now(), Date.now(), [["door", "shut"]]);
  await until("it is told", () => valuesIn(a.network)["b:door"] === "shut");
  const { machine } = b.network;
  const real = machine.node(machine.nodeId)!;
  const links = TlvFormat.native.decode(real.data).tlvs.filter(({ type }) => type !== STATE_TLV)
    .map(({ type, value }) => TlvFormat.native.encode(type, value));
  const stream = await intruder(place, a);
  await until("it is a peer", () => a.network.machine.peers().length === 2);
  const lie = [entry("agent/name", Date.now(), "b"), entry("door", Date.now(), "open")];
  stream.write(nodeState(machine.nodeId, machine.seqno + 5, [...links, ...lie]));
  await until("the lie was seen", () => machine.seqno >= real.seqno + 1_000);
  await until("and is gone", () => valuesIn(a.network)["b:door"] === "shut");
  deepStrictEqual(valuesIn(b.network), { "b:door": "shut" });
  stream.close("done");
});

Deno.test("members: strange names, times and values are shown as what they are, or not at all", async () => {
  await using place = new Place();
  const a = await place.start("a");
  using api = apiOf(a);
  const stream = await intruder(place, a);
  await until("it is a peer", () => a.network.machine.peers().length === 1);
  stream.write(nodeState(BAD, 1, [
    peering(a),
    entry("agent/name", 0, "a\u001b[2J"),
    entry("__proto__", 8.64e15, { polluted: true }),
    entry("far", 8.64e15, "the last day that there is"),
    entry("further", 8.64e15 + 1, "no day"),
    entry("before", -1, "no day"),
    entry("never", "soon", "no day"),
    entry("esc\u001b", 1, "no key"),
    entry("", 1, "no key"),
    entry("k".repeat(256), 1, "no key"),
    Uint8Array.of(STATE_TLV, 0, 0, 3, 0x9f, 0x9f, 0x9f),
  ]));
  await until("it is known", () => a.network.view.size === 2);
  const tree = await api.ask<Record<string, Record<string, { at: string }>>>("GET", "/v1/state");
  deepStrictEqual(Object.keys(tree), [BAD, "a"].sort());
  deepStrictEqual(
    Object.keys(tree[BAD]!).filter((key) => key !== "agent/name").sort(),
    ["__proto__", "far"],
  );
  strictEqual(tree[BAD]!["far"]!.at, "+275760-09-13T00:00:00.000Z");
  strictEqual(({} as Record<string, unknown>)["polluted"], undefined);
  await api.ask("GET", "/v1/nodes");
  await api.ask("PUT", "/v1/state/still", "here");
  stream.close("done");
});

Deno.test("members: a name that another node has is told apart, and never stands for it", async () => {
  await using place = new Place();
  const a = await place.start("a");
  const b = await place.start("b", { connect: [a.address] });
  await meet(a, b);
  const stream = await intruder(place, a);
  await until("it is a peer", () => a.network.machine.peers().length === 2);
  stream.write(nodeState(BAD, 1, [peering(a), entry("agent/name", 0, "b")]));
  await until("it is known", () => a.network.view.size === 3);
  const shown = a.network.view.nodes().map(({ node }) => node);
  deepStrictEqual(
    shown,
    ["a", `b~${BAD.slice(0, 4)}`, `b~${b.network.machine.nodeId.slice(0, 4)}`]
      .sort(),
  );
  using api = apiOf(a);
  const told = await api.send({ to: "b", text: "for whom?" }).then(() => "sent", String);
  // Only one of the two takes messages: what is ambiguous is refused, never guessed.
  ok(/may be any of 2 nodes/.test(told), told);
  stream.close("done");
});

Deno.test("members: what they send to a program is data, and no shell sees it", async () => {
  await using place = new Place();
  const trace = `${place.dir}/trace`;
  const program = `${place.dir}/program`;
  Deno.writeTextFileSync(
    program,
    `#!/bin/sh\nprintf '%s|%s|' "$MESSAGE_NAME$ACTION_NAME" "$#" >> ${trace}\ncat >> ${trace}\necho >> ${trace}\n`,
    { mode: 0o755 },
  );
  const network = '[[network]]\nkey_file = "home.key"\nlisten = "127.0.0.1:0"\ninterfaces = []\n';
  const a = await place.start("a", {
    toml: `${network}[[piot.route]]\nretries = 0\nrun = ["${program}"]\n` +
      `[[piot.action]]\nname = "do"\nrun = ["${program}", "fixed"]\n`,
  });
  const b = await place.start("b", { connect: [a.address] });
  await meet(a, b);
  using api = apiOf(b);
  const evil = `$(touch ${place.dir}/x) ; touch ${place.dir}/x \`touch ${place.dir}/x\` ' "`;
  await api.send({ to: "a", text: evil, name: evil });
  const { answers } = await api.call(["a"], "do", { evil });
  deepStrictEqual(answers.map(({ status }) => status), ["ok"]);
  const other = await api.call(["a"], program, null);
  deepStrictEqual(other.answers.map(({ status }) => status), ["unknown-action"]);
  // A name that no environment can hold: the message is kept, and the agent goes on.
  await api.send({ to: "a", text: "nul", name: "a\0b" }).catch(() => {});
  await api.send({ to: "a", text: "after", name: "after" });
  const lines = () => Deno.readTextFileSync(trace).split("\n");
  await until("all ran", () => lines().some((line) => line.startsWith("after|")));
  ok(lines().includes(`${evil}|0|${evil}`), lines().join("\n"));
  ok(lines().includes(`do|1|${JSON.stringify({ evil })}`), lines().join("\n"));
  deepStrictEqual([...Deno.readDirSync(place.dir)].filter(({ name }) => name === "x"), []);
});
