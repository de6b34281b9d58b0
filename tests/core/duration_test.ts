import { ok, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { AgentError, ExitCode, formatDuration, parseDuration } from "../../lib/core/mod.ts";

Deno.test("duration: every unit, fractions, bare seconds, space around", () => {
  const cases: [string, number][] = [
    ["250ms", 250],
    ["5s", 5_000],
    ["10m", 600_000],
    ["2h", 7_200_000],
    ["1d", 86_400_000],
    ["90", 90_000],
    ["0", 0],
    ["0ms", 0],
    ["1.5h", 5_400_000],
    ["0.0004s", 0],
    [" 3 s ", 3_000],
  ];
  for (const [text, ms] of cases) strictEqual(parseDuration(text), ms, text);
});

Deno.test("duration: anything else is wrong usage, and the message shows how to write it", () => {
  for (
    const text of [
      "",
      "s",
      "5 weeks",
      "-1s",
      "+1s",
      "1e3",
      ".5s",
      "1.s",
      "5s5",
      "1h30m",
      "∞",
      "toString",
    ]
  ) {
    throws(
      () => parseDuration(text),
      (error) => {
        ok(error instanceof AgentError);
        strictEqual(error.exitCode, ExitCode.Usage);
        ok(error.message.includes(`"${text}"`) && error.message.includes("250ms"));
        ok(!error.message.includes("\n"));
        return true;
      },
      text,
    );
  }
});

Deno.test("duration: the shortest common writing", () => {
  const cases: [number, string][] = [
    [0, "0ms"],
    [250, "250ms"],
    [1_000, "1s"],
    [1_500, "1500ms"],
    [90_000, "90s"],
    [7_200_000, "2h"],
    [86_400_000, "1d"],
    [129_600_000, "36h"],
  ];
  for (const [ms, text] of cases) strictEqual(formatDuration(ms), text);
});

Deno.test("duration: what is formatted parses to the same", () => {
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 48 }), (ms) => parseDuration(formatDuration(ms)) === ms),
  );
});
