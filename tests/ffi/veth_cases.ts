/**
 * Packet sockets on a cable whose ends, `veth0` and `veth1`, are both in this network namespace.
 * `veth_test.ts` runs these tests in a namespace of their own.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { PacketType } from "../../lib/net/packets.ts";
import { BROADCAST, parseMac } from "../../lib/wire/mac.ts";
import { KernelPackets, Poller } from "../../ffi/mod.ts";
import { Heard, numbered, numbersOf } from "./heard.ts";
import { until } from "./until.ts";

const ETHERTYPE = 0x88b5;
const [LEFT, RIGHT] = ["veth0", "veth1"] as const;
/** IEEE 802.1Q, 8.6.3: not passed on by bridges. */
const GROUP = 0x0180_c200_000e;

const read = (name: string, what: string) =>
  Deno.readTextFileSync(`/sys/class/net/${name}/${what}`).trim();
const index = (name: string) => Number(read(name, "ifindex"));
const mac = (name: string) => parseMac(read(name, "address"))!;

async function ip(...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("ip", { args }).output();
  ok(success, `ip ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

/** Up, and the kernel has found that the cable carries. */
async function up(...names: string[]): Promise<void> {
  for (const name of names) await ip("link", "set", name, "up");
  await until("the cable carries", () => names.every((name) => read(name, "operstate") === "up"));
}

function test(name: string, fn: (packets: KernelPackets) => Promise<void>): void {
  Deno.test(name, async () => {
    await up(LEFT, RIGHT);
    const fail = (error: unknown) => {
      throw error;
    };
    const poller = new Poller(fail);
    try {
      await fn(new KernelPackets(poller, fail));
    } finally {
      await poller.close();
    }
  });
}

test("who it is from, and to whom it was", async (packets) => {
  const heard = new Heard();
  const port = packets.open(ETHERTYPE, heard);
  const stranger = 0x0200_0000_0099;
  const destinations = [mac(RIGHT), BROADCAST, GROUP, stranger];
  for (const [i, to] of destinations.entries()) port.send(index(LEFT), to, [numbered(i)]);
  await until("all", () => heard.frames.length === destinations.length);
  deepStrictEqual(heard.frames.map(({ packetType }) => packetType), [
    ...[PacketType.Host, PacketType.Broadcast, PacketType.Multicast, PacketType.OtherHost],
  ]);
  for (const { interfaceIndex, source } of heard.frames) {
    deepStrictEqual([interfaceIndex, source], [index(RIGHT), mac(LEFT)]);
  }
  // And back: one socket has all interfaces.
  port.send(index(RIGHT), mac(LEFT), [numbered(9)]);
  await until("the answer", () => heard.frames.length === 5);
  const { interfaceIndex, source } = heard.frames[4]!;
  deepStrictEqual([interfaceIndex, source], [index(LEFT), mac(RIGHT)]);
  port.close();
});

test("a port that is bound to one interface", async (packets) => {
  const [left, right] = [new Heard(), new Heard()];
  const a = packets.open(ETHERTYPE, left, index(LEFT));
  const b = packets.open(ETHERTYPE, right, index(RIGHT));
  a.send(index(LEFT), BROADCAST, [numbered(1)]);
  b.send(index(RIGHT), BROADCAST, [numbered(2)]);
  await until("both", () => left.frames.length > 0 && right.frames.length > 0);
  deepStrictEqual([numbersOf(left.frames), numbersOf(right.frames)], [[2], [1]]);
  a.close();
  b.close();
});

test("a group is joined, left, and gone with its port", async (packets) => {
  const groups = async () =>
    (await ip("maddr", "show", "dev", RIGHT)).includes("01:80:c2:00:00:0e");
  const port = packets.open(ETHERTYPE, new Heard());
  strictEqual(await groups(), false);
  strictEqual(port.join(index(RIGHT), GROUP), undefined);
  strictEqual(await groups(), true);
  port.leave(index(RIGHT), GROUP);
  strictEqual(await groups(), false);
  port.join(index(RIGHT), GROUP);
  port.close();
  // The poll that is under way holds the socket a moment longer.
  for (let tries = 100; tries > 0 && await groups();) tries--;
  strictEqual(await groups(), false);
});

test("longer than the MTU, and a larger MTU", async (packets) => {
  const heard = new Heard();
  const port = packets.open(ETHERTYPE, heard);
  const send = (...lengths: number[]) =>
    port.send(index(LEFT), BROADCAST, lengths.map((length, i) => numbered(i, length)));
  deepStrictEqual(send(1_500, 1_501, 64), { frames: 1, error: "EMSGSIZE" });
  await ip("link", "set", LEFT, "mtu", "576");
  deepStrictEqual(send(577), { frames: 0, error: "EMSGSIZE" });
  for (const name of [LEFT, RIGHT]) await ip("link", "set", name, "mtu", "9000");
  deepStrictEqual(send(64, 9_000, 1_501), { frames: 3 });
  deepStrictEqual(send(9_001), { frames: 0, error: "EMSGSIZE" });
  for (const name of [LEFT, RIGHT]) await ip("link", "set", name, "mtu", "65535");
  deepStrictEqual(send(65_535), { frames: 1 });
  await until("all that fits", () => heard.frames.length === 5);
  const lengths = [1_500, 64, 9_000, 1_501, 65_535];
  deepStrictEqual(heard.frames.map(({ payload }) => payload.length), lengths);
  deepStrictEqual(heard.frames[2]!.payload, numbered(1, 9_000));
  strictEqual(port.counters().truncated, 0);
  for (const name of [LEFT, RIGHT]) await ip("link", "set", name, "mtu", "1500");
  port.close();
});

test("an interface goes down and comes up", async (packets) => {
  const [all, one] = [new Heard(), new Heard()];
  const everywhere = packets.open(ETHERTYPE, all);
  const bound = packets.open(ETHERTYPE, one, index(RIGHT));
  await ip("link", "set", RIGHT, "down");
  await until("the bound one is told", () => bound.counters().receiveErrors > 0);
  deepStrictEqual(bound.send(index(RIGHT), BROADCAST, [numbered(0)]), {
    frames: 0,
    error: "ENETDOWN",
  });
  await ip("link", "set", LEFT, "down");
  await up(RIGHT, LEFT);
  everywhere.send(index(LEFT), BROADCAST, [numbered(1)]);
  await until("both", () => all.frames.length === 1 && one.frames.length === 1);
  deepStrictEqual([all.failures, one.failures], [[], []]);
  deepStrictEqual(
    [everywhere.counters().receiveErrors, bound.counters().receiveErrors],
    [0, 1],
  );
  everywhere.close();
  bound.close();
});

test("an interface that was down when its port was opened", async (packets) => {
  await ip("link", "set", RIGHT, "down");
  const heard = new Heard();
  const port = packets.open(ETHERTYPE, heard, index(RIGHT));
  await until("it is told", () => port.counters().receiveErrors > 0);
  await up(RIGHT);
  port.send(index(LEFT), BROADCAST, [numbered(1)]);
  await until("a frame", () => heard.frames.length === 1);
  port.close();
});

test("an interface is deleted and made again", async (packets) => {
  const [all, one] = [new Heard(), new Heard()];
  const everywhere = packets.open(ETHERTYPE, all);
  const bound = packets.open(ETHERTYPE, one, index(RIGHT));
  everywhere.join(index(RIGHT), GROUP);
  const gone = index(LEFT);
  await ip("link", "del", LEFT);
  const { error } = everywhere.send(gone, BROADCAST, [numbered(0)]);
  ok(error === "ENXIO" || error === "ENODEV", error);
  strictEqual(everywhere.join(gone, GROUP), "ENODEV");
  await ip("link", "add", LEFT, "type", "veth", "peer", "name", RIGHT);
  await up(LEFT, RIGHT);
  strictEqual(everywhere.join(index(RIGHT), GROUP), undefined);
  deepStrictEqual(everywhere.send(index(LEFT), GROUP, [numbered(1)]), { frames: 1 });
  await until("the other goes on", () => all.frames.length === 1);
  deepStrictEqual([all.frames[0]!.interfaceIndex, all.failures], [index(RIGHT), []]);
  // What was bound to the old one is silent, and can be replaced.
  deepStrictEqual([one.frames, one.failures], [[], []]);
  bound.close();
  const again = packets.open(ETHERTYPE, one, index(RIGHT));
  everywhere.send(index(LEFT), GROUP, [numbered(2)]);
  await until("a new one", () => one.frames.length === 1);
  again.close();
  everywhere.close();
});

test("10 000 frames in bursts over the cable, none is lost", async (packets) => {
  const heard = new Heard();
  const port = packets.open(ETHERTYPE, heard);
  // Below what the queue between the ends holds.
  const burst = 200;
  for (let sent = 0; sent < 10_000; sent += burst) {
    const payloads = Array.from({ length: burst }, (_, i) => numbered(sent + i, 64 + i % 100));
    deepStrictEqual(port.send(index(LEFT), BROADCAST, payloads), { frames: burst });
    await until("the burst", () => heard.frames.length === sent + burst);
  }
  deepStrictEqual(numbersOf(heard.frames), Array.from({ length: 10_000 }, (_, i) => i));
  strictEqual(port.counters().dropped, 0);
  port.close();
});
