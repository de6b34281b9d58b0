/** The simulated kernel: what others' tests rely on. */
import { deepStrictEqual, notStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { AgentError } from "../../lib/core/mod.ts";
import type { InterfaceInfo, PacketPort } from "../../lib/net/mod.ts";
import { BROADCAST, type Mac } from "../../lib/wire/mac.ts";
import { type SimInterface, type SimKernel, Wires } from "./kernel.ts";

const TYPE = 0x88b5;
const NEAREST_BRIDGE: Mac = 0x0180_c200_000e;
const bytes = (text: string) => new TextEncoder().encode(text);
const textOf = (payload: Uint8Array) => new TextDecoder().decode(payload);

/** A port that keeps what comes. */
class Ear {
  readonly heard: { text: string; packetType: number; source: Mac; index: number }[] = [];
  readonly views: Uint8Array[] = [];
  drained = 0;
  failed = "";
  readonly port: PacketPort;

  constructor(kernel: SimKernel, ethertype = TYPE) {
    this.port = kernel.open(ethertype, {
      frame: ({ payload, packetType, source, interfaceIndex }) => {
        this.views.push(payload);
        this.heard.push({ text: textOf(payload), packetType, source, index: interfaceIndex });
      },
      drained: () => this.drained++,
      failed: (reason) => this.failed = reason,
    });
  }

  get texts(): string[] {
    return this.heard.map(({ text }) => text);
  }
}

function pair(wires = new Wires({ conditions: { padding: false } })) {
  const [a, b] = [wires.computer("a"), wires.computer("b")];
  const [x, y] = wires.cable(a, b);
  return { wires, a, b, x, y, from: new Ear(a), to: new Ear(b) };
}

Deno.test("sim kernel: a frame crosses the cable after its delay, and says how it was addressed", () => {
  const { wires, x, y, from, to } = pair();
  to.port.join(y.index, NEAREST_BRIDGE);
  for (const mac of [y.macNumber, BROADCAST, NEAREST_BRIDGE]) {
    deepStrictEqual(from.port.send(x.index, mac, [bytes("hi")]), { frames: 1 });
  }
  wires.run(0.04);
  deepStrictEqual(to.heard, []);
  wires.run(1);
  deepStrictEqual(to.heard.map(({ packetType }) => packetType), [0, 1, 2]);
  deepStrictEqual(to.heard[0], {
    text: "hi",
    packetType: 0,
    source: x.macNumber,
    index: y.index,
  });
  // One read for all of one moment, from a buffer that is used again.
  strictEqual(to.drained, 1);
  ok(to.views[0]!.every((byte) => byte === 0xdd));
  deepStrictEqual(from.heard, [], "own frames do not come back");
});

Deno.test("sim kernel: a card passes its own address, broadcast, and groups that were joined", () => {
  const { wires, x, y, from, to } = pair();
  const send = (mac: Mac, text: string) => from.port.send(x.index, mac, [bytes(text)]);
  send(NEAREST_BRIDGE, "not joined");
  send(y.macNumber + 1, "to another");
  wires.run(1);
  deepStrictEqual(to.heard, []);
  strictEqual(to.port.join(y.index, NEAREST_BRIDGE), undefined);
  strictEqual(to.port.join(99, NEAREST_BRIDGE), "ENODEV");
  send(NEAREST_BRIDGE, "joined");
  wires.run(2);
  to.port.leave(y.index, NEAREST_BRIDGE);
  send(NEAREST_BRIDGE, "left");
  wires.run(3);
  deepStrictEqual(to.texts, ["joined"]);
});

Deno.test("sim kernel: another EtherType is another port's", () => {
  const { wires, b, x, y, from, to } = pair();
  const other = new Ear(b, 0x8885);
  from.port.send(x.index, y.macNumber, [bytes("here")]);
  wires.run(1);
  deepStrictEqual([to.texts, other.texts], [["here"], []]);
});

Deno.test("sim kernel: what the kernel says when it cannot send", () => {
  const { x, from, a } = pair();
  const send = (index: number, length: number) =>
    from.port.send(index, BROADCAST, [new Uint8Array(10), new Uint8Array(length)]);
  deepStrictEqual(send(x.index, 1_500), { frames: 2 });
  deepStrictEqual(send(x.index, 1_501), { frames: 1, error: "EMSGSIZE" });
  x.full = true;
  deepStrictEqual(send(x.index, 10), { frames: 0, error: "ENOBUFS" });
  x.full = false;
  x.up = false;
  deepStrictEqual(send(x.index, 10), { frames: 0, error: "ENETDOWN" });
  x.remove();
  deepStrictEqual(send(x.index, 10), { frames: 0, error: "ENXIO" });
  a.breakPorts("the kernel is tired");
  strictEqual(from.failed, "the kernel is tired");
  a.privileged = false;
  throws(() => new Ear(a), AgentError);
});

Deno.test("sim kernel: a bridge keeps nearest-bridge groups, and lets what its mask names through", () => {
  const wires = new Wires();
  const bridge = wires.bridge();
  const computers = ["a", "b", "c"].map((name) => wires.computer(name));
  const ends = computers.map((computer) => bridge.connect(computer));
  const ears = computers.map((computer) => new Ear(computer));
  ears.forEach((ear, i) => ear.port.join(ends[i]!.index, NEAREST_BRIDGE));
  const say = (mac: Mac) => ears[0]!.port.send(ends[0]!.index, mac, [bytes("x")]);
  const counts = () => ears.map(({ heard }) => heard.length);
  say(NEAREST_BRIDGE);
  wires.run(1);
  deepStrictEqual(counts(), [0, 0, 0]);
  bridge.groupForwardMask = 0x4000;
  say(NEAREST_BRIDGE);
  say(ends[2]!.macNumber);
  wires.run(2);
  deepStrictEqual(counts(), [0, 1, 2]);
  strictEqual(ears[1]!.views[0]!.length, 46, "short frames are filled up");
});

Deno.test("sim kernel: loss, doubles and drops, the same for the same seed", () => {
  const count = (seed: number) => {
    const { wires, x, y, from, to } = pair(
      new Wires({ seed, conditions: { loss: 0.3, duplicate: 0.2, jitter: 1 } }),
    );
    wires.drop = ({ payload }) => payload[0] === 7;
    for (let i = 0; i < 200; i++) from.port.send(x.index, y.macNumber, [Uint8Array.of(i)]);
    wires.run(10);
    ok(to.views.length > 120 && to.views.length < 220, `${to.views.length} arrived`);
    return to.texts.join();
  };
  strictEqual(count(3), count(3));
  notStrictEqual(count(3), count(4));
});

Deno.test("sim kernel: listeners hear of interfaces, once a moment, and only of what differs", () => {
  const { wires, a, x, y } = pair();
  const heard: InterfaceInfo[][] = [];
  wires.run(1);
  a.subscribe((all) => heard.push(all));
  const state = (each?: SimInterface) => {
    wires.run(wires.now + 1);
    const info = heard.at(-1)!.find(({ name }) => name === (each ?? x).name);
    return info && [info.up, info.running, info.addresses.length];
  };
  x.addresses = ["192.0.2.1/24", "fe80::1/64"];
  x.mtu = 9_000;
  deepStrictEqual(state(), [true, true, 2]);
  strictEqual(heard.length, 1);
  y.up = false;
  deepStrictEqual(state(), [true, false, 2], "the other end is down: no carrier");
  y.up = true;
  x.up = false;
  deepStrictEqual(state(), [false, false, 1], "IPv6 addresses go");
  x.up = true;
  x.wire!.up = false;
  deepStrictEqual(state(), [true, false, 1], "the cable is cut");
  const before = heard.length;
  x.wire!.up = true;
  x.wire!.up = false;
  state();
  strictEqual(heard.length, before, "nothing differs in the end");
  x.name = "lan";
  ok(state());
  const { index, macNumber: mac } = x;
  x.remove();
  strictEqual(state(), undefined);
  const again = a.plug({ name: "lan", mac });
  ok(state(again));
  notStrictEqual(again.index, index);
});

Deno.test("sim kernel: time wakes machines and callbacks in order", () => {
  const wires = new Wires();
  const woken: (number | string)[] = [];
  let next = 5;
  wires.add({
    nextWake: () => next,
    wake: (now) => {
      woken.push(now);
      next += 5;
    },
  });
  wires.at(7, () => woken.push("at 7"));
  wires.run(12);
  deepStrictEqual([woken, wires.now], [[5, "at 7", 10], 12]);
  ok(wires.runUntil(() => woken.length >= 5, 100));
  strictEqual(wires.now, 20);
  ok(!wires.runUntil(() => false, 30));
});
