/**
 * LSOE between simulated computers, under virtual time: what opens how fast, and that both ends end
 * up knowing exactly what the other has.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { encodeDatagrams, encodePdu, type LsoeConfig } from "../../lib/lsoe/mod.ts";
import { BROADCAST } from "../../lib/wire/mac.ts";
import { Cable, GOOD_WIRE, type WireConditions, type WireFrame, Wires } from "./kernel.ts";
import { disagreement, type End, LsoeNode, northboundTrouble } from "./lsoe.ts";

interface PairOptions {
  readonly seed?: number;
  readonly conditions?: Partial<WireConditions>;
  readonly config?: Partial<LsoeConfig>;
  readonly mtu?: number;
}

/** Two computers on a cable: `192.0.2.1/24` and `fe80::1/64`, `192.0.2.2/24` and `fe80::2/64`. */
function pair({ seed = 1, conditions = {}, config = {}, mtu = 1_500 }: PairOptions = {}) {
  const wires = new Wires({ seed, conditions });
  const [a, b] = [wires.computer("a"), wires.computer("b")];
  const [x, y] = wires.cable(a, b);
  x.addresses = ["192.0.2.1/24", "fe80::1/64"];
  y.addresses = ["192.0.2.2/24", "fe80::2/64"];
  x.mtu = y.mtu = mtu;
  const ends: [End, End] = [
    { node: new LsoeNode(a, 1, config), at: x },
    { node: new LsoeNode(b, 2, config), at: y },
  ];
  const agree = () => disagreement(ends) === undefined;
  return { wires, x, y, a: ends[0].node, b: ends[1].node, ends, agree };
}

/** Runs until the ends agree; fails where they do not by `limit`. Gives the time it took. */
function settle({ wires, ends, agree }: ReturnType<typeof pair>, limit: number): number {
  const from = wires.now;
  ok(wires.runUntil(agree, from + limit), `after ${limit} ms: ${disagreement(ends)}`);
  return wires.now - from;
}

Deno.test("sim lsoe: two on a cable are open and know everything after three crossings", () => {
  const world = pair();
  const { wires, a, b } = world;
  // HELLO; OPEN; ACK and OPEN; ACK and lists. 0.05 ms each.
  ok(settle(world, 1) <= 0.3, `it took ${wires.now} ms`);
  strictEqual(a.lsoe.sessions()[0]?.peerId, "00:00:00:00:00:00:00:00:00:02");
  strictEqual(a.count("opened"), 1);
  strictEqual(b.count("linkUp"), 1);
  deepStrictEqual(a.lsoe.links()[0]?.ipv4, [{ local: "192.0.2.1", remote: "192.0.2.2" }]);
  deepStrictEqual(a.lsoe.links()[0]?.ipv6, [{ local: "fe80::1", remote: "fe80::2" }]);
  // Then it stays so, and nothing is sent but KEEPALIVEs and, once a minute, HELLOs.
  const frames: WireFrame[] = [];
  wires.observer = (frame) => frames.push(frame);
  wires.run(wires.now + 120_000);
  strictEqual(disagreement(world.ends), undefined);
  strictEqual(a.count("closed") + b.count("closed"), 0);
  const hellos = frames.filter(({ payload }) => payload[8] === 0).length;
  const keepAlives = frames.filter(({ payload }) => payload[8] === 2).length;
  strictEqual(hellos, 4);
  // One each a second, and one for each HELLO.
  ok(keepAlives >= 238 + hellos && keepAlives <= 242 + hellos, `${keepAlives} KEEPALIVEs`);
  strictEqual(frames.length, hellos + keepAlives);
});

Deno.test("sim lsoe: whoever starts first, the second one's HELLO is enough", () => {
  const world = pair();
  world.a.kill();
  world.wires.run(25_000);
  world.a.start();
  ok(settle(world, 1) <= 0.3);
});

Deno.test("sim lsoe: VLANs on a cable, of one MAC address with it: a session on each", () => {
  const world = pair();
  const { wires, x, y, a, b } = world;
  settle(world, 1);
  const [inX, inY] = wires.vlan(x, y, 7);
  const cables = [[x, y], [inX, inY], wires.vlan(x, y, 9), wires.vlan(inX, inY, 9)];
  wires.run(wires.now + 1);
  for (const [atA, atB] of cables) {
    ok(a.sessionWith(atA!, atB!), `no session on ${atA!.name}`);
    ok(b.sessionWith(atB!, atA!), `no session on ${atB!.name}`);
  }
  strictEqual(a.count("macMoved") + b.count("macMoved"), 0);
  // One of them goes, and the others do not mind.
  inX.remove();
  wires.run(wires.now + 30_000);
  strictEqual(a.lsoe.sessions().length, 3);
  strictEqual(a.count("closed"), 1);
});

