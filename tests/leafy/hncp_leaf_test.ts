/** Leafy in networks of profile `hncp`: reader, publication, proxy and mirror against real machines. */
import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { Random } from "../../lib/core/mod.ts";
import { type Dncp, encodeHncpVersion, hncpProfile, TlvEncoder } from "../../lib/dncp/mod.ts";
import {
  AckStatus,
  decodeHncpAck,
  encodeHncpPublishRequest,
  HncpMirror,
  HncpPublication,
  HncpReader,
  LeafProxy,
} from "../../lib/leafy/mod.ts";
import { type Entry, OwnDictionary, ShspStateCodec } from "../../lib/state/mod.ts";
import { concat } from "../../lib/wire/bytes.ts";
import { TlvFormat } from "../../lib/wire/tlv.ts";
import { datagrams } from "../dncp/harness.ts";
import { Net } from "../dncp/toy_links.ts";

const encode = new TlvEncoder(hncpProfile);
const AT = 1_790_000_000_000;
const entry = (key: string, value: Entry["value"] = 1): Entry => ({ key, value, at: AT });
const tlvsOf = (...entries: Entry[]) => new ShspStateCodec().encode(entries);
const version = encodeHncpVersion({ m: 0, p: 0, h: 0, l: 0, userAgent: "test" });

/** Two real nodes on a link, `leaf` beside them with one address to talk to. */
class World {
  readonly net = new Net();
  readonly first: Dncp;
  readonly second: Dncp;
  sent: Uint8Array[] = [];
  /** Datagrams of the first hop to the leaf. */
  received: Uint8Array[] = [];
  #lost = 0;

  constructor(nodes = 2) {
    const make = (i: number) => {
      const nodeId = `0${i}0${i}0${i}0${i}`;
      const member = this.net.add(`n${i}`, { profile: hncpProfile, nodeId, seed: i });
      member.join("cable", datagrams(1));
      member.machine.publish(0, [version, ...tlvsOf(entry(`k${i}`, i))]);
      return member;
    };
    const members = Array.from({ length: nodes }, (_, i) => make(i + 1));
    this.first = members[0]!.machine;
    this.second = members[1]!.machine;
    const { datagram } = members[0]!;
    members[0]!.datagram = (endpoint, to, payload) => {
      if (to === "leaf") this.received.push(payload);
      else datagram.call(members[0], endpoint, to, payload);
    };
    ok(this.net.until(() => this.net.converged, 10_000) !== undefined);
  }

