import assert from "node:assert/strict";
import { monkey } from "./monkey.ts";

/** In CI; `AGENT_SEEDS=5000` for a long night. */
const SEEDS = Number(Deno.env.get("AGENT_SEEDS") ?? 500);

Deno.test(`${SEEDS} monkeys: nothing is lost, comes twice, or comes out of order`, () => {
  const sum = { sent: 0, delivered: 0, told: 0, lostWithDisk: 0, again: 0 };
  for (let seed = 1; seed <= SEEDS; seed++) {
    const result = monkey(seed, 200);
    for (const key of Object.keys(sum) as (keyof typeof sum)[]) sum[key] += result[key];
  }
  console.log(JSON.stringify(sum));
  // A monkey that never gets a message through, or never loses a disk, proves nothing.
  assert.ok(sum.delivered > sum.sent / 2);
  assert.ok(sum.told > 0 && sum.lostWithDisk > 0 && sum.again > 0);
});