for (const id of ["his own", "another"]) {
  Deno.test(`sim lsoe: an OPEN that somebody forged, with ${id} id, costs a session, once`, () => {
    const world = pair();
    const { wires, x, y, a, b, ends } = world;
    settle(world, 1);
    wires.run(10_000);
    const forged = { nonce: 0x0bad, id: id === "another" ? new Uint8Array(10).fill(1) : b.id };
    const none = new Uint8Array(0);
    const pdu = encodePdu({ type: 1, ...forged, attributes: none, authentication: none });
    wires.transmit(y, x.macNumber, 0x88b5, encodeDatagrams(pdu, 1_500)[0]!);
    wires.run(13_500);
    strictEqual(disagreement(ends), undefined);
    const closed = () => a.count("closed") + b.count("closed");
    const before = closed();
    ok(before <= 4, `${before} closed`);
    wires.run(wires.now + 120_000);
    strictEqual(disagreement(ends), undefined);
    strictEqual(closed(), before);
  });
}

Deno.test("sim lsoe: one that restarts again and again, at any distance, is known each time", () => {
  const world = pair();
  const { wires, y, b } = world;
  settle(world, 1);
  for (const [i, pause] of [0, 1, 50, 400, 999, 1_500, 3_000, 6_999, 9_000, 20_000].entries()) {
    b.kill();
    wires.run(wires.now + pause);
    y.addresses = [`192.0.2.${10 + i}/24`];
    b.start();
    const took = settle(world, 9_000);
    ok(took <= 8_200, `${took} ms after ${pause} ms`);
    wires.run(wires.now + pause);
  }
});

Deno.test("sim lsoe: a station that moves between two untagged interfaces is refused", () => {
  const world = pair();
  const { wires, y, a } = world;
  settle(world, 1);
  const elsewhere = a.kernel.plug();
  const forger = wires.computer("c");
  const card = forger.plug({ mac: y.macNumber });
  new Cable(wires, GOOD_WIRE, [elsewhere, card]);
  const c = new LsoeNode(forger, 3);
  wires.run(wires.now + 5_000);
  ok(a.count("macMoved") > 0);
  strictEqual(a.sessionWith(elsewhere, card), undefined);
  strictEqual(disagreement(world.ends), undefined);
  // Who was there first is gone: then it may.
  world.b.kill();
  world.x.up = false;
  wires.run(wires.now + 120_000);
  ok(a.sessionWith(elsewhere, card));
  strictEqual(northboundTrouble(c), undefined);
});

for (const way of ["broadcast", "a bridge that lets …0E through"]) {
  Deno.test(`sim lsoe: five on a bridge see each other: ${way}`, () => {
    const wires = new Wires();
    const bridge = wires.bridge({ groupForwardMask: way === "broadcast" ? 0 : 0x4000 });
    const config = way === "broadcast" ? { helloDestination: BROADCAST } : {};
    const ends = Array.from({ length: 5 }, (_, i): End => {
      const kernel = wires.computer(`n${i}`);
      const at = bridge.connect(kernel, { addresses: [`192.0.2.${i + 1}/24`] });
      return { node: new LsoeNode(kernel, i + 1, config), at };
    });
    ok(wires.runUntil(() => disagreement(ends) === undefined, 10), disagreement(ends));
    for (const { node } of ends) strictEqual(node.lsoe.sessions().length, 4);
    wires.run(180_000);
    strictEqual(disagreement(ends), undefined);
    for (const { node } of ends) strictEqual(node.count("opened"), 4);
  });
}

Deno.test("sim lsoe: a bridge stops HELLOs to …0E, so nobody is found", () => {
  const wires = new Wires();
  const bridge = wires.bridge();
  const nodes = [1, 2].map((number) => {
    const kernel = wires.computer(`n${number}`);
    bridge.connect(kernel);
    return new LsoeNode(kernel, number);
  });
  wires.run(200_000);
  for (const { lsoe } of nodes) deepStrictEqual(lsoe.sessions(), []);
});

for (const [loss, seeds, limit] of [[0.05, 100, 60_000], [0.3, 100, 600_000]] as const) {
  Deno.test(`sim lsoe: with ${loss * 100} % lost, always both ends agree (${seeds} seeds)`, () => {
    for (let seed = 1; seed <= seeds; seed++) {
      const world = pair({ seed, conditions: { loss, jitter: 1 } });
      ok(world.wires.runUntil(world.agree, limit), `seed ${seed}: ${disagreement(world.ends)}`);
    }
  });
}