  /** Run with a leaf's machine beside, for `ms`, losing every n-th datagram of the leaf. */
  run(leaf: Leaf, ms: number, loseEvery = 0): void {
    const end = this.net.now + ms;
    while (this.net.now < end) {
      for (const bytes of this.received.splice(0)) leaf.receive(this.net.now, bytes);
      if (leaf.nextWake() <= this.net.now) leaf.wake(this.net.now);
      for (const bytes of this.sent.splice(0)) {
        if (loseEvery > 0 && ++this.#lost % loseEvery === 0) continue;
        this.first.receiveDatagram(this.net.now, 1, "leaf", bytes);
      }
      this.net.run(1);
    }
  }
}

interface Leaf {
  receive(now: number, bytes: Uint8Array): void;
  nextWake(): number;
  wake(now: number): void;
}

Deno.test("hncp read: everything, from one moment, without leaving a trace", () => {
  const world = new World();
  const { seqno } = world.first;
  const reader = new HncpReader(world.net.now, (bytes) => world.sent.push(bytes));
  world.run(reader, 50);
  ok(reader.result);
  deepStrictEqual([...reader.result.nodes.keys()].sort(), ["01010101", "02020202"]);
  strictEqual(reader.result.firstHop, "01010101");
  for (const { id, data } of world.first.nodes()) {
    deepStrictEqual(reader.result.nodes.get(id)?.data, data);
  }
  strictEqual(world.first.seqno, seqno);
  strictEqual(world.first.peers().length, 1);
});

Deno.test("hncp read: a list in several datagrams, loss, and changes meanwhile", () => {
  const world = new World();
  for (let i = 0; i < 120; i++) {
    const id = (0x1000_0000 + i).toString(16);
    const data = concat([encode.peer("01010101", 1, 1), ...tlvsOf(entry("x".repeat(50), i))]);
    const hash = hncpProfile.hash(data).subarray(0, 8);
    const from = encode.nodeEndpoint(id, 1);
    world.first.receiveDatagram(world.net.now, 1, `f${i}`, from);
    world.first.receiveDatagram(
      world.net.now,
      1,
      `f${i}`,
      concat([from, encode.nodeState(id, 1, 0, hash, data)]),
    );
  }
  world.net.run(500);
  strictEqual([...world.first.nodes()].length, 122);
  const reader = new HncpReader(world.net.now, (bytes) => world.sent.push(bytes));
  world.run(reader, 3);
  world.second.publish(world.net.now, tlvsOf(entry("changed", "meanwhile")));
  world.run(reader, 5_000, 3);
  strictEqual(reader.result?.nodes.size, 122);
  ok(concat([...reader.result.nodes.values()].map(({ data }) => data)).length > 10_000);
});

Deno.test("hncp read: silence fails after five questions", () => {
  const times: number[] = [];
  let now = 0;
  const reader = new HncpReader(0, () => times.push(now));
  while (!reader.failed && now < 60_000) reader.wake(now = reader.nextWake());
  deepStrictEqual(times, [0, 200, 600, 1_400, 3_000]);
  ok(reader.failed && !reader.answered);
});

Deno.test("hncp leaf machines: any bytes end nothing", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer(), (bytes, seed) => {
    const random = new Random(seed);
    const own = new OwnDictionary({ codec: new ShspStateCodec() });
    const inside = TlvFormat.rfc7787.encode(1, TlvFormat.rfc7787.encode(800, bytes));
    for (const datagram of [bytes, inside]) {
      new HncpReader(0, () => {}).receive(1, datagram);
      new LeafProxy({ own, shspKey: undefined, onChanged() {} }).receive(1, 1, datagram);
      new HncpMirror({ now: 0, send() {}, randomBytes: (n) => random.bytes(n) }).receive(
        1,
        datagram,
      );
    }
  }));
});

/** A proxy with its dictionary. */
function proxy(shspKey?: Uint8Array, limit = 3_000) {
  const codec = new ShspStateCodec(shspKey);
  const own = new OwnDictionary({ codec, limit, agentReserve: 0, maxGuestBytes: 1_024 });
  let changes = 0;
  const one = new LeafProxy({ own, shspKey, onChanged: () => changes++ });
  return { own, one, changes: () => changes };
}

function ask(
  { one }: ReturnType<typeof proxy>,
  now: number,
  content: Uint8Array[],
  { seqno = 1, ttlMs = 30_000, leafId = "0a0b0c0d" } = {},
) {
  const request = encodeHncpPublishRequest({ leafId, seqno, ttlMs, content: concat(content) });
  const ack = one.receive(now, AT, request);
  ok(ack);
  const [raw] = TlvFormat.rfc7787.decode(ack).tlvs;
  const { leafId: again, ...rest } = decodeHncpAck(raw!)!;
  strictEqual(again, leafId);
  return rest;
}

Deno.test("hncp proxy: publishes, refreshes, withdraws and forgets (spec §16.4)", () => {
  const p = proxy();
  const opaque = TlvFormat.rfc7787.encode(900, Uint8Array.of(1));
  const content = [...tlvsOf({ ...entry("a"), at: AT - 5_000 }), opaque];
  deepStrictEqual(ask(p, 0, content), { seqno: 1, grantedMs: 30_000, status: AckStatus.Published });
  deepStrictEqual(p.own.get("a")?.at, AT - 5_000);
  deepStrictEqual(p.one.tlvs, [opaque]);
  const { version } = p.own;
  strictEqual(ask(p, 20_000, content).status, AckStatus.Published);
  strictEqual(p.own.version, version, "a refresh publishes nothing");
  const other = tlvsOf(entry("b"));
  deepStrictEqual(ask(p, 21_000, other), { seqno: 1, grantedMs: 0, status: AckStatus.Stale });
  strictEqual(ask(p, 21_000, other, { seqno: 2 }).status, AckStatus.Published);
  deepStrictEqual(p.own.entries().map(({ key }) => key), ["b"]);
  deepStrictEqual(p.one.tlvs, []);
  deepStrictEqual(ask(p, 21_000, content), { seqno: 2, grantedMs: 0, status: AckStatus.Stale });
  deepStrictEqual(ask(p, 22_000, [], { seqno: 2, ttlMs: 0 }), {
    seqno: 2,
    grantedMs: 0,
    status: AckStatus.Published,
  });
  deepStrictEqual(p.own.entries(), []);
  ask(p, 30_000, content, { seqno: 7, ttlMs: 10 });
  deepStrictEqual(p.one.nextWake(), 31_000, "a second at the least");
  p.one.wake(31_000);
  p.own.wake(31_000);
  deepStrictEqual([p.own.entries(), p.one.tlvs, p.changes()], [[], [], 4]);
});

