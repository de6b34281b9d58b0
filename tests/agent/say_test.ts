/** What the agent says: log lines, problems, figures. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { Log, type LogLevel } from "../../lib/agent/log.ts";
import { metricsOf } from "../../lib/agent/metrics.ts";
import { Problems } from "../../lib/agent/problems.ts";
import { Place } from "./in_process.ts";

function logInto(lines: string[], level: LogLevel, journal = false): Log {
  return new Log({
    level,
    journal,
    wall: () => Date.UTC(2026, 10, 21, 9, 0, 1),
    sink: { write: (line) => lines.push(line) },
  });
}

Deno.test("log: a line an event, with the time of day or the journal's level", () => {
  const lines: string[] = [];
  const log = logInto(lines, "info");
  log.notice("it runs");
  log.debug("nobody wants to know");
  log.level = "debug";
  log.debug("now somebody does");
  const journal = logInto(lines, "error", true);
  journal.error("broken");
  journal.warning("not said");
  deepStrictEqual(lines, [
    "09:00:01 notice: it runs\n",
    "09:00:01 debug: now somebody does\n",
    "<3>broken\n",
  ]);
});

Deno.test("log: what came from the network stays on its line and steers no terminal", () => {
  const lines: string[] = [];
  logInto(lines, "info").info("peer \x1b[31mred\x1b[0m\r\n<0>forged\u0085line");
  deepStrictEqual(lines, ["09:00:01 info: peer  [31mred [0m <0>forged line\n"]);
});

Deno.test("problems: logged when they appear, then once in a while with their number", () => {
  let now = 0;
  const lines: string[] = [];
  const problems = new Problems(logInto(lines, "info", true), () => now);
  for (let i = 0; i < 1_000; i++) {
    problems.note("a", `a is wrong (${i})`);
    now += 1_000;
  }
  // 1 000 s: at the start, and once more after 600.
  deepStrictEqual(lines, ["<4>a is wrong (0)\n", "<4>a is wrong (600) (600 times more)\n"]);
  strictEqual(problems.total, 1_000);
  deepStrictEqual(problems.current(), ["a is wrong (999)"]);
  problems.note("b", "b too");
  deepStrictEqual(problems.current(), ["b too", "a is wrong (999)"], "the latest first");
  problems.clear("b");
  deepStrictEqual(problems.current(), ["a is wrong (999)"]);
  now += 301_000;
  deepStrictEqual(problems.current(), [], "over, because it was not seen again");
  problems.note("b", "b again");
  strictEqual(lines.at(-1), "<4>b again\n", "one that was solved is new when it comes back");
});

Deno.test("problems: whoever can cause them can fill neither the memory nor the log", () => {
  let now = 0;
  const lines: string[] = [];
  const problems = new Problems(logInto(lines, "info", true), () => now++);
  for (let i = 0; i < 10_000; i++) problems.note(`from ${i}`, `stranger ${i}`);
  const current = problems.current();
  strictEqual(current.length, 64);
  strictEqual(current[0], "stranger 9999");
  strictEqual(problems.total, 10_000);
  strictEqual(lines.length, 33);
  deepStrictEqual(lines.slice(-2), [
    "<4>stranger 31\n",
    "<4>further problems are not logged for some minutes; see: agent status\n",
  ]);
  now += 600_000;
  problems.note("later", "another one");
  strictEqual(lines.at(-1), "<4>another one\n");
});

Deno.test("metrics: names and types as Prometheus wants them, each once, labels that do not grow", async () => {
  await using place = new Place();
  const a = await place.start("a");
  const b = await place.start("b", { connect: [a.address] });
  const families = () =>
    metricsOf(a.agent.networks, { version: "1", uptimeSeconds: 2, problems: 3 });
  const before = families();
  for (const { name, help, type, samples } of before) {
    match(name, /^agent_[a-z][a-z0-9_]*[a-z0-9]$/);
    strictEqual(name.endsWith("_total"), type === "counter", name);
    ok(help.endsWith(".") && !help.includes("\n"), help);
    ok(samples.length >= 1, name);
    for (const { labels = {}, value } of samples) {
      ok(Number.isFinite(value), name);
      ok(Object.keys(labels).every((label) => ["network", "version"].includes(label)));
    }
  }
  const names = before.map(({ name }) => name);
  strictEqual(new Set(names).size, names.length);
  for (const group of ["dncp", "stream", "udp", "sealed"]) {
    ok(names.some((name) => name.startsWith(`agent_${group}_`)), group);
  }
  await place.stop(b);
  deepStrictEqual(families().map(({ name }) => name), names);
});
