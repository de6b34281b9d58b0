/** One poll for all descriptors. The sanitizers of the test runner see what it leaves behind. */
import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import { AgentError } from "../../lib/core/mod.ts";
import { Sys } from "../../ffi/layouts.ts";
import { libc } from "../../ffi/libc.ts";
import { Poller } from "../../ffi/poller.ts";
import { until } from "./until.ts";

/** An eventfd: readable after `ring`, until `hear`. */
class Bell implements Disposable {
  readonly fd = libc().eventfd(0, Sys.EFD_CLOEXEC | Sys.EFD_NONBLOCK);
  readonly #eight = new Uint8Array(new ArrayBuffer(8));

  ring(): void {
    this.#eight.fill(0);
    this.#eight[0] = 1;
    strictEqual(libc().write(this.fd, this.#eight, 8n), 8);
  }

  /** How often it was rung; 0 where it was not. */
  hear(): number {
    return libc().read(this.fd, this.#eight, 8n) === 8 ? this.#eight[0]! : 0;
  }

  [Symbol.dispose](): void {
    libc().close(this.fd);
  }
}

const noError = (error: unknown) => {
  throw error;
};

const linux = Deno.build.os === "linux";
const test = (name: string, fn: () => Promise<void>) => Deno.test({ name, ignore: !linux, fn });

test("poller: whoever is ready is called, with what poll says", async () => {
  using a = new Bell();
  using b = new Bell();
  const poller = new Poller(noError);
  const calls: string[] = [];
  poller.add(a.fd, (events) => calls.push(`a ${events} ${a.hear()}`) > 0);
  poller.add(b.fd, (events) => calls.push(`b ${events} ${b.hear()}`) > 0);
  b.ring();
  await until("b", () => calls.length === 1);
  a.ring();
  a.ring();
  await until("a", () => calls.length === 2);
  deepStrictEqual(calls, [`b ${Sys.POLLIN} 1`, `a ${Sys.POLLIN} 2`]);
  await poller.close();
});

test("poller: descriptors come and go while it waits", async () => {
  using a = new Bell();
  using b = new Bell();
  const poller = new Poller(noError);
  let heardA = 0;
  let heardB = 0;
  const watchA = poller.add(a.fd, () => (heardA += a.hear()) > 0);
  a.ring();
  await until("a is watched", () => heardA === 1);
  const watchB = poller.add(b.fd, () => (heardB += b.hear()) > 0);
  b.ring();
  await until("b too", () => heardB === 1);
  watchA.remove();
  watchA.remove();
  a.ring();
  b.ring();
  await until("b still", () => heardB === 2);
  strictEqual(heardA, 1);
  strictEqual(a.hear(), 1);
  watchB.remove();
  // It has ended by itself, and begins again.
  const again = poller.add(a.fd, () => (heardA += a.hear()) > 0);
  a.ring();
  await until("a again", () => heardA === 2);
  again.remove();
  await poller.close();
});

test("poller: many come and go", async () => {
  using bell = new Bell();
  const poller = new Poller(noError);
  for (let i = 0; i < 200; i++) {
    let heard = 0;
    const bells = Array.from({ length: i % 20 + 1 }, () => new Bell());
    const watches = bells.map((each) => poller.add(each.fd, () => (heard += each.hear()) > 0));
    for (const each of bells) each.ring();
    await until("all are heard", () => heard === bells.length);
    for (const watch of watches) watch.remove();
    for (const each of bells) each[Symbol.dispose]();
  }
  await poller.close();
  throws(() => poller.add(bell.fd, () => true), AgentError);
});

test("poller: who throws is told of, and the others are called", async () => {
  using a = new Bell();
  using b = new Bell();
  const errors: unknown[] = [];
  const poller = new Poller((error) => errors.push(error));
  let heard = 0;
  poller.add(a.fd, () => {
    a.hear();
    throw new Error("a is wrong");
  });
  poller.add(b.fd, () => (heard += b.hear()) > 0);
  for (let i = 1; i <= 3; i++) {
    a.ring();
    b.ring();
    await until("b", () => heard === i);
    await until("a", () => errors.length === i);
  }
  match(String(errors[2]), /a is wrong/);
  await poller.close();
});

test("poller: a callback may remove others and itself", async () => {
  using a = new Bell();
  using b = new Bell();
  const poller = new Poller(noError);
  let calls = 0;
  const watches = [a, b].map((bell) =>
    poller.add(bell.fd, () => {
      calls++;
      for (const watch of watches) watch.remove();
      return true;
    })
  );
  a.ring();
  b.ring();
  await until("one of them", () => calls > 0);
  await poller.close();
  strictEqual(calls, 1);
});

test("poller: who never reads is asked ever more rarely, others are not", async () => {
  using deaf = new Bell();
  using other = new Bell();
  const poller = new Poller(noError);
  let calls = 0;
  let heard = 0;
  let late = 0;
  let deafens = true;
  poller.add(deaf.fd, () => {
    calls++;
    return !deafens && (late += deaf.hear()) > 0;
  });
  poller.add(other.fd, () => (heard += other.hear()) > 0);
  const start = performance.now();
  deaf.ring();
  await until("six calls", () => calls >= 6);
  for (let i = 1; i <= 20; i++) {
    other.ring();
    await until("the other", () => heard === i);
  }
  // The rests are 1, 2, 4, … ms: however slow this computer is, no more calls fit in.
  ok(calls <= Math.log2(performance.now() - start + 1) + 2, `${calls} calls`);
  deafens = false;
  await until("it reads at last", () => late === 1);
  await poller.close();
});

test("poller: hang-up and a closed descriptor keep no core busy", async () => {
  const errors: unknown[] = [];
  const poller = new Poller((error) => errors.push(error));
  // A stream socket that was never connected is hung up from the start.
  const socket = libc().socket(1, 1, 0);
  const events: number[] = [];
  const start = performance.now();
  const watch = poller.add(socket, (each) => {
    events.push(each);
    return false;
  });
  await until("hang-ups", () => events.length >= 5);
  ok(events.length <= Math.log2(performance.now() - start + 1) + 2);
  ok(events.every((each) => (each & Sys.POLLHUP) !== 0));
  watch.remove();
  libc().close(socket);

  // No process has so many open; the number of one that we closed could be taken by another thread.
  const closed = 0x7fff_fff0;
  using bell = new Bell();
  let heard = 0;
  const told: number[] = [];
  poller.add(closed, (each) => told.push(each) > 0);
  poller.add(bell.fd, () => (heard += bell.hear()) > 0);
  await until("it is noticed", () => errors.length === 1);
  bell.ring();
  await until("the other goes on", () => heard === 1);
  deepStrictEqual(told, [Sys.POLLNVAL]);
  match(String(errors[0]), /descriptor \d+ was closed while it was polled/);
  await poller.close();
});

test("poller: everything together waits on one thread, and ends with the process", async () => {
  const modules = ["libc", "poller", "layouts"].map((name) =>
    `import * as ${name} from ${JSON.stringify(import.meta.resolve(`../../ffi/${name}.ts`))};`
  );
  const code = `${modules.join("\n")}
    // Files are read on the same pool of threads: 32 waiting calls would leave none for them.
    const descriptors = () => [...Deno.readDirSync("/proc/self/fd")].length;
    const poller_ = new poller.Poller(() => {});
    const watches = [];
    const before = descriptors();
    for (let i = 0; i < 100; i++) {
      const fd = libc.libc().eventfd(0, layouts.Sys.EFD_NONBLOCK);
      watches.push(poller_.add(fd, () => true));
      if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await Deno.readTextFile("/proc/self/stat");
    if (Deno.args[0] === "close") {
      await poller_.close();
      const left = descriptors() - before;
      if (left !== 100) console.log("left open:", left);
    }
    if (Deno.args[0] === "remove") for (const watch of watches) watch.remove();
    console.log("end");
    if (Deno.args[0] === "exit") Deno.exit(3);
  `;
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(file, code);
    for (const [how, expected] of [["close", 0], ["remove", 0], ["exit", 3]] as const) {
      const output = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--no-check", "--quiet", file, how],
        signal: AbortSignal.timeout(20_000),
      }).output();
      strictEqual(new TextDecoder().decode(output.stdout), "end\n", how);
      strictEqual(output.code, expected, how);
    }
  } finally {
    await Deno.remove(file);
  }
});