Deno.test("hncp proxy: the next process of the node knows its leaves", () => {
  const before = proxy();
  const opaque = TlvFormat.rfc7787.encode(900, Uint8Array.of(1));
  const content = [...tlvsOf({ ...entry("a"), at: AT - 5_000 }), opaque];
  ask(before, 0, content, { seqno: 4 });
  const held = before.own.handOver(10_000);
  const after = proxy();
  after.own.inherit(500, held, 1_000);
  const book = before.one.handOver();
  const [leaf] = book;
  const forged = { ...leaf!, id: "0b0b0b0b" };
  const broken = { ...leaf!, content: "0315000400" };
  after.one.inherit([forged, broken, ...book]);
  deepStrictEqual(after.one.handOver(), book);
  deepStrictEqual([after.one.tlvs, after.changes()], [[opaque], 1]);
  strictEqual(after.own.get("a")?.at, AT - 5_000);
  strictEqual(ask(after, 600, content, { seqno: 3 }).status, AckStatus.Stale);
  const { version } = after.own;
  strictEqual(ask(after, 600, content, { seqno: 4 }).status, AckStatus.Published);
  strictEqual(after.own.version, version, "a refresh publishes nothing");
  after.one.wake(30_600);
  after.own.wake(30_600);
  deepStrictEqual([after.own.entries(), after.one.tlvs], [[], []]);
});

Deno.test("hncp proxy: what may not be published is refused, and nothing changes", () => {
  const raw = (type: number, value: Uint8Array = new Uint8Array(4)) =>
    TlvFormat.rfc7787.encode(type, value);
  const keyed = new ShspStateCodec(new TextEncoder().encode("foo"));
  const p = proxy();
  const no: [number, Uint8Array[]][] = [
    ...[1, 3, 8, 9, 10, 32, 512, 767, 800, 801, 1_024].map((type) =>
      [AckStatus.NotAllowed, [raw(type)]] as [number, Uint8Array[]]
    ),
    [AckStatus.NotAllowed, keyed.encode([entry("a")])],
    [AckStatus.NotAllowed, [raw(789, new TextEncoder().encode('{"k":"a"}'))]],
    [AckStatus.NotAllowed, [raw(789, new TextEncoder().encode('{"k":"a","v":null,"ts":1}'))]],
    [AckStatus.NotAllowed, tlvsOf(entry("agent/name", "x"))],
    [AckStatus.NotAllowed, [Uint8Array.of(3, 21, 0, 9, 1)]],
    [AckStatus.NotAllowed, [Uint8Array.of(3, 132, 0, 1, 1, 1, 1, 1)]],
    [AckStatus.TooLarge, tlvsOf(entry("a", "x".repeat(1_100)))],
    [AckStatus.TooLarge, [raw(900, new Uint8Array(300))]],
  ];
  for (const [status, content] of no) {
    strictEqual(ask(p, 0, content).status, status, concat(content).toHex());
  }
  for (let i = 0; i < 32; i++) ask(p, 0, tlvsOf(entry(`k${i}`)), { leafId: `000000${10 + i}` });
  strictEqual(ask(p, 0, tlvsOf(entry("more"))).status, AckStatus.TooManyGuests);
  strictEqual(p.own.entries().length, 32);
  const k = proxy(new TextEncoder().encode("foo"));
  strictEqual(ask(k, 0, tlvsOf(entry("a"))).status, AckStatus.NotAllowed);
  const bar = new ShspStateCodec(new TextEncoder().encode("bar"));
  strictEqual(ask(k, 0, bar.encode([entry("a")])).status, AckStatus.NotAllowed);
  strictEqual(ask(k, 0, keyed.encode([entry("a")])).status, AckStatus.Published);
  strictEqual(k.own.get("a")?.source, "guest");
});

