/** The parts of the benches that read: command line, `/proc`, metrics; and taking turns. */
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { parseMetrics } from "../../bench/harness/agents.ts";
import { readArgs } from "../../bench/harness/args.ts";
import { Context } from "../../bench/harness/context.ts";
import { filesOf, parseFields, parseSchedstat, parseStat } from "../../bench/harness/proc.ts";
import { Report } from "../../bench/harness/report.ts";
import { interleave } from "../../bench/harness/rounds.ts";

Deno.test("the command line of the benches", () => {
  const known = ["sim", "hop"];
  deepStrictEqual(readArgs(["hop", "--quick"], known), {
    quick: true,
    json: false,
    write: false,
    render: false,
    help: false,
    bundle: undefined,
    names: ["hop"],
  });
  strictEqual(readArgs(["--bundle=/tmp/agent"], known).bundle, "/tmp/agent");
  throws(() => readArgs(["hob"], known), /no bench "hob"; there are sim, hop/);
  throws(() => readArgs(["--fast"], known), /unknown option --fast/);
});

Deno.test("processor time is found behind any process name", () => {
  const fields = "S 1 2 3 4 5 6 7 8 9 10 70 8 0 0 20 0";
  strictEqual(parseStat(`123 (deno) ${fields}`), 78);
  strictEqual(parseStat(`123 (a) b (c) ${fields}`), 78);
  strictEqual(parseSchedstat("1500000 20 3\n"), 1.5);
});

Deno.test("fields of /proc files, with and without a unit", () => {
  const fields = parseFields("Name:\tdeno\nVmRSS:\t   58000 kB\nwrite_bytes: 4096\n");
  deepStrictEqual([...fields], [["VmRSS", 58_000], ["write_bytes", 4_096]]);
});

Deno.test("metrics are summed over their labels", () => {
  const text =
    '# HELP a x\n# TYPE a counter\na_total{network="x"} 2\na_total{network="y"} 3\nb 1.5\n';
  deepStrictEqual([...parseMetrics(text)], [["a_total", 5], ["b", 1.5]]);
});

Deno.test("cases take turns, begin in turns, and the first round does not count", async () => {
  const turns: string[] = [];
  let next = 0;
  const sample = (name: string) => () => {
    turns.push(name);
    return next++;
  };
  const samples = await interleave(2, { a: sample("a"), b: sample("b"), c: sample("c") });
  strictEqual(turns.join(""), "abcbcacab");
  deepStrictEqual(samples, { a: [5, 7], b: [3, 8], c: [4, 6] });
});

Deno.test("a change in a folder is seen, whichever file it is", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/agent.db`, "one");
    const before = filesOf(folder);
    strictEqual(filesOf(folder), before);
    await Deno.writeTextFile(`${folder}/agent.db-wal`, "");
    ok(filesOf(folder) !== before);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("processes and folders of a bench are gone when it ends, the last first", async () => {
  const context = new Context({ quick: true, report: new Report(() => {}, false) });
  const order: number[] = [];
  const folder = context.tempDir();
  context.defer(() => void order.push(1));
  const child = context.spawn("sleep", { args: ["60"] });
  context.defer(() => void order.push(2));
  await context.endBench();
  deepStrictEqual(order, [2, 1]);
  strictEqual((await child.status).signal, "SIGKILL");
  throws(() => Deno.statSync(folder), Deno.errors.NotFound);
  await context.endRun();
  throws(() => context.spawn("true", {}), /the run is over/);
  throws(() => context.tempDir(), /the run is over/);
});
