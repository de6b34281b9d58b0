/** The log files of the ring: within their bytes, whole lines, reopened, repaired. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { LogFile, RingLogs } from "../../../lib/agent/ring/log.ts";

const encoder = new TextEncoder();
const lines = (...texts: string[]) => texts.map((text) => encoder.encode(text));

async function inFolder(work: (dir: string) => void | Promise<void>): Promise<void> {
  const dir = Deno.makeTempDirSync({ prefix: "agent-ring-log-" });
  try {
    await work(dir);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

function open(dir: string, limit: number, told: (string | undefined)[] = []) {
  const clock = { wall: new Date(2026, 10, 21, 9, 0, 0).getTime() };
  const file = new LogFile({
    path: `${dir}/logs/access.log`,
    limit,
    wall: () => clock.wall,
    trouble: (reason) => told.push(reason),
  });
  return {
    file,
    clock,
    told,
    read: (name = "access.log") => Deno.readTextFileSync(`${dir}/logs/${name}`),
  };
}

function total(dir: string): number {
  return [...Deno.readDirSync(dir)].reduce(
    (sum, { name }) => sum + Deno.statSync(`${dir}/${name}`).size,
    0,
  );
}

Deno.test("each line is in the file when the call returns, with its time, in 80 columns", () =>
  inFolder((dir) => {
    const { file, clock, read } = open(dir, 0);
    file.write(lines("one", "two"));
    strictEqual(read(), "2026-11-21 09:00:00 one\n2026-11-21 09:00:00 two\n");
    clock.wall += 1_000;
    file.write(lines("x".repeat(100)));
    file.write(lines("y".repeat(100)), false);
    const [, , folded, more, long] = read().split("\n");
    deepStrictEqual([folded?.length, more], [80, " ".repeat(20) + "x".repeat(40)]);
    strictEqual(long, `2026-11-21 09:00:01 ${"y".repeat(100)}`);
    file.close();
  }));

Deno.test("never more than the limit, whatever is written; the newest lines are there", () =>
  inFolder((dir) => {
    const limit = 10_000;
    const { file, read } = open(dir, limit);
    let most = 0;
    for (let i = 0; i < 2_000; i++) {
      const batch = Array.from(
        { length: 1 + i % 40 },
        (_, k) => `line ${i} ${k} ${"z".repeat(i % 37)}`,
      );
      file.write(lines(...batch));
      most = Math.max(most, total(`${dir}/logs`));
      strictEqual(file.lost, 0);
    }
    ok(most <= limit && most > limit / 2, String(most));
    const all = (read("access.log.1") + read()).split("\n").slice(0, -1);
    ok(all.every((line) => /^2026-11-21 09:00:00 line \d+ \d+ z*$/.test(line)));
    match(all.at(-1) ?? "", /line 1999 39 /);
    file.close();
  }));

Deno.test("a limit that became smaller: the end of the older lines stays", () =>
  inFolder((dir) => {
    const before = open(dir, 0);
    for (let i = 0; i < 1_000; i++) before.file.write(lines(`old ${i}`));
    before.file.close();
    const { file, read } = open(dir, 4_000);
    file.write(lines("new"));
    ok(total(`${dir}/logs`) <= 4_000);
    const older = read("access.log.1").split("\n").slice(0, -1);
    ok(older.length > 50 && older.every((line) => /^2026-11-21 09:00:00 old \d+$/.test(line)));
    match(older.at(-1) ?? "", /old 999$/);
    match(read(), /new\n$/);
    file.close();
  }));

Deno.test("half a line that a power cut left is ended before the next one", () =>
  inFolder((dir) => {
    Deno.mkdirSync(`${dir}/logs`);
    Deno.writeTextFileSync(`${dir}/logs/access.log`, "2026-11-21 08:00:00 whole\n2026-11-21 08:0");
    const { file, read } = open(dir, 0);
    file.write(lines("next"));
    deepStrictEqual(read().split("\n").slice(1), [
      "2026-11-21 08:0",
      "2026-11-21 09:00:00 next",
      "",
    ]);
    file.close();
  }));

Deno.test("reopened: logrotate's file gets no more lines", () =>
  inFolder((dir) => {
    const logs = new RingLogs({ dir, limit: 0, wall: () => 0, trouble: () => {} });
    logs.write("access", lines("before"));
    Deno.renameSync(`${dir}/access.log`, `${dir}/access.log.old`);
    logs.write("access", lines("between"));
    logs.reopen();
    logs.write("access", lines("after"));
    match(Deno.readTextFileSync(`${dir}/access.log.old`), /before\n.*between\n$/);
    match(Deno.readTextFileSync(`${dir}/access.log`), /^\S+ \S+ after\n$/);
    logs.close();
  }));

Deno.test("a folder that cannot be written is reported once, lines are counted, and it recovers", () =>
  inFolder((dir) => {
    Deno.writeTextFileSync(`${dir}/logs`, "a file where the folder should be");
    const { file, told, clock, read } = open(dir, 0);
    file.write(lines("one", "two"));
    file.write(lines("three"));
    strictEqual(file.lost, 3);
    strictEqual(told.length, 1);
    match(told[0] ?? "", /logs\/access\.log: .*; lines are lost$/);
    Deno.removeSync(`${dir}/logs`);
    file.write(lines("too soon"));
    clock.wall += 1_000;
    file.write(lines("again"));
    deepStrictEqual([file.lost, told.length, told[1]], [4, 2, undefined]);
    match(read(), /^\S+ \S+ again\n\S+ \S+ 4 lines before this were not written: /);
    ok(read().split("\n").every((line) => line.length <= 80), read());
    file.close();
  }));

Deno.test("a clock that is set back after a failure does not stop the lines until it is that late again", () =>
  inFolder((dir) => {
    Deno.writeTextFileSync(`${dir}/logs`, "a file where the folder should be");
    const { file, clock, read } = open(dir, 0);
    file.write(lines("lost"));
    Deno.removeSync(`${dir}/logs`);
    clock.wall -= 50 * 365 * 86_400_000;
    file.write(lines("again"));
    deepStrictEqual(file.lost, 1);
    match(read(), /^\S+ \S+ again\n/);
    file.close();
  }));
