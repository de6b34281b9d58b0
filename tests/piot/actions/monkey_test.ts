import assert from "node:assert/strict";
import { monkey } from "./monkey.ts";

/** In CI; `AGENT_SEEDS=5000` for a long night. */
const SEEDS = Number(Deno.env.get("AGENT_SEEDS") ?? 200);

Deno.test(`${SEEDS} monkeys: every request ends once, and no handler is started twice`, () => {
  const sum = { asked: 0, answered: 0, again: 0 };
  const statuses: Record<string, number> = {};
  for (let seed = 1; seed <= SEEDS; seed++) {
    const result = monkey(seed, 200);
    for (const key of Object.keys(sum) as (keyof typeof sum)[]) sum[key] += result[key];
    for (const [status, count] of Object.entries(result.statuses)) {
      statuses[status] = (statuses[status] ?? 0) + count;
    }
  }
  console.log(JSON.stringify({ ...sum, statuses }));
  // A monkey that never gets an answer, or only one kind of them, proves nothing.
  assert.ok(sum.answered > sum.asked / 3 && (statuses[0] ?? 0) > sum.answered / 5);
  for (const status of [0, 1, 4, 5, 6, 7, 8]) {
    assert.ok((statuses[status] ?? 0) > 0, `no ${status}`);
  }
});
