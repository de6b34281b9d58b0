/** errno as a cold process sees it. */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { Errno, errnoName } from "../../ffi/errno.ts";
import { arm64Available, runArm64 } from "../arm64.ts";
import { skipReason } from "../skip.ts";

const PROGRAM = new URL("errno_program.ts", import.meta.url).pathname;
const ARGS = ["run", "-A", "--no-check", "--quiet", PROGRAM];
/** What each call of the program must answer. Its stdin is `/dev/null`. */
const EXPECTED = {
  socket: -Errno.EAFNOSUPPORT,
  close: -Errno.EBADF,
  bind: -Errno.ENOTSOCK,
  setsockopt: -Errno.EBADF,
  getsockname: -Errno.EBADF,
  eventfd: -Errno.EINVAL,
  read: -Errno.EBADF,
  recvmmsg: -Errno.EBADF,
  sendmmsg: -Errno.EBADF,
  recvfrom: -Errno.EBADF,
};

type Run = (call: string) => Promise<string>;

/** Each call in as many processes, two at a time. */
async function ask(run: Run, times: number): Promise<void> {
  const calls = Object.keys(EXPECTED);
  for (let i = 0; i < times; i++) {
    const got: Record<string, number> = {};
    for (let j = 0; j < calls.length; j += 2) {
      await Promise.all(
        calls.slice(j, j + 2).map(async (call) => got[call] = Number(await run(call))),
      );
    }
    deepStrictEqual(got, EXPECTED);
  }
}

Deno.test("errno is right in 60 processes that have never called libc", async () => {
  await ask(async (call) => {
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: [...ARGS, call],
      stdin: "null",
      env: { NO_COLOR: "1" },
    }).output();
    return new TextDecoder().decode(stdout);
  }, 6);
});

const aarch64 = "aarch64: errno is right in ten processes that have never called libc";
Deno.test(aarch64, async () => {
  const can = await arm64Available();
  if (!can.ok) return void skipReason(aarch64, can.reason);
  await ask(async (call) => {
    const { stdout, stderr } = await runArm64([...ARGS, call]);
    return stdout || stderr;
  }, 1);
});

Deno.test("errno by name", () => {
  deepStrictEqual([1, 100, 105, 9_999].map(errnoName), [
    ...["EPERM", "ENETDOWN", "ENOBUFS", "errno 9999"],
  ]);
  strictEqual(new Set(Object.values(Errno)).size, Object.keys(Errno).length);
});
