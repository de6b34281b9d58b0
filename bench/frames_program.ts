/**
 * The agent's packet sockets with the command line and the answers of `frames.c`, as a process of its
 * own for `frames.ts`.
 */
import { KernelPackets, Poller } from "../ffi/mod.ts";
import { BROADCAST } from "../lib/wire/mac.ts";

const [mode, name, ethertype] = Deno.args as [string, string, string | undefined];
const index = Number(Deno.readTextFileSync(`/sys/class/net/${name}/ifindex`));
const fail = (error: unknown) => {
  console.error(error);
  Deno.exit(1);
};
const packets = new KernelPackets(new Poller(fail), fail);

if (mode === "receive") {
  let frames = 0;
  let sum = 0;
  packets.open(Number(ethertype), {
    frame({ interfaceIndex, source, packetType, payload }) {
      frames++;
      sum = (sum + interfaceIndex + packetType + source % 256 + payload[0]! + payload.length) | 0;
    },
    failed: fail,
  });
  Deno.addSignalListener("SIGUSR1", () => console.log(`${frames} ${sum}`));
  console.log("ready");
} else {
  console.log("ready");
  let rest = "";
  for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) console.log(send(line.split(" ").map(Number)));
  }
  Deno.exit(0);
}

/** µs a frame. It knows no rate: always as fast as it goes. */
function send(words: number[]): number {
  const [ethertype, size, batch, count] = words as [number, number, number, number, number];
  const port = packets.open(ethertype, { frame() {}, failed: fail });
  const payloads = Array.from({ length: batch }, () => new Uint8Array(size));
  const start = performance.now();
  for (let sent = 0; sent < count;) sent += port.send(index, BROADCAST, payloads).frames;
  const us = (performance.now() - start) * 1_000 / count;
  port.close();
  return us;
}
