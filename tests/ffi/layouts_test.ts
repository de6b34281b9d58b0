/** Our tables of structures and constants against the C compiler's. */
import { deepStrictEqual, rejects } from "node:assert/strict";
import { Errno } from "../../ffi/errno.ts";
import { Layouts, Sys } from "../../ffi/layouts.ts";
import { arm64Available, arm64Command } from "../arm64.ts";
import { skipReason } from "../skip.ts";
import { askC, type Tables } from "./c_probe.ts";

const HEADERS = [
  ...["errno.h", "poll.h", "sys/eventfd.h", "sys/socket.h", "sys/uio.h"],
  "linux/if_packet.h",
];
const ours: Tables = { layouts: Layouts, constants: { ...Sys, ...Errno } };

const native = "structures and constants are those of the C compiler here";
Deno.test(native, async () => {
  const c = await askC(ours, HEADERS);
  if (c === undefined) return void skipReason(native, "needs gcc");
  deepStrictEqual(ours, c);
});

const aarch64 = "structures and constants are those of the C compiler for aarch64";
Deno.test(aarch64, async () => {
  const can = await arm64Available();
  if (!can.ok) return void skipReason(aarch64, can.reason);
  // A program without shared libraries needs no more than the emulator.
  const [command, args] = arm64Command("");
  const runner = Deno.build.arch === "aarch64" ? [] : [command, ...args.slice(0, -1)];
  const compiler = "aarch64-linux-gnu-gcc";
  const c = await askC(ours, HEADERS, { compiler, flags: ["-static"], runner });
  if (c === undefined) return void skipReason(aarch64, `needs ${compiler}`);
  deepStrictEqual(ours, c);
});

Deno.test("the probe notices what is wrong", async () => {
  const wrong = {
    layouts: { iovec: { size: 8, fields: { iov_len: [4, 4] as const } } },
    constants: { EPERM: 2 },
  };
  const c = await askC(wrong, HEADERS);
  if (c === undefined) return void skipReason("the probe notices what is wrong", "needs gcc");
  deepStrictEqual(c, {
    layouts: { iovec: { size: 16, fields: { iov_len: [8, 8] } } },
    constants: { EPERM: 1 },
  });
  await rejects(askC({ layouts: {}, constants: { ENOSUCHTHING: 1 } }, HEADERS), /ENOSUCHTHING/);
});
