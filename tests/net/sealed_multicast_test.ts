/** Sealed multicast on a wire that the test holds in its hands. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { Random } from "../../lib/core/mod.ts";
import {
  type Arrival,
  type MulticastLink,
  newMulticastCounters,
  SealedMulticast,
  Sealer,
} from "../../lib/net/mod.ts";
import { NetworkKey } from "../../lib/wire/mod.ts";

const random = new Random(1);
const key = (n: number) => NetworkKey.fromBytes(new Uint8Array(32).fill(n));
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (text: string) => new TextEncoder().encode(text);

/** All that was sent, and everybody who listens: also who sent it. */
class Wire {
  readonly sent: Uint8Array[] = [];
  readonly #ears: ((bytes: Uint8Array, from: string, arrival: Arrival) => void)[] = [];

  link(
    name: string,
    ear: (bytes: Uint8Array, from: string, arrival: Arrival) => void,
  ): MulticastLink {
    this.#ears.push(ear);
    return {
      interface: name,
      counters: newMulticastCounters(),
      families: [6],
      ownPort: 8331,
      send: (payload) => this.say(payload),
      sendTo: (_to, payload) => this.say(payload),
      update: () => {},
      close: () => Promise.resolve(),
    };
  }

  say(payload: Uint8Array): void {
    this.sent.push(payload);
    for (const ear of this.#ears) {
      ear(payload.slice(), "fe80::1%eth0", { port: 8331, multicast: true });
    }
  }
}

class Node {
  readonly heard: string[] = [];
  readonly strangers: string[] = [];
  readonly sealer: Sealer;
  readonly net: SealedMulticast;

  constructor(
    wire: Wire,
    sender: string,
    options: { keys?: NetworkKey[]; epoch?: number; context?: string; sealer?: Sealer } = {},
  ) {
    this.sealer = options.sealer ?? new Sealer({
      keys: options.keys ?? [key(1)],
      context: options.context ?? "test",
      sender,
      epoch: options.epoch ?? 1,
      randomBytes: (n) => random.bytes(n),
    });
    this.net = new SealedMulticast(this.sealer, {
      onPayload: (payload, from, about) => {
        strictEqual(from, "fe80::1%eth0");
        this.heard.push(`${about.sender.slice(-2)} ${about.keyIndex} ${text(payload)}`);
      },
      onWrongKey: (from, keyId) => this.strangers.push(`${from} ${keyId}`),
    }, (ear) => wire.link("eth0", ear));
  }
}

const A = "00000000000000aa";
const B = "00000000000000bb";

Deno.test("sealed: what one says the other hears, and oneself does not", () => {
  const wire = new Wire();
  const a = new Node(wire, A);
  const b = new Node(wire, B);
  a.net.send(bytes("one"));
  b.net.sendTo("fe80::1", bytes("two"));
  deepStrictEqual(b.heard, ["aa 0 one"]);
  deepStrictEqual(a.heard, ["bb 0 two"]);
  ok(!text(wire.sent[0]!).includes("one"), "not in the clear");
  deepStrictEqual(a.sealer.counters, { opened: 1, wrongKey: 0, damaged: 0, replayed: 0, own: 1 });
});

Deno.test("sealed: while keys are replaced, an answer goes out under the key of the question", () => {
  const wire = new Wire();
  const both = new Node(wire, A, { keys: [key(2), key(1)] });
  const old = new Node(wire, B);
  old.net.send(bytes("who is there?"));
  deepStrictEqual(both.heard, ["bb 1 who is there?"]);
  both.net.sendTo("fe80::1", bytes("not for you"));
  both.net.sendTo("fe80::1", bytes("me"), { port: 7, keyIndex: 1 });
  deepStrictEqual(old.heard, ["aa 0 me"]);
  // The key has gone meanwhile: better an answer under another one than none.
  both.sealer.updateKeys([key(2)]);
  both.net.sendTo("fe80::1", bytes("late"), { keyIndex: 1 });
  strictEqual(old.strangers.length, 2);
});

Deno.test("sealed: another key is told, with the id that its holder would see", () => {
  const wire = new Wire();
  const a = new Node(wire, A);
  const b = new Node(wire, B, { keys: [key(2)] });
  a.net.send(bytes("one"));
  a.net.send(bytes("two"));
  deepStrictEqual(b.heard, []);
  deepStrictEqual(b.strangers, Array(2).fill(`fe80::1%eth0 ${key(1).id}`));
  strictEqual(b.sealer.counters.wrongKey, 2);
});

