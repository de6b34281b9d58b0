/** Calls that fail, each in a process that has never called anything: which errno does it see first? */
import { Sys } from "../../ffi/layouts.ts";
import { libc } from "../../ffi/libc.ts";
import { MessageBatch } from "../../ffi/message_batch.ts";

const c = libc();
const bytes = new Uint8Array(new ArrayBuffer(32));
const calls: Record<string, () => number> = {
  socket: () => c.socket(9_999, Sys.SOCK_DGRAM, 0),
  close: () => c.close(-1),
  bind: () => c.bind(0, bytes),
  setsockopt: () => c.setsockopt(-1, Sys.SOL_SOCKET, Sys.SO_RCVBUF, bytes),
  getsockname: () => c.getsockname(-1, bytes, Int32Array.of(32)),
  eventfd: () => c.eventfd(0, -1),
  read: () => c.read(-1, bytes, 8n),
  recvmmsg: () => c.recvmmsg(-1, new MessageBatch(false).headers, 1, 0),
  sendmmsg: () => c.sendmmsg(-1, new MessageBatch(true).headers, 1, 0),
  recvfrom: () => c.recvfrom(-1, bytes, 32n, 0, bytes, Int32Array.of(32)),
};
console.log(calls[Deno.args[0]!]!());
