/** Packet sockets on loopback, which no frame ever leaves. */
import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import { AgentError, messageOf } from "../../lib/core/mod.ts";
import { PacketType } from "../../lib/net/packets.ts";
import { KernelPackets, Poller } from "../../ffi/mod.ts";
import { arm64Available, runArm64 } from "../arm64.ts";
import { skipReason } from "../skip.ts";
import { Heard, numbered, numbersOf } from "./heard.ts";
import { until } from "./until.ts";

const LO = 1;
/** Other test processes on this loopback have others: local use, by process. */
const ETHERTYPE = 0x9900 + Deno.pid % 0x400;
const PROGRAM = new URL("lo_program.ts", import.meta.url).pathname;
const ARGS = ["run", "-A", "--no-check", "--quiet", PROGRAM, `${ETHERTYPE}`];

/** Why there are no packet sockets here. */
const cannot = await (async () => {
  try {
    const poller = new Poller(() => {});
    new KernelPackets(poller, () => {}).open(ETHERTYPE, new Heard(), LO).close();
    await poller.close();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
})();

interface Place {
  readonly packets: KernelPackets;
  readonly errors: unknown[];
}

function test(name: string, fn: (place: Place) => Promise<void>): void {
  Deno.test({
    name,
    ignore: cannot !== undefined && skipReason(name, cannot),
    async fn() {
      const errors: unknown[] = [];
      const poller = new Poller((error) => errors.push(error));
      const packets = new KernelPackets(poller, (error) => errors.push(error));
      try {
        await fn({ packets, errors });
      } finally {
        await poller.close();
      }
    },
  });
}

test("packets: what is sent arrives, whole and in order", async ({ packets, errors }) => {
  const heard = new Heard();
  const port = packets.open(ETHERTYPE, heard, LO);
  const lengths = [4, 46, 64, 1_500, 9_000, 65_535, 65_536];
  const payloads = lengths.map((length, i) => numbered(i, length));
  deepStrictEqual(port.send(LO, 0, payloads), { frames: payloads.length });
  deepStrictEqual(port.send(LO, 0, []), { frames: 0 });
  await until("all", () => heard.frames.length === payloads.length);
  deepStrictEqual(heard.frames.map(({ payload }) => payload), payloads);
  for (const { interfaceIndex, source, packetType } of heard.frames) {
    deepStrictEqual([interfaceIndex, source, packetType], [LO, 0, PacketType.Host]);
  }
  strictEqual(heard.drains.at(-1), payloads.length);
  deepStrictEqual(port.counters(), {
    framesReceived: payloads.length,
    framesSent: payloads.length,
    dropped: 0,
    truncated: 0,
    receiveErrors: 0,
    sendErrors: 0,
  });
  port.close();
  deepStrictEqual(errors, []);
});

test("packets: more payloads than one call takes, some of one size, some not", async ({ packets }) => {
  const heard = new Heard();
  const port = packets.open(ETHERTYPE, heard, LO);
  const payloads = Array.from({ length: 300 }, (_, i) => numbered(i, 64 + i % 5));
  deepStrictEqual(port.send(LO, 0, payloads), { frames: 300 });
  await until("all", () => heard.frames.length === 300);
  deepStrictEqual(heard.frames.map(({ payload }) => payload), payloads);
  port.close();
});

test("packets: what cannot be sent says why, and how much went before", async ({ packets }) => {
  const heard = new Heard();
  const port = packets.open(ETHERTYPE, heard, LO);
  const fine = numbered(1);
  // The kernel's limit, and that of a slot; first and in between.
  for (const long of [new Uint8Array(65_537), new Uint8Array(100_000)]) {
    deepStrictEqual(port.send(LO, 0, [long]), { frames: 0, error: "EMSGSIZE" });
    deepStrictEqual(port.send(LO, 0, [fine, fine, long, fine]), { frames: 2, error: "EMSGSIZE" });
  }
  deepStrictEqual(port.send(0x7fff_fff0, 0, [fine]), { frames: 0, error: "ENXIO" });
  deepStrictEqual(port.send(LO, 0, [fine]), { frames: 1 });
  await until("those that went", () => heard.frames.length === 5);
  deepStrictEqual(port.counters().sendErrors, 5);
  port.close();
  deepStrictEqual(port.send(LO, 0, [fine]), { frames: 0, error: "EBADF" });
});

test("packets: groups of interfaces that are not there", async ({ packets }) => {
  await Promise.resolve();
  const port = packets.open(ETHERTYPE, new Heard(), LO);
  strictEqual(port.join(0x7fff_fff0, 0x0180_c200_000e), "ENODEV");
  port.leave(0x7fff_fff0, 0x0180_c200_000e);
  strictEqual(port.join(LO, 0x0180_c200_000e), undefined);
  port.leave(LO, 0x0180_c200_000e);
  port.close();
  port.close();
});

test("packets: ports of one poller hear only their own EtherType", async ({ packets }) => {
  const [first, second] = [new Heard(), new Heard()];
  const a = packets.open(ETHERTYPE, first, LO);
  const b = packets.open(ETHERTYPE + 0x400, second, LO);
  for (let i = 0; i < 50; i++) {
    a.send(LO, 0, [numbered(i)]);
    b.send(LO, 0, [numbered(1_000 + i)]);
  }
  await until("both", () => first.frames.length === 50 && second.frames.length === 50);
  deepStrictEqual(numbersOf(first.frames), Array.from({ length: 50 }, (_, i) => i));
  deepStrictEqual(numbersOf(second.frames), Array.from({ length: 50 }, (_, i) => 1_000 + i));
  // One goes, the other stays.
  a.close();
  b.send(LO, 0, [numbered(7)]);
  await until("the other", () => second.frames.length === 51);
  b.close();
});

test("packets: 10 000 frames in bursts, none is lost", async ({ packets }) => {
  const heard = new Heard();
  const port = packets.open(ETHERTYPE, heard, LO);
  const burst = 500;
  for (let sent = 0; sent < 10_000; sent += burst) {
    const payloads = Array.from({ length: burst }, (_, i) => numbered(sent + i));
    deepStrictEqual(port.send(LO, 0, payloads), { frames: burst });
    await until("the burst", () => heard.frames.length === sent + burst);
  }
  deepStrictEqual(numbersOf(heard.frames), Array.from({ length: 10_000 }, (_, i) => i));
  strictEqual(port.counters().dropped, 0);
  port.close();
});

test("packets: what the kernel had no room for is counted", async ({ packets }) => {
  let received = 0;
  const port = packets.open(ETHERTYPE, { frame: () => received++, failed() {} }, LO);
  // Nothing is read before this turn of the event loop ends.
  const payloads = Array.from({ length: 64 }, (_, i) => numbered(i));
  let sent = 0;
  while (port.counters().dropped === 0) sent += port.send(LO, 0, payloads).frames;
  await until("the rest", () => received + port.counters().dropped === sent);
  strictEqual(port.counters().framesReceived, received);
  // And it goes on.
  port.send(LO, 0, [numbered(1)]);
  await until("another", () => received + port.counters().dropped === sent + 1);
  port.close();
});

test("packets: a listener that throws is told of, and loses one frame", async ({ packets, errors }) => {
  const numbers: number[] = [];
  let drains = 0;
  const port = packets.open(ETHERTYPE, {
    frame({ payload }) {
      const n = payload[3]!;
      if (n % 3 === 0) throw new Error(`frame ${n}`);
      numbers.push(n);
    },
    drained() {
      drains++;
      throw new Error("drained");
    },
    failed() {},
  }, LO);
  port.send(LO, 0, Array.from({ length: 9 }, (_, i) => numbered(i)));
  await until("all", () => numbers.length === 6 && drains > 0);
  deepStrictEqual(numbers, [1, 2, 4, 5, 7, 8]);
  deepStrictEqual(
    errors.map(messageOf).filter((text) => text !== "drained"),
    ["frame 0", "frame 3", "frame 6"],
  );
  port.close();
});

test("packets: a port that its listener closes hears no more", async ({ packets, errors }) => {
  let frames = 0;
  let drains = 0;
  const port = packets.open(ETHERTYPE, {
    frame() {
      if (++frames === 3) port.close();
    },
    drained: () => drains++,
    failed() {},
  }, LO);
  port.send(LO, 0, Array.from({ length: 200 }, (_, i) => numbered(i)));
  await until("the third", () => frames >= 3);
  // Another one has its place in the same batch, and finds the slots in order.
  const heard = new Heard();
  const other = packets.open(ETHERTYPE, heard, LO);
  other.send(LO, 0, Array.from({ length: 200 }, (_, i) => numbered(i)));
  await until("the other", () => heard.frames.length === 200);
  deepStrictEqual([frames, drains], [3, 0]);
  other.close();
  deepStrictEqual(errors, []);
});

test("packets: what can be sent from within a frame", async ({ packets }) => {
  const heard = new Heard();
  const answers = packets.open(ETHERTYPE + 0x400, heard, LO);
  const port = packets.open(ETHERTYPE, {
    frame({ payload }) {
      answers.send(LO, 0, [payload, payload.subarray(0, 4)]);
    },
    failed() {},
  }, LO);
  port.send(LO, 0, [numbered(1), numbered(2)]);
  await until("answers", () => heard.frames.length === 4);
  deepStrictEqual(numbersOf(heard.frames), [1, 1, 2, 2]);
  port.close();
  answers.close();
});

test("packets: no such interface, no such EtherType", async ({ packets }) => {
  await Promise.resolve();
  throws(() => packets.open(ETHERTYPE, new Heard(), 0x7fff_fff0), (error) => {
    ok(error instanceof AgentError);
    match(error.message, /^cannot receive EtherType 0x9[0-9A-F]{3}: there is no interface with/);
    return true;
  });
  for (const ethertype of [0, 3, 0x05ff, 0x1_0000, NaN]) {
    throws(() => packets.open(ethertype, new Heard()), RangeError);
  }
});

const REFUSED = "packets: without CAP_NET_RAW there is one line that says how to get it";
Deno.test(REFUSED, async () => {
  // Root without the capability; nobody else has it anyway.
  const [command, ...args] = Deno.uid() === 0
    ? ["setpriv", "--bounding-set", "-net_raw", Deno.execPath(), ...ARGS]
    : [Deno.execPath(), ...ARGS];
  let output;
  try {
    output = await new Deno.Command(command!, { args, stdin: "null" }).output();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return void skipReason(REFUSED, "needs setpriv (util-linux)");
  }
  const text = new TextDecoder().decode(output.stdout);
  if (output.code === 0) return void skipReason(REFUSED, "this user may open packet sockets");
  strictEqual(output.code, 4, text + new TextDecoder().decode(output.stderr));
  match(text, /^cannot open a socket for raw Ethernet: CAP_NET_RAW is missing; .*\n$/);
  ok(text.indexOf("AmbientCapabilities=CAP_NET_RAW") < text.indexOf("setcap cap_net_raw+ep"));
});

Deno.test("packets: without --allow-ffi there is one line", async () => {
  const output = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--no-check", "--quiet", PROGRAM, `${ETHERTYPE}`],
    stdin: "null",
  }).output();
  strictEqual(output.code, 4);
  match(
    new TextDecoder().decode(output.stdout),
    /^cannot call libc\.so\.6 of this system: Deno runs without --allow-ffi; .*\n$/,
  );
});

const EXPECTED = {
  sent: [{ frames: 3 }, { frames: 0, error: "EMSGSIZE" }, { frames: 0, error: "ENXIO" }],
  numbers: [1, 2, 3],
  lengths: [64, 1_500, 65_536],
  from: [[LO, 0], [LO, 0], [LO, 0]],
  counters: {
    ...{ framesReceived: 3, framesSent: 3, dropped: 0 },
    ...{ truncated: 0, receiveErrors: 0, sendErrors: 2 },
  },
};

test("packets: a program of its own", async () => {
  const output = await new Deno.Command(Deno.execPath(), { args: ARGS, stdin: "null" }).output();
  deepStrictEqual(JSON.parse(new TextDecoder().decode(output.stdout)), EXPECTED);
});

const AARCH64 = "aarch64: packets through loopback";
test(AARCH64, async () => {
  const can = await arm64Available();
  if (!can.ok) return void skipReason(AARCH64, can.reason);
  const { stdout, stderr } = await runArm64(ARGS);
  ok(stdout, stderr);
  deepStrictEqual(JSON.parse(stdout), EXPECTED);
});
