/** The beacon and its RPC under virtual time (`spec/networkzero.md §3`, `§4`). */
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { Random } from "../../lib/core/mod.ts";
import {
  AddressBook,
  Beacon,
  type BeaconEvent,
  type BeaconInterface,
  BEAT,
  decodeAdvert,
  decodeJson,
  DYNAMIC_PORTS,
  encodeAdvert,
  encodeRequest,
  type Json,
  matchesPattern,
  MAX_OWN,
  NetworkZeroError,
  NoAddressFoundError,
  RpcServer,
} from "../../lib/nearby/machines.ts";

const LAN: BeaconInterface = { address: "192.168.1.5", prefixLength: 24 };
const VPN: BeaconInterface = { address: "10.8.0.5", prefixLength: 16 };
const service = (name: string, address = "192.168.1.5:5000", ttl: number | null = 20) => ({
  name,
  address,
  ttl,
  everyInterface: false,
});

/** A beacon whose datagrams are written down. */
class World {
  now = 0;
  readonly sent: { at: number; from: string; advert: unknown[] }[] = [];
  readonly events: BeaconEvent[] = [];
  readonly beacon: Beacon;

  constructor(interfaces: readonly BeaconInterface[] = [LAN], maxNames?: number) {
    this.beacon = new Beacon({
      output: {
        broadcast: (from, advert) => {
          const { name, address, ttl } = decodeAdvert(advert);
          this.sent.push({ at: this.now, from: from.address, advert: [name, address, ttl] });
        },
        event: (event) => this.events.push(event),
      },
      ...(maxNames !== undefined && { maxNames }),
    });
    this.beacon.setInterfaces(0, interfaces);
  }

  /** Lets time pass. */
  until(end: number): this {
    for (;;) {
      const next = this.beacon.nextWake();
      if (next > end) break;
      this.now = Math.max(this.now, next);
      this.beacon.wake(this.now);
      ok(this.beacon.nextWake() > this.now || this.beacon.nextWake() === Infinity, "moves on");
    }
    this.now = end;
    return this;
  }

  hear(name: string, address: string, ttl: number | null = 20, source = "192.168.1.9"): void {
    this.beacon.receive(this.now, encodeAdvert({ name, address, ttl }), source);
  }

  find(name: string): string[] {
    return this.beacon.find(this.now, name);
  }
}

Deno.test("beacon: the first advert goes out at once, then one every 2 s of each service", () => {
  const world = new World();
  world.beacon.advertise(0, service("a"));
  strictEqual(world.sent.length, 1);
  world.until(500);
  world.beacon.advertise(500, service("b"));
  strictEqual(world.sent.length, 2);
  world.until(6_600);
  const times = (name: string) =>
    world.sent.filter(({ advert }) => advert[0] === name).map(({ at }) => at);
  deepStrictEqual(times("a"), [0, 2_000, 4_000, 6_000]);
  deepStrictEqual(times("b"), [500, 2_500, 4_500, 6_500]);
});

Deno.test("beacon: 500 services in a beat, no more than 25 at once", () => {
  const world = new World();
  for (let i = 0; i < 500; i++) world.beacon.advertise(0, service(`s${i}`));
  world.sent.length = 0;
  world.until(2 * BEAT - 1);
  strictEqual(world.sent.length, 500);
  const each = Map.groupBy(world.sent, ({ at }) => at);
  ok([...each.values()].every((burst) => burst.length <= 25));
});

Deno.test("beacon: each interface tells its own address of a service that is reachable everywhere", () => {
  const world = new World([LAN, VPN]);
  world.beacon.advertise(0, { ...service("all"), everyInterface: true });
  world.beacon.advertise(0, service("one"));
  deepStrictEqual(world.sent.map(({ from, advert }) => [from, advert[1]]), [
    ["192.168.1.5", "192.168.1.5:5000"],
    ["10.8.0.5", "10.8.0.5:5000"],
    ["192.168.1.5", "192.168.1.5:5000"],
    ["10.8.0.5", "192.168.1.5:5000"],
  ]);
  // A new interface hears of everything at once.
  world.until(1_000).sent.length = 0;
  world.beacon.setInterfaces(1_000, [LAN, VPN, { address: "172.16.0.1", prefixLength: 12 }]);
  world.until(1_000);
  strictEqual(world.sent.filter(({ from }) => from === "172.16.0.1").length, 2);
});

