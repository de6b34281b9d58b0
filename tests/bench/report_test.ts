/** What a bench says, for people and for programs. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { Report } from "../../bench/harness/report.ts";

function lines(json: boolean, work: (report: Report) => void): string[] {
  const written: string[] = [];
  const report = new Report((line) => written.push(line), json);
  report.begin("hop", "a title");
  work(report);
  return written.slice(1);
}

Deno.test("a measurement stands beside its reference, with the ratio of each round", () => {
  const measured = (report: Report) =>
    report.measured({
      what: "one hop",
      unit: "ms",
      samples: [20, 2, 4],
      // In the first round both were disturbed: that ratio is as good as the others.
      reference: { what: "round trip", samples: [10, 1, 2] },
      target: { limit: 5 },
    });
  const [text = ""] = lines(false, measured);
  match(text, /one hop .*4 ms .*n 3/);
  match(text, /round trip .*2 ms/);
  match(text, /ratio 2\n/);
  match(text, /at most 5 ms: reached/);

  const [json = ""] = lines(true, measured);
  const { bench, median, ratio, reference, target } = JSON.parse(json);
  deepStrictEqual([bench, median, ratio, reference.median], ["hop", 4, 2, 2]);
  deepStrictEqual(target, { limit: 5, of: "median", met: true });
});

Deno.test("a target can be held against the ratio, and what was missed is remembered", () => {
  const missed: string[] = [];
  const [text = ""] = lines(false, (report) => {
    report.measured({
      what: "read",
      unit: "ms",
      samples: [30],
      reference: { what: "bare", samples: [10] },
      target: { limit: 2, of: "ratio" },
    });
    missed.push(...report.missed);
  });
  match(text, /at most a ratio of 2: MISSED/);
  deepStrictEqual(missed, ["hop: read"]);
});

Deno.test("figures that belong together are one JSON value, and lines that fit a terminal", () => {
  const many = Object.fromEntries(
    Array.from({ length: 20 }, (_, i) => [`figure ${i}`, { value: i, unit: "ms" }]),
  );
  const figures = (report: Report) =>
    report.figures("idle", {
      ...many,
      CPU: { value: 0.3, unit: "%", limit: 0.2 },
      disk: { value: 0, unit: "bytes", limit: 0 },
      folder: { value: "untouched" },
      unknown: { value: null },
    });
  const [text = ""] = lines(false, figures);
  ok(text.split("\n").every((line) => line.length <= 110), text);
  match(text, /CPU 0\.30 % \(target at most 0\.2: MISSED\)/);
  match(text, /disk 0 bytes \(target at most 0: reached\)/);
  match(text, /folder untouched · unknown –/);

  const [json = ""] = lines(true, figures);
  strictEqual(json.split("\n").length, 1);
  deepStrictEqual(JSON.parse(json).figures.CPU, { value: 0.3, unit: "%", limit: 0.2, met: false });
});
