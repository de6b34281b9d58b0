/** Simulated networks as the benches run them: whole, cut, and one node alone. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { ROOT } from "../../bench/harness/context.ts";
import { Report } from "../../bench/harness/report.ts";
import type { Result } from "../../bench/harness/result.ts";
import { bench } from "../../bench/scale.ts";
import type { NodeResult } from "../../bench/scale_node.ts";
import { runWorlds } from "../../bench/sim_world.ts";

const tree = { topology: "tree", seeds: [1], changes: 1, sharedContents: true } as const;

Deno.test("a world within its limits is measured whole", () => {
  const limits = { seconds: 600, rssMb: 100_000 };
  const { seeds: [seed], cut, leastMicroseconds } = runWorlds({ ...tree, nodes: 12, limits });
  strictEqual(cut, undefined);
  strictEqual(leastMicroseconds, undefined);
  ok(seed && seed.cold.virtualMs > 0 && seed.cold.messages > 12 * 11, JSON.stringify(seed));
  strictEqual(seed.changes.length, 1);
});

Deno.test("a world beyond a limit is cut, and says how far it came and why", () => {
  for (
    const [limits, why] of [
      [{ seconds: 0, rssMb: 100_000 }, /after 0 s of CPU/],
      [{ seconds: 600, rssMb: 1 }, /at \d+ MB of memory/],
    ] as const
  ) {
    const { seeds, cut } = runWorlds({ ...tree, nodes: 60, limits });
    deepStrictEqual(seeds, []);
    match(cut?.why ?? "", why);
    ok(cut && cut.known > 0.2 && cut.known < 1 && cut.virtualMs > 0, JSON.stringify(cut));
  }
});

Deno.test("one node alone learns all that it is told, and holds them", async () => {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "-A", "--no-check", "--config", `${ROOT}deno.json`],
      ...["--v8-flags=--expose-gc", `${ROOT}bench/scale_node.ts`, '{"nodes":200,"changes":5}'],
    ],
  }).output();
  const result = JSON.parse(new TextDecoder().decode(stdout)) as NodeResult;
  ok(result.heldBytes > result.mapBytes && result.mapBytes > 200 * 50, JSON.stringify(result));
});

Deno.test("the drawing has a point for what was measured, and none for what was cut", () => {
  const report = new Report(() => {}, false);
  report.begin("scale", "");
  report.figures("tree of cables, 10", { "cold start": { value: 250, unit: "ms" } });
  report.figures("tree of cables, 10000", { "cold start": { value: "cut after 120 s" } });
  const result = { bench: "scale", entries: report.entries } as unknown as Result;
  const [picture] = bench.pictures?.(result) ?? [];
  strictEqual(picture?.file, "scale.svg");
  // One in the key, one in the panel of virtual time.
  const key = /stroke="(#[0-9a-f]+)"[^\n]*\n<circle[^\n]*\n[^\n]*>tree of cables</.exec(
    picture.svg,
  );
  strictEqual(picture.svg.split(`<circle fill="${key?.[1]}"`).length - 1, 2);
});