Deno.test("beacon: who hears one service at several addresses takes what is in reach first", () => {
  for (const order of [[0, 1, 2], [2, 1, 0], [1, 0, 2]]) {
    const world = new World([LAN, VPN]);
    const adverts = [["172.20.0.9:5000"], ["10.8.3.3:5000"], ["192.168.1.9:5000"]];
    for (const i of order) world.hear("robot", adverts[i]![0]!);
    deepStrictEqual(world.find("robot"), [
      "192.168.1.9:5000",
      "10.8.3.3:5000",
      "172.20.0.9:5000",
    ]);
    // What is not repeated while another one is, is out of date.
    for (let at = 2_000; at <= 8_000; at += 2_000) {
      world.until(at);
      world.hear("robot", "10.8.3.3:5000");
    }
    deepStrictEqual(world.find("robot"), ["10.8.3.3:5000"]);
  }
});

Deno.test("beacon: the last advert of a name wins, with another port at once", () => {
  const world = new World();
  world.hear("x", "192.168.1.9:5000");
  world.hear("x", "192.168.1.9:5001");
  deepStrictEqual(world.find("x"), ["192.168.1.9:5001"]);
  world.hear("x", "203.0.113.9:5002");
  deepStrictEqual(world.find("x"), ["203.0.113.9:5002"]);
  world.hear("x", "203.0.113.8:5002");
  deepStrictEqual(world.find("x")[0], "203.0.113.8:5002", "of equals the last");
  world.hear("x", "203.0.113.8:5002", 0);
  deepStrictEqual(world.find("x"), []);
  // Another computer's loopback address leads to ourselves: the last choice.
  world.hear("y", "127.0.0.1:9");
  world.hear("y", "203.0.113.8:9");
  deepStrictEqual(world.find("y"), ["203.0.113.8:9", "127.0.0.1:9"]);
});

Deno.test("beacon: own services stay known while they are told, and for their time after", () => {
  for (const interfaces of [[LAN], []]) {
    const world = new World(interfaces);
    world.beacon.advertise(0, service("mine"));
    world.until(100_000);
    deepStrictEqual(world.find("mine"), ["192.168.1.5:5000"]);
    ok(world.beacon.unadvertise("mine"));
    ok(!world.beacon.unadvertise("mine"));
    world.until(119_999);
    deepStrictEqual(world.find("mine"), ["192.168.1.5:5000"]);
    world.until(120_001);
    deepStrictEqual(world.find("mine"), []);
    deepStrictEqual(world.events.at(-1), { kind: "gone", name: "mine" });
  }
});

Deno.test("beacon: a pause is silent but hears; reset forgets all and ends it", () => {
  const world = new World();
  world.beacon.advertise(0, service("mine"));
  world.beacon.pause();
  world.beacon.advertise(0, service("later"));
  world.hear("other", "192.168.1.9:1");
  world.until(10_000);
  strictEqual(world.sent.length, 1);
  deepStrictEqual(world.find("other"), ["192.168.1.9:1"]);
  world.beacon.resume();
  world.until(10_000);
  strictEqual(world.sent.length, 3);
  world.beacon.pause();
  world.beacon.reset();
  ok(!world.beacon.paused);
  deepStrictEqual([world.beacon.all(10_000), world.beacon.own()], [[], []]);
  strictEqual(world.beacon.nextWake(), Infinity);
});

Deno.test("beacon: a name that is too long is refused, and nothing is sent", () => {
  const world = new World();
  throws(() => world.beacon.advertise(0, service("n".repeat(260))), NetworkZeroError);
  throws(() => world.beacon.advertise(0, service("é".repeat(50))), /too long by/);
  deepStrictEqual([world.sent, world.beacon.own()], [[], []]);
  for (let i = 0; i < MAX_OWN; i++) world.beacon.advertise(0, service(`s${i}`));
  throws(() => world.beacon.advertise(0, service("more")), /take one back/);
  world.beacon.advertise(0, service("s0", "192.168.1.5:1"));
});