Deno.test("sim lsoe: frames that come twice and in any order change nothing (100 seeds)", () => {
  for (let seed = 1; seed <= 100; seed++) {
    const conditions = { jitter: 20, duplicate: 0.3 };
    const world = pair({ seed, conditions, mtu: 576 });
    world.x.addresses = Array.from({ length: 300 }, (_, i) => `10.0.${i >> 8}.${i & 255}/16`);
    settle(world, 20_000);
    const { a, b } = world;
    world.wires.run(world.wires.now + 60_000);
    strictEqual(disagreement(world.ends), undefined, `seed ${seed}`);
    strictEqual(a.lsoe.counters.badPdus + b.lsoe.counters.badPdus, 0);
  }
});

Deno.test("sim lsoe: a link that flaps fifty times comes back each time within a second", () => {
  const world = pair();
  const { wires, x, a, b } = world;
  settle(world, 1);
  for (let i = 0; i < 50; i++) {
    x.up = false;
    // Not faster than a restart is followed (§12).
    wires.run(wires.now + 700 + wires.random.below(800));
    deepStrictEqual(a.lsoe.sessions(), []);
    x.up = true;
    x.addresses = ["192.0.2.1/24", "fe80::1/64"];
    // The peer noticed nothing: its next KEEPALIVE tells that it has to start again.
    settle(world, 1_100);
  }
  strictEqual(a.count("opened"), 51);
  strictEqual(a.lsoe.counters.sessionsOpened - a.lsoe.counters.sessionsClosed, 1);
  strictEqual(b.lsoe.sessions().length, 1);
  deepStrictEqual([a.sizes(), b.sizes()], [[1, 1, 0, 0], [1, 1, 0, 0]]);
});

Deno.test("sim lsoe: a cable pulled out keeps the session, and closes it where that is wished", () => {
  for (const closeOnCarrierLoss of [false, true]) {
    const world = pair({ config: { closeOnCarrierLoss } });
    const { wires, x, a } = world;
    settle(world, 1);
    const cable = x.wire;
    ok(cable);
    cable.up = false;
    wires.run(wires.now + 100);
    strictEqual(a.lsoe.sessions().length, closeOnCarrierLoss ? 0 : 1);
    cable.up = true;
    settle(world, 2_000);
    strictEqual(a.count("opened"), closeOnCarrierLoss ? 2 : 1);
  }
});

Deno.test("sim lsoe: a restarted peer is noticed by its new nonce, at once", () => {
  const world = pair();
  const { wires, a, b } = world;
  settle(world, 1);
  const [before] = b.lsoe.sessions();
  wires.run(5_000);
  a.kill();
  wires.run(5_100);
  a.start();
  // HELLO does nothing at an open session; the next KEEPALIVE does.
  ok(settle(world, 1_000) <= 1_000);
  const closed = b.events.find((event) => event.kind === "closed");
  strictEqual(closed?.reason, "the peer restarted");
  ok((b.lsoe.sessions()[0]?.id ?? 0) > (before?.id ?? 0));
});

Deno.test("sim lsoe: an orderly stop takes the addresses back at once", () => {
  const world = pair();
  const { wires, a, b } = world;
  settle(world, 1);
  a.stop();
  wires.run(wires.now + 1);
  strictEqual(b.northbound.size, 0);
  strictEqual(b.linksUp.size, 0);
  deepStrictEqual(b.lsoe.sessions().map(({ state }) => state), ["open"]);
  wires.run(wires.now + 60_001);
  deepStrictEqual(b.lsoe.sessions(), []);
});

Deno.test("sim lsoe: a dead peer is noticed after keepalive-receive-timeout, and withdrawn", () => {
  const world = pair({ config: { keepaliveReceiveTimeout: 10_000 } });
  const { wires, a, b } = world;
  settle(world, 1);
  wires.run(3_500);
  a.kill();
  const lastSign = 3_001;
  ok(wires.runUntil(() => b.lsoe.sessions().length === 0, 60_000));
  ok(wires.now >= lastSign + 9_998 && wires.now <= lastSign + 10_002, `at ${wires.now} ms`);
  strictEqual(b.northbound.size, 0);
  strictEqual(b.count("linkDown"), 1);
});

Deno.test("sim lsoe: addresses come and go while the session is open; only what changed is sent", () => {
  const world = pair();
  const { wires, x, y, a } = world;
  settle(world, 1);
  const types: number[] = [];
  wires.observer = ({ payload, from }) => from === "a:eth0" && types.push(payload[8] as number);
  wires.run(300);
  types.length = 0;
  x.addresses = [...x.addresses, "198.51.100.1/30"];
  ok(settle(world, 1) <= 0.2);
  deepStrictEqual(types, [4]);
  // The same again, in another order: nothing to say.
  x.addresses = [...x.addresses].reverse();
  wires.run(wires.now + 100);
  deepStrictEqual(types, [4]);
  x.addresses = ["192.0.2.1/24"];
  ok(settle(world, 1) <= 0.2);
  deepStrictEqual(types, [4, 4, 5]);
  // Two changes of one moment are one.
  y.addresses = ["192.0.2.3/24"];
  y.addresses = ["192.0.2.4/24"];
  settle(world, 1);
  deepStrictEqual(a.lsoe.links()[0]?.ipv4, [{ local: "192.0.2.1", remote: "192.0.2.4" }]);
  strictEqual(a.count("opened"), 1);
});

