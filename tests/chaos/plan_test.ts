/** The schedule comes from the seed alone, holds every kind of fault, and ends all of them. */
import { deepStrictEqual, notDeepStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  describe,
  type Fault,
  KEEP_ALIVE_LIMIT,
  legsOn,
  NODES,
  plan,
  ROUTERS,
  victims,
} from "./plan.ts";

const SEEDS = Array.from({ length: 200 }, (_, i) => i);
const LENGTH = 40_000;

Deno.test("chaos plan: the same seed gives the same schedule, another one another", () => {
  deepStrictEqual(plan(7, LENGTH), plan(7, LENGTH));
  notDeepStrictEqual(plan(7, LENGTH).faults, plan(8, LENGTH).faults);
});

Deno.test("chaos plan: every kind of fault comes in 40 s, also at the least lucky seed", () => {
  for (const seed of SEEDS) {
    const kinds = new Set(plan(seed, LENGTH).faults.map(({ kind }) => kind));
    strictEqual(kinds.size, 8, `seed ${seed}: ${[...kinds]}`);
  }
});

Deno.test("chaos plan: faults begin in order, and all are over at its end", () => {
  for (const seed of SEEDS) {
    const { faults } = plan(seed, LENGTH);
    let last = 0;
    for (const { at, end } of faults) {
      ok(last <= at && at <= end && end <= LENGTH, `seed ${seed}: ${at} to ${end}`);
      last = at;
    }
    ok(faults.length >= 20, `seed ${seed}: ${faults.length}`);
  }
});

Deno.test("chaos plan: nobody has two faults at a time, and most nodes have none", () => {
  const overlap = (a: Fault, b: Fault) => a.at <= b.end && b.at <= a.end;
  for (const seed of SEEDS) {
    const { faults } = plan(seed, 120_000);
    for (const [i, one] of faults.entries()) {
      const others = faults.slice(0, i).filter((other) => overlap(one, other));
      for (const other of others) {
        const both = victims(one).filter((name) => victims(other).includes(name));
        deepStrictEqual(both, [], `seed ${seed}: ${describe(one)} and ${describe(other)}`);
      }
      ok(others.filter((other) => "node" in other).length <= 4);
      const cuts = [one, ...others].filter(({ kind }) => kind === "split" || kind === "apart");
      ok(cuts.length <= 1, `seed ${seed}`);
    }
  }
});

Deno.test("chaos plan: a stopped node is silent for longer than its peers bear", () => {
  for (const seed of SEEDS) {
    for (const fault of plan(seed, LENGTH).faults) {
      if (fault.kind === "stop") ok(fault.end - fault.at > KEEP_ALIVE_LIMIT);
    }
  }
});

Deno.test("chaos plan: legs and splits are possible ones", () => {
  for (const seed of SEEDS) {
    for (const fault of plan(seed, LENGTH).faults) {
      if (fault.kind === "link") ok(legsOn(fault.bridge).includes(fault.node));
      if (fault.kind !== "split") continue;
      const legs = legsOn(fault.bridge);
      ok(fault.away.length > 0 && fault.away.length < legs.length);
      ok(fault.away.every((name) => legs.includes(name)));
    }
  }
  deepStrictEqual(ROUTERS.map((name) => legsOn("A").includes(name)), [true, true]);
});

Deno.test("chaos plan: keys: all nodes have both before the first loses the old one", () => {
  for (const seed of SEEDS) {
    const { rotations } = plan(seed, LENGTH);
    for (const step of [1, 2]) {
      const nodes = rotations.filter((one) => one.step === step).map(({ node }) => node);
      deepStrictEqual(nodes.sort(), [...NODES].sort());
    }
    const times = rotations.map(({ at }) => at);
    deepStrictEqual(times, [...times].sort((a, b) => a - b));
    deepStrictEqual(rotations.map(({ step }) => step), [
      ...NODES.map(() => 1),
      ...NODES.map(() => 2),
    ]);
  }
});