Deno.test("beacon: an address that fits on one interface only is told where it fits", () => {
  const world = new World([LAN, { address: "192.168.100.100", prefixLength: 24 }]);
  // 256 octets with the address that was checked, and 4 more with that of the second interface.
  const name = "n".repeat(256 - encodeAdvert(service("")).length);
  world.beacon.advertise(0, { ...service(name), everyInterface: true });
  deepStrictEqual(world.sent.map(({ advert }) => advert[1]), [
    "192.168.1.5:5000",
    "192.168.1.5:5000",
  ]);
});

Deno.test("beacon: forged, oversized and malformed adverts are counted, and it lives on", () => {
  const world = new World([LAN], 10);
  const send = (text: string | Uint8Array) =>
    world.beacon.receive(
      0,
      typeof text === "string" ? new TextEncoder().encode(text) : text,
      "192.0.2.66",
    );
  for (
    const address of ["", "nowhere", "1.2.3.4", "1.2.3.4:", "1.2.3.4:70000", "1.2.3.*:5", "h:1"]
  ) send(JSON.stringify(["x", address, 20]));
  for (
    const text of ["", "x", "[]", "[1,2,3]", '["a","1.2.3.4:5",true]', '["a","1.2.3.4:5",1e999]']
  ) {
    send(text);
  }
  send(new Uint8Array(2_048));
  send(`["a", "1.2.3.4:5", 20]${" ".repeat(256)}`);
  deepStrictEqual(world.beacon.all(0), []);
  for (let i = 0; i < 3_000; i++) send(JSON.stringify([`n${i}`, "1.2.3.4:5", 20]));
  const { badAddress, malformed, oversized, refused } = world.beacon.counters;
  deepStrictEqual({ badAddress, malformed, oversized, refused }, {
    badAddress: 7,
    malformed: 6,
    oversized: 2,
    refused: 2_990,
  });
  strictEqual(world.beacon.all(0).length, 10);
  world.until(20_001);
  world.hear("room", "192.168.1.9:1");
  strictEqual(world.beacon.all(world.now).length, 1, "there is room again");
});

Deno.test("beacon: whoever waits is told in the moment, others when their time is over", () => {
  const world = new World();
  const told: [string, number, readonly string[]][] = [];
  const wait = (name: string, ms: number) =>
    world.beacon.discover(world.now, name, ms, (found) => told.push([name, world.now, found]));
  wait("soon", 5_000);
  wait("soon", 5_000);
  wait("never", 1_000);
  wait("stopped", 1_000)();
  wait("now", 0);
  world.until(700);
  world.hear("soon", "192.168.1.9:1");
  world.until(2_000);
  deepStrictEqual(told, [
    ["now", 0, []],
    ["soon", 700, ["192.168.1.9:1"]],
    ["soon", 700, ["192.168.1.9:1"]],
    ["never", 1_000, []],
  ]);
});

Deno.test("beacon: any datagrams in any order: bounded, no exception", () => {
  const advert = fc.tuple(
    fc.constantFrom("a", "b", "c", "d"),
    fc.constantFrom("192.168.1.9:1", "10.8.0.1:1", "192.168.1.9:2", "x"),
    fc.constantFrom(20, 0.5, 0, -1, null, "x"),
  ).map((value) => new TextEncoder().encode(JSON.stringify(value)));
  const step = fc.record({
    wait: fc.nat(5_000),
    bytes: fc.oneof(advert, fc.uint8Array({ maxLength: 300 })),
  });
  fc.assert(fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
    const world = new World([LAN, VPN], 3);
    for (const { wait, bytes } of steps) {
      world.until(world.now + wait);
      world.beacon.receive(world.now, bytes, "192.168.1.9");
      ok(world.beacon.all(world.now).length <= 3);
    }
    // Known and told are the same.
    const known = new Set<string>();
    for (const event of world.events) {
      if (event.kind === "heard") known.add(event.name);
      if (event.kind === "gone") known.delete(event.name);
    }
    const all = world.beacon.all(world.now).map(([name]) => name);
    ok(all.every((name) => known.has(name)));
  }));
});