Deno.test("sim lsoe: another MAC address of ours is a new session on both sides", () => {
  const world = pair({ config: { keepaliveReceiveTimeout: 5_000 } });
  const { wires, x, a, b } = world;
  settle(world, 1);
  wires.run(1_500);
  const before = x.macNumber;
  x.macNumber = wires.freshMac();
  ok(settle(world, 2_000) <= 1);
  ok(a.count("closed") === 1);
  // Under the old address nobody answers any more.
  wires.run(wires.now + 6_000);
  strictEqual(b.lsoe.sessions().length, 1);
  strictEqual(northboundTrouble(b), undefined);
  ok(before !== x.macNumber);
});

for (const mtu of [68, 576, 1_500, 9_000]) {
  Deno.test(`sim lsoe: long lists over an MTU of ${mtu}`, () => {
    const world = pair({ mtu, config: { maxDatagram: 9_000 } });
    const count = mtu === 68 ? 1_000 : 5_000;
    world.x.addresses = Array.from(
      { length: count },
      (_, i) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}/8`,
    );
    world.y.addresses = Array.from(
      { length: count / 3 },
      (_, i) => `2001:db8::${(i + 1).toString(16)}/64`,
    );
    let longest = 0;
    world.wires.observer = ({ payload }) => longest = Math.max(longest, payload.length);
    settle(world, 100);
    ok(longest <= mtu && longest > mtu / 2, `${longest} octets`);
    deepStrictEqual(world.a.sendErrors, []);
  });
}

Deno.test("sim lsoe: what does not fit into 128 datagrams is cut, told once, and the rest arrives", () => {
  const world = pair({ mtu: 68 });
  const { wires, x, a, b } = world;
  // 128 × 60 octets hold 1279 IPv4 entries.
  x.addresses = Array.from({ length: 1_500 }, (_, i) => `10.0.${i >> 8}.${i & 255}/16`);
  wires.run(10_000);
  const cuts = a.events.filter((event) => event.kind === "listCut");
  deepStrictEqual(cuts, [{ kind: "listCut", interface: "eth0", type: 4, left: 221 }]);
  strictEqual(b.lsoe.sessions()[0]?.learned[4].length, 1_279);
  // A larger MTU lets the rest through.
  x.mtu = 1_500;
  settle(world, 100);
});

Deno.test("sim lsoe: an interface deleted and made again works again", () => {
  const world = pair();
  const { wires, a, b, x, y } = world;
  settle(world, 1);
  const wire = x.wire;
  ok(wire);
  x.remove();
  wires.run(wires.now + 2_000);
  deepStrictEqual(a.lsoe.sessions(), []);
  const again = a.kernel.plug({ name: "eth0", addresses: ["192.0.2.9/24"] });
  wire.plug(again);
  const ends: End[] = [{ node: a, at: again }, { node: b, at: y }];
  ok(wires.runUntil(() => disagreement(ends) === undefined, wires.now + 1), disagreement(ends));
  strictEqual(a.kernel.ports[0]?.memberships.length, 1);
});

Deno.test("sim lsoe: two cables between the same computers are two sessions", () => {
  const world = pair();
  const [u, v] = world.wires.cable(world.a.kernel, world.b.kernel);
  const second: End[] = [{ node: world.a, at: u }, { node: world.b, at: v }];
  world.wires.run(10);
  strictEqual(disagreement(world.ends), undefined);
  strictEqual(disagreement(second), undefined);
  strictEqual(world.a.lsoe.sessions().length, 2);
});

Deno.test("sim lsoe: with keep-state-on-timeout what a silent peer had stays until it is back", () => {
  const config = { keepStateOnTimeout: true, keepaliveReceiveTimeout: 5_000 };
  const world = pair({ config });
  const { wires, a, b, y } = world;
  settle(world, 1);
  a.kill();
  wires.run(60_000);
  const [kept] = b.lsoe.sessions();
  deepStrictEqual([kept?.stale, kept?.state, kept?.learned[4].length], [true, "opening", 1]);
  strictEqual(northboundTrouble(b), undefined);
  strictEqual(b.linksUp.size, 1);
  a.start();
  settle(world, 2_000);
  strictEqual(b.lsoe.sessions()[0]?.stale, false);
  strictEqual(b.count("linkDown"), 0);
  // Not beyond the interface.
  a.kill();
  wires.run(wires.now + 20_000);
  y.up = false;
  wires.run(wires.now + 1);
  strictEqual(b.northbound.size, 0);
  strictEqual(b.linksUp.size, 0);
});