Deno.test("hncp publication: repeats until it is acknowledged, and goes above what is newer", () => {
  const p = proxy();
  ask(p, 0, tlvsOf(entry("old")), { seqno: 500, leafId: "00000001" });
  let now = 0;
  let lose = 2;
  const what = { leafId: "00000001", seqno: 7, ttlMs: 60_000, tlvs: tlvsOf(entry("a")) };
  const publication: HncpPublication = new HncpPublication(0, what, (bytes) => {
    if (lose-- > 0) return;
    const ack = p.one.receive(now, AT, bytes);
    const reply = LeafProxy.insert(
      concat([encode.nodeEndpoint("01010101", 1), encode.networkState(new Uint8Array(8))]),
      ack!,
    );
    deepStrictEqual(TlvFormat.rfc7787.decode(reply).tlvs.map(({ type }) => type), [3, 801, 4]);
    publication.receive(now, reply);
  });
  while (!publication.grant && now < 10_000) publication.wake(now = publication.nextWake());
  deepStrictEqual(publication.grant, { grantedMs: 60_000, firstHop: "01010101" });
  deepStrictEqual(p.own.entries().map(({ key }) => key), ["a"]);
});

Deno.test("hncp publication: a node that is no proxy, and nobody at all", () => {
  for (
    const [answers, message] of [[true, /publishes for nobody/], [
      false,
      /does not answer/,
    ]] as const
  ) {
    let now = 0;
    const what = { leafId: "00000001", seqno: 1, ttlMs: 1_000, tlvs: [] };
    const one: HncpPublication = new HncpPublication(0, what, () => {
      if (answers) one.receive(now, encode.networkState(new Uint8Array(8)));
    });
    throws(() => {
      while (now < 60_000) one.wake(now = one.nextWake());
    }, message);
    strictEqual(now, 200 * (2 ** 6 - 1));
  }
});

Deno.test("hncp mirror: is seen by all, changes, stays, and goes at once", () => {
  const world = new World();
  const random = new Random(1);
  const mirror = new HncpMirror({
    now: world.net.now,
    send: (bytes) => world.sent.push(bytes),
    randomBytes: (n) => random.bytes(n),
  });
  mirror.setPayload(world.net.now, tlvsOf(entry("leaf", 1)));
  world.run(mirror, 1_000);
  ok(mirror.consistent);
  ok(world.second.node(mirror.nodeId));
  deepStrictEqual(mirror.networkHash, world.first.networkHash(world.net.now));
  mirror.setPayload(world.net.now, tlvsOf(entry("leaf", 2)));
  world.run(mirror, 1_000);
  strictEqual(world.second.node(mirror.nodeId)?.seqno, 2);
  // For longer than silence is borne, with the network changing around it, and a third of it lost.
  for (let i = 0; i < 6; i++) {
    world.second.publish(world.net.now, tlvsOf(entry("k", i)));
    world.run(mirror, 20_000, 3);
    ok(world.second.node(mirror.nodeId), `after ${i}`);
  }
  world.run(mirror, 12_000);
  ok(mirror.consistent);
  mirror.leave(world.net.now);
  world.run(mirror, 1_000);
  strictEqual(world.second.node(mirror.nodeId), undefined);
  strictEqual(world.first.node(mirror.nodeId), undefined);
});

Deno.test("hncp mirror: the id of another node is given up", () => {
  const world = new World();
  const random = new Random(2);
  const mirror = new HncpMirror({
    now: world.net.now,
    send: (bytes) => world.sent.push(bytes),
    randomBytes: (n) => random.bytes(n),
    nodeId: "02020202",
  });
  mirror.setPayload(world.net.now, tlvsOf(entry("leaf", 1)));
  world.run(mirror, 20_000);
  ok(mirror.nodeId !== "02020202" || world.second.nodeId !== "02020202");
  ok(world.first.node(mirror.nodeId));
  ok(world.first.node(world.second.nodeId));
  match(mirror.nodeId, /^[0-9a-f]{8}$/);
});

Deno.test("hncp mirror: a first hop that falls silent is lost after 42 s", () => {
  const mirror = new HncpMirror({ now: 0, send() {}, randomBytes: (n) => new Uint8Array(n) });
  let now = 0;
  while (!mirror.lost && now < 100_000) mirror.wake(now = mirror.nextWake());
  strictEqual(now, 42_000);
  strictEqual(mirror.nextWake(), Infinity);
});
