/**
 * A node of profile `hncp` that tells, a line each, what it hears: a DNCP machine on two sockets of one
 * interface, without anything of `lib/agent`. Arguments: interface, then datagrams to send as `HOST HEX`
 * on stdin lines (`*` for the group).
 */
import { monotonicClock, Random, Scheduler } from "../../lib/core/mod.ts";
import { Dncp, hncpProfile } from "../../lib/dncp/mod.ts";
import { openMulticastLink, parseHostPort, readInterfaces } from "../../lib/net/mod.ts";
import { ShspStateCodec } from "../../lib/state/mod.ts";

const [name = "", mute] = Deno.args;
const info = readInterfaces().find((each) => each.name === name);
if (!info) throw new Error(`no interface ${name}`);
const encoder = new TextEncoder();
const say = (line: unknown) => Deno.stdout.writeSync(encoder.encode(`${JSON.stringify(line)}\n`));

const scheduler = new Scheduler(monotonicClock, (error) => {
  throw error;
});
const link = openMulticastLink({
  info,
  group6: "ff02::11",
  group4: null,
  port: 8231,
  maxDatagram: 65_527,
  onDatagram: (bytes, from, { port, multicast }) => {
    const ours = info.addresses.some((cidr) => `${cidr.split("/")[0]}%${name}` === from);
    if (ours) return;
    say({ from, port, multicast, hex: bytes.toHex() });
    if (mute) return;
    const address = `[${from}]:${port}`;
    const now = scheduler.now();
    if (multicast) machine.receiveMulticast(now, 1, address, bytes);
    else machine.receiveDatagram(now, 1, address, bytes);
    scheduler.touch();
  },
  onProblem: (problem) => say({ problem }),
});
const random = new Random(crypto.getRandomValues(new Uint32Array(1))[0] ?? 1);
const machine = new Dncp({
  profile: hncpProfile,
  nodeId: random.bytes(4).toHex(),
  random,
  now: scheduler.now(),
  transport: {
    multicast: (_endpoint, payload) => link.send(payload),
    datagram: (_endpoint, to, payload) => {
      const { host, port } = parseHostPort(to, 8231);
      link.sendTo(host, payload, port);
    },
    dial() {},
    write: () => false,
    close() {},
  },
  events: {
    nodeChanged: ({ after, before }) => say({ node: (after ?? before)?.id, there: !!after }),
  },
});
if (!mute) {
  const codec = new ShspStateCodec();
  machine.publish(
    scheduler.now(),
    [
      ...codec.encode([{ key: "spy", value: true, at: 1_790_000_000_000 }]),
      new Uint8Array([0, 35, 0, 0]),
    ]
      .reverse(),
  );
  machine.addEndpoint(scheduler.now(), { id: 1, name, mode: "multicast+datagram" });
  scheduler.add(machine);
}
say({ ready: machine.nodeId });

let rest = "";
for await (const chunk of Deno.stdin.readable) {
  const lines = (rest + new TextDecoder().decode(chunk)).split("\n");
  rest = lines.pop() ?? "";
  for (const line of lines) {
    const [host = "", hex = ""] = line.split(" ");
    const bytes = Uint8Array.fromHex(hex);
    if (host === "*") link.send(bytes);
    else link.sendTo(host, bytes);
  }
}
Deno.exit(0);