Deno.test("sealed: keys rotate while some nodes sleep", () => {
  const wire = new Wire();
  const rotated = new Node(wire, A, { keys: [key(2), key(1)] });
  const asleep = new Node(wire, B, { keys: [key(1)] });
  asleep.net.send(bytes("old"));
  deepStrictEqual(rotated.heard, ["bb 1 old"]);
  asleep.sealer.updateKeys([key(2), key(1)]);
  asleep.net.send(bytes("new"));
  rotated.net.send(bytes("new too"));
  deepStrictEqual(rotated.heard, ["bb 1 old", "bb 0 new"]);
  deepStrictEqual(asleep.heard, ["aa 0 new too"]);
});

Deno.test("sealed: replays, damage and blocks of another profile are counted and dropped", () => {
  const wire = new Wire();
  const a = new Node(wire, A);
  const b = new Node(wire, B);
  const other = new Node(wire, "00000000000000cc", { context: "other" });
  a.net.send(bytes("one"));
  const block = wire.sent[0]!;
  for (let i = 0; i < 3; i++) wire.say(block);
  const bent = block.slice();
  bent[40]! ^= 1;
  wire.say(bent);
  wire.say(new Uint8Array(0));
  wire.say(random.bytes(300));
  deepStrictEqual(b.heard, ["aa 0 one"]);
  const { replayed, damaged, opened } = b.sealer.counters;
  deepStrictEqual([replayed, damaged, opened], [3, 3, 1]);
  deepStrictEqual(other.heard, []);
  strictEqual(other.sealer.counters.damaged, 7);
});

Deno.test("sealed: a restart is no replay, and an older start is", () => {
  const wire = new Wire();
  const b = new Node(wire, B);
  new Node(wire, A, { epoch: 7 }).net.send(bytes("before"));
  new Node(wire, A, { epoch: 8 }).net.send(bytes("after"));
  wire.say(wire.sent[0]!);
  deepStrictEqual(b.heard, ["aa 0 before", "aa 0 after"]);
  strictEqual(b.sealer.counters.replayed, 1);
});

Deno.test("sealed: a node with two cables into one network hears each block on both", () => {
  const wire = new Wire();
  const a = new Node(wire, A);
  const eth = new Node(wire, B);
  const wlan = new Node(wire, B, { sealer: eth.sealer });
  a.net.send(bytes("one"));
  deepStrictEqual([eth.heard, wlan.heard], [["aa 0 one"], ["aa 0 one"]]);
  eth.net.send(bytes("mine"));
  deepStrictEqual([eth.heard.length, wlan.heard.length], [1, 1]);
  strictEqual(eth.sealer.counters.own, 2);
});

Deno.test("sealed: a second node with our id is heard of, a recording of ourselves is not", () => {
  const wire = new Wire();
  const before = new Node(wire, A, { epoch: 3 });
  before.net.send(bytes("yesterday"));
  const recording = [...wire.sent];
  const us = new Node(wire, A, { epoch: 4 });
  // More than are remembered.
  for (let i = 0; i < 300; i++) us.net.send(bytes("today"));
  recording.push(wire.sent[1]!, wire.sent[300]!);
  us.heard.length = 0;
  const { own } = us.sealer.counters;
  for (const block of recording) wire.say(block);
  deepStrictEqual(us.heard, []);
  strictEqual(us.sealer.counters.own, own + 1, "the last one is remembered");
  strictEqual(us.sealer.counters.replayed, 2);
  // A copied card: the same id, started more often than we were.
  const twin = new Node(wire, A, { epoch: 5 });
  twin.net.send(bytes("me too"));
  deepStrictEqual(us.heard, ["aa 0 me too"]);
  us.sealer.rename("00000000000000ee");
  us.net.send(bytes("another name"));
  ok(twin.heard.includes("ee 0 another name"));
});

Deno.test("sealed: fuzzed blocks never throw", () => {
  const wire = new Wire();
  const a = new Node(wire, A);
  a.net.send(bytes("a".repeat(50)));
  const block = wire.sent[0]!;
  const b = new Node(wire, B);
  for (let i = 0; i < 2_000; i++) {
    const bent = random.chance(0.5)
      ? random.bytes(random.below(200))
      : block.slice(0, random.below(200));
    for (let n = random.below(4); n > 0 && bent.length > 0; n--) {
      bent[random.below(bent.length)] = random.below(256);
    }
    wire.say(bent);
  }
  const { opened, wrongKey, damaged, replayed, own } = b.sealer.counters;
  strictEqual(opened + wrongKey + damaged + replayed + own, 2_000);
  ok(opened <= 1);
});
