/** What was asked for a moment ago. */
import { ok, strictEqual } from "node:assert/strict";
import { Asked } from "../../lib/dncp/asked.ts";

Deno.test("asked: pending until it is answered or its time is over, and for older numbers only", () => {
  const asked = new Asked();
  strictEqual(asked.pending(0, "a", 5), false);
  asked.note(0, "a", 5, 100);
  ok(asked.pending(99, "a", 5) && asked.pending(99, "a", 4));
  ok(!asked.pending(99, "a", 6), "what is newer than what was asked for is asked for again");
  ok(!asked.pending(100, "a", 5));
  ok(!asked.settle(100, "a"), "too late to have been the answer");
  asked.note(0, "a", 5, 100);
  ok(asked.settle(50, "a"));
  ok(!asked.settle(50, "a") && !asked.pending(50, "a", 5));
});

Deno.test("asked: a list of a hundred thousand nodes is noted in one go, and forgotten later", () => {
  const asked = new Asked();
  // With work that grows by the square this test takes minutes.
  for (let i = 0; i < 100_000; i++) asked.note(0, `n${i}`, 1, 1_000);
  ok(asked.pending(999, "n0", 1) && asked.pending(999, "n99999", 1));
  ok(!asked.pending(1_000, "n0", 1));
});
