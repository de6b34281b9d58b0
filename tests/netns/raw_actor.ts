/**
 * Whole Ethernet frames, as somebody on the cable may send them: with any source, and anything in
 * them. A process of its own, for another network namespace; `Raw` in `raw_client.ts` is the other
 * side. One JSON value a line.
 *
 * - `raw_actor.ts speak INTERFACE ETHERTYPE`: sends the frames (arrays of hexadecimal texts) that come
 *   in on stdin, answers each array with the number that the kernel took, and tells what it hears.
 * - `raw_actor.ts relay A B LOSS SEED`: carries every frame between two interfaces, but loses each
 *   with the probability LOSS. It tells how many it carried and lost when stdin ends.
 *
 * - `raw_actor.ts watch INTERFACE ETHERTYPE`: tells what goes over the interface either way, and when.
 *
 * @module
 */
import { libc } from "../../ffi/libc.ts";
import { Layouts, Sys } from "../../ffi/layouts.ts";
import { Poller } from "../../ffi/poller.ts";
import { Random } from "../../lib/core/mod.ts";

const ETH_P_ALL = 3;
const PACKET_MR_PROMISC = 1;
const PACKET_IGNORE_OUTGOING = 23;
/** Ours, frames of 9000 octets and their header included. */
const ROOM = 16_384;
/** Frames of one turn. */
const MOST = 256;

const { fields: SLL, size: SLL_SIZE } = Layouts.sockaddr_ll;
const encoder = new TextEncoder();
const c = libc();
const poller = new Poller((error) => {
  throw error;
});

function say(value: unknown): void {
  Deno.stdout.writeSync(encoder.encode(`${JSON.stringify(value)}\n`));
}

/** A socket for whole frames of this EtherType on this interface. */
function open(name: string, ethertype: number, ignoreOutgoing = 1): number {
  const index = Number(Deno.readTextFileSync(`/sys/class/net/${name}/ifindex`));
  const fd = c.socket(Sys.AF_PACKET, Sys.SOCK_RAW | Sys.SOCK_NONBLOCK | Sys.SOCK_CLOEXEC, 0);
  if (fd < 0) throw new Error(`socket: ${fd}`);
  const on = Int32Array.of(4 * 1_024 * 1_024);
  c.setsockopt(fd, Sys.SOL_SOCKET, Sys.SO_RCVBUFFORCE, on);
  c.setsockopt(fd, Sys.SOL_PACKET, PACKET_IGNORE_OUTGOING, Int32Array.of(ignoreOutgoing));
  const all = new DataView(new ArrayBuffer(Layouts.packet_mreq.size));
  all.setInt32(0, index, true);
  all.setUint16(4, PACKET_MR_PROMISC, true);
  c.setsockopt(fd, Sys.SOL_PACKET, Sys.PACKET_ADD_MEMBERSHIP, new Uint8Array(all.buffer));
  const address = new DataView(new ArrayBuffer(SLL_SIZE));
  address.setUint16(SLL.sll_family[0], Sys.AF_PACKET, true);
  address.setUint16(SLL.sll_protocol[0], ethertype);
  address.setInt32(SLL.sll_ifindex[0], index, true);
  const bound = c.bind(fd, new Uint8Array(address.buffer));
  if (bound < 0) throw new Error(`bind: ${bound}`);
  return fd;
}

/** Hands over each frame; the buffer is used again. */
function listen(fd: number, take: (frame: Uint8Array<ArrayBuffer>) => void): void {
  const buffer = new Uint8Array(new ArrayBuffer(ROOM));
  poller.add(fd, () => {
    for (let i = 0; i < MOST; i++) {
      const length = c.recv(fd, buffer, BigInt(ROOM), Sys.MSG_DONTWAIT);
      if (length < 0) return i > 0;
      take(buffer.subarray(0, length));
    }
    return "more";
  });
}

function send(fd: number, frame: Uint8Array<ArrayBuffer>): boolean {
  return c.send(fd, frame, BigInt(frame.length), Sys.MSG_DONTWAIT) >= 0;
}

/** Lines of stdin, until it ends. */
async function* lines(): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + chunk).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
}

async function speak(name: string, ethertype: number): Promise<void> {
  const fd = open(name, ethertype);
  listen(fd, (frame) => say({ heard: frame.toHex() }));
  say({ ready: true });
  for await (const line of lines()) {
    let taken = 0;
    for (const hex of JSON.parse(line) as string[]) {
      const frame = Uint8Array.fromHex(hex);
      // A full queue is waited for: what is to be tried is what the other side does with all of it.
      for (let attempt = 0; !send(fd, frame) && attempt < 100; attempt++) {
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      taken++;
    }
    say({ taken });
  }
}

async function relay(a: string, b: string, loss: number, seed: number): Promise<void> {
  const random = new Random(seed);
  const [left, right] = [open(a, ETH_P_ALL), open(b, ETH_P_ALL)];
  let carried = 0;
  let lost = 0;
  const carry = (from: number, to: number) =>
    listen(from, (frame) => {
      if (random.chance(loss)) lost++;
      else if (send(to, frame)) carried++;
    });
  carry(left, right);
  carry(right, left);
  say({ ready: true });
  for await (const _ of lines()) say({ carried, lost });
}

async function watch(name: string, ethertype: number): Promise<void> {
  // Only a socket for all EtherTypes is told what goes out.
  listen(open(name, ETH_P_ALL, 0), (frame) => {
    if (frame[12] !== ethertype >> 8 || frame[13] !== (ethertype & 255)) return;
    say({ heard: frame.toHex(), at: performance.timeOrigin + performance.now() });
  });
  say({ ready: true });
  for await (const _ of lines());
}

const [what, ...words] = Deno.args;
if (what === "speak") await speak(words[0]!, Number(words[1]));
else if (what === "watch") await watch(words[0]!, Number(words[1]));
else await relay(words[0]!, words[1]!, Number(words[2]), Number(words[3]));
// The test has gone.
Deno.exit(0);
