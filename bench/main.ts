/**
 * `./denow task bench [--quick] [--json] [--bundle=FILE] [NAME…]`: what `docs/bench.md` reports, measured here. Each
 * bench takes its reference in the same run, in turns. Exit code 0 where everything could be
 * measured, whatever came out; 1 where not; 2 for a wrong command line.
 *
 * Traffic stays on loopback; processes and temporary folders are gone at the end, also after Ctrl-C.
 *
 * @module
 */
import { readArgs } from "./harness/args.ts";
import { type Bench, Context, messageOf } from "./harness/context.ts";
import { describeMachine } from "./harness/machine.ts";
import { Report } from "./harness/report.ts";

const BENCHES: Readonly<Record<string, () => Promise<{ bench: Bench }>>> = {
  wire: () => import("./wire.ts"),
  lsoe: () => import("./lsoe.ts"),
  lsoe_checksum: () => import("./lsoe_checksum.ts"),
  leafy: () => import("./leafy.ts"),
  oneshot: () => import("./oneshot.ts"),
  hop: () => import("./hop.ts"),
  start: () => import("./start.ts"),
  pack: () => import("./pack.ts"),
  idle: () => import("./idle.ts"),
  bridge: () => import("./bridge.ts"),
  sim: () => import("./sim.ts"),
  hncp: () => import("./hncp.ts"),
  frames: () => import("./frames.ts"),
  ring: () => import("./ring.ts"),
  piot: () => import("./piot.ts"),
  nearby: () => import("./nearby.ts"),
};

async function main(): Promise<number> {
  let asked;
  try {
    asked = readArgs(Deno.args, Object.keys(BENCHES));
  } catch (error) {
    console.error(messageOf(error));
    return 2;
  }
  const names = asked.names.length > 0 ? asked.names : Object.keys(BENCHES);
  if (asked.help) {
    console.log("bench [--quick] [--json] [--bundle=FILE] [NAME…]");
    for (const name of names) console.log(`  ${name.padEnd(7)} ${(await load(name)).title}`);
    return 0;
  }
  const report = new Report(console.log, asked.json);
  const context = new Context({ quick: asked.quick, report, bundle: asked.bundle });
  let stopped = false;
  const stop = async (code: number) => {
    if (stopped) return;
    stopped = true;
    console.error("bench: stopped");
    await context.endRun();
    Deno.exit(code);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(signal, () => void stop(130));
  }
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    // What was under way when the processes were ended fails, and is not worth a word.
    if (!stopped) console.error("bench:", event.reason);
    void stop(1);
  });
  report.begin("machine", describeMachine());
  const failed: string[] = [];
  for (const name of names) {
    const bench = await load(name);
    report.begin(name, bench.title);
    try {
      await bench.run(context);
    } catch (error) {
      // Processes that a signal has ended make their bench fail; that is not worth a word.
      if (stopped) await new Promise(() => {});
      failed.push(name);
      report.note(`cannot be measured: ${messageOf(error)}`);
      console.error(`bench: ${name}:`, error);
    } finally {
      if (!stopped) await context.endBench();
    }
  }
  await context.endRun();
  report.begin(
    "summary",
    failed.length === 0 ? "all was measured" : `failed: ${failed.join(", ")}`,
  );
  for (const what of report.missed) report.note(`missed its target: ${what}`);
  return failed.length === 0 ? 0 : 1;
}

async function load(name: string): Promise<Bench> {
  return (await BENCHES[name]!()).bench;
}

if (import.meta.main) Deno.exit(await main());
