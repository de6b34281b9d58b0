/**
 * The monkey against real machines. What it leaves behind heals within the time that silence takes
 * to be noticed (three keep-alives), and a few tries to open streams.
 *
 * @module
 */
import assert from "node:assert/strict";
import { dncp } from "./dncp.ts";
import { monkey, type MonkeyOptions } from "./monkey.ts";

const BAD_LINKS = { loss: 0.05, jitter: 5, reorder: 0.05, duplicate: 0.02 };
const HARD = { ...BAD_LINKS, choppyReads: true, scratchReads: true, multicastLoopback: true };
const NATIVE_LIMIT = 45_000;
const HNCP_LIMIT = 75_000;

type Zoo = Omit<MonkeyOptions, "seed" | "machine" | "steps"> & { readonly seeds: number };

const ZOO: Record<string, Zoo> = {
  "7 routers with 2 ports": { nodes: 7, ports: 2, links: 6, limit: NATIVE_LIMIT, seeds: 40 },
  "7 routers with 2 ports on bad links": {
    nodes: 7,
    ports: 2,
    links: 6,
    limit: NATIVE_LIMIT,
    seeds: 60,
    ...HARD,
  },
  "3 nodes with 2 ports": { nodes: 3, ports: 2, links: 2, limit: NATIVE_LIMIT, seeds: 60, ...HARD },
  "25 nodes on 2 links": { nodes: 25, ports: 1, links: 2, limit: NATIVE_LIMIT, seeds: 12, ...HARD },
  "14 nodes with 2 ports in 2 links": {
    nodes: 14,
    ports: 2,
    links: 2,
    limit: NATIVE_LIMIT,
    seeds: 8,
  },
  "7 nodes by connect": {
    nodes: 7,
    ports: 2,
    links: 4,
    mode: "connect",
    limit: NATIVE_LIMIT,
    seeds: 40,
    ...HARD,
  },
  "HNCP, 7 routers with 2 ports": {
    nodes: 7,
    ports: 2,
    links: 6,
    mode: "hncp",
    limit: HNCP_LIMIT,
    seeds: 60,
    ...HARD,
  },
};

for (const [name, { seeds, ...options }] of Object.entries(ZOO)) {
  Deno.test(`a monkey among ${name}`, () => {
    const done = new Map<string, number>();
    for (let seed = 1; seed <= seeds; seed++) {
      const { steps } = monkey({ ...options, seed, machine: dncp, steps: 200 });
      for (const [step, count] of steps) done.set(step, (done.get(step) ?? 0) + count);
    }
    assert.ok(done.size >= 11, `it only did ${[...done.keys()].join(", ")}`);
  });
}