/** An RPC server whose host names resolve when the test says so. */
function rpcWorld() {
  const world = new World();
  const book = new AddressBook({ local: () => ["192.168.1.5"], random: new Random(3) });
  const resolving: [string, (ips: readonly string[]) => void][] = [];
  let stops = 0;
  const rpc = new RpcServer(world.beacon, book, {
    resolve: (host, done) => resolving.push([host, done]),
    stop: () => stops++,
  }, () => world.now);
  const call = (...request: Json[]) => {
    const replies: Json[] = [];
    const [action, ...params] = request as [string, ...Json[]];
    rpc.handle(
      world.now,
      encodeRequest(action, ...params),
      (reply) => replies.push(decodeJson(reply)),
    );
    return replies;
  };
  return { world, rpc, call, resolving, stops: () => stops };
}

Deno.test("RPC: a waiting discover keeps nobody waiting", () => {
  const { world, call } = rpcWorld();
  const waiting = call("discover", "robot", 5);
  deepStrictEqual(waiting, []);
  deepStrictEqual(call("advertise", "robot", "192.168.1.5:7", false, 20), ["192.168.1.5:7"]);
  deepStrictEqual(waiting, ["192.168.1.5:7"]);
  const never = call("discover", "nobody", 0.5);
  world.until(499);
  deepStrictEqual(never, []);
  world.until(500);
  deepStrictEqual(never, [null]);
});

Deno.test("RPC: host names are resolved, and what is not understood is null", () => {
  const { call, resolving, rpc, stops, world } = rpcWorld();
  const good = call("advertise", "a", "pi.local:5000", false, 20);
  const bad = call("advertise", "b", "nowhere:5000", false, 20);
  deepStrictEqual(resolving.map(([host]) => host), ["pi.local", "nowhere"]);
  resolving[0]![1](["fe80::1", "192.0.2.9"]);
  resolving[1]![1]([]);
  deepStrictEqual([good, bad], [["192.0.2.9:5000"], [null]]);
  for (
    const request of [
      ["advertise", 5, "1.2.3.4:5", false, 20],
      ["advertise", "x", "1.2.3.4:5", false, "20"],
      ["advertise", "n".repeat(300), "1.2.3.4:5", false, 20],
      ["advertise", "x", "1.2.3.4:5"],
      ["discover", "x"],
      ["discover", "x", "long"],
      ["discover", ["x"], 0],
      ["unadvertise"],
      ["pause", 1],
      ["constructor"],
      ["no such action", 1, 2],
    ] as Json[][]
  ) deepStrictEqual(call(...request), [null], JSON.stringify(request));
  let replies = 0;
  for (const bytes of ["", "{}", "[]", "[1]", "\xff", "null"]) {
    rpc.handle(0, new TextEncoder().encode(bytes), (reply) => {
      strictEqual(decodeJson(reply), null);
      replies++;
    });
  }
  strictEqual(replies, 6);
  deepStrictEqual(world.beacon.all(0), [["a", "192.0.2.9:5000"]]);
  deepStrictEqual(call("stop"), [null]);
  strictEqual(stops(), 1);
});

Deno.test("addresses: each port of the pool is handed out once, then it is said", () => {
  const book = new AddressBook({ local: () => ["10.0.0.1"], random: new Random(1) });
  const count = DYNAMIC_PORTS[1] - DYNAMIC_PORTS[0] + 1;
  const seen = new Set(Array.from({ length: count }, () => JSON.stringify(book.parse(null))));
  strictEqual(seen.size, count);
  throws(() => book.parse(null), /all port numbers/);
  throws(
    () => new AddressBook({ local: () => [], random: new Random(1) }).best(),
    NoAddressFoundError,
  );
});

Deno.test("addresses: patterns match as the shell has it, and fast", () => {
  const pattern = fc.string({ unit: fc.constantFrom("1", ".", "*", "2"), maxLength: 8 });
  const value = fc.string({ unit: fc.constantFrom("1", ".", "2"), maxLength: 8 });
  fc.assert(fc.property(value, pattern, (value, pattern) => {
    const source = pattern.split("*").map((piece) => piece.replaceAll(".", "\\.")).join(".*");
    strictEqual(matchesPattern(value, pattern), new RegExp(`^${source}$`).test(value));
  }));
  strictEqual(matchesPattern("1".repeat(10_000), "*1".repeat(2_000) + "2"), false);
});
