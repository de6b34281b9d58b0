/**
 * `./denow task bench [--quick] [--write] [--json] [--bundle=FILE] [NAME…]`: what
 * `docs/performance.md` reports, measured here. Each bench takes its reference in the same run, in
 * turns. Exit code 0 where everything could be measured, whatever came out; 1 where not; 2 for a
 * wrong command line.
 *
 * With `--write` each result is kept in `docs/performance/` as soon as its bench has ended, and the
 * page, its drawings and the figures of the README are rendered from all that are kept. `--render`
 * does only that.
 *
 * Traffic stays on loopback; processes and temporary folders are gone at the end, also after Ctrl-C.
 *
 * @module
 */
import { readArgs } from "./harness/args.ts";
import { type Bench, Context, messageOf, ROOT } from "./harness/context.ts";
import { describe, load, type Machine, machine } from "./harness/machine.ts";
import { Report } from "./harness/report.ts";
import { commitOf, encodeResult } from "./harness/result.ts";
import { RESULTS, writePages } from "./pages.ts";

/** All benches, in the order of their sections in the page. */
export const BENCHES: Readonly<Record<string, () => Promise<{ bench: Bench }>>> = {
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
  scale: () => import("./scale.ts"),
  frames: () => import("./frames.ts"),
  ring: () => import("./ring.ts"),
  piot: () => import("./piot.ts"),
  nearby: () => import("./nearby.ts"),
  avahi: () => import("./avahi.ts"),
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
    console.log("bench [--quick] [--write | --render] [--json] [--bundle=FILE] [NAME…]");
    for (const name of names) console.log(`  ${name.padEnd(13)} ${(await benchOf(name)).title}`);
    return 0;
  }
  if (asked.render) {
    await writePages(await allBenches());
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
  const here = machine();
  report.begin("machine", `${describe(here)} · load ${load().toFixed(1)} at the start`);
  const failed: string[] = [];
  for (const name of names) {
    const bench = await benchOf(name);
    report.begin(name, bench.title);
    const began = { load: load(), at: performance.now() };
    try {
      await bench.run(context);
      if (asked.write) await keep(name, report, began, here, asked.quick);
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

/** Keeps what a bench has reported, and renders the pages with it. */
async function keep(
  name: string,
  report: Report,
  began: { load: number; at: number },
  here: Machine,
  quick: boolean,
): Promise<void> {
  const commit = await commitOf(ROOT);
  const text = encodeResult({
    bench: name,
    date: new Date().toISOString().slice(0, 10),
    machine: here,
    load: [began.load, load()],
    quick,
    seconds: (performance.now() - began.at) / 1e3,
    ...(commit !== undefined && { commit }),
    entries: report.entries,
  });
  await Deno.mkdir(RESULTS, { recursive: true });
  await Deno.writeTextFile(`${RESULTS}/${name}.json`, text);
  await writePages(await allBenches());
}

/** In their order. */
export function allBenches(): Promise<Bench[]> {
  return Promise.all(Object.keys(BENCHES).map(benchOf));
}

async function benchOf(name: string): Promise<Bench> {
  return (await BENCHES[name]!()).bench;
}

if (import.meta.main) Deno.exit(await main());
