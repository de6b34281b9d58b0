/**
 * hnetd's convergence budgets, as runs of one seed (spec: `test/test_hncp_net.c` of hnetd has the same
 * shapes). `hncp_*_test.ts` run them over many seeds.
 *
 * @module
 */
import { runUntilConverged } from "./convergence.ts";
import { dncp } from "./dncp.ts";
import { monkey, type MonkeyReport } from "./monkey.ts";
import type { SimNode } from "./node.ts";
import { line } from "./topology.ts";

/** How many seeds CI runs; `$AGENT_SIM_SEEDS` says otherwise. */
export const SEEDS = Number(Deno.env.get("AGENT_SIM_SEEDS") ?? 200);

/** What a budget asks for. */
export interface LineBudget {
  readonly nodes: number;
  /** Nodes 0, 1 and 3 begin with one id, 2 and 4 with another. */
  readonly collisions: boolean;
  /** Virtual ms. */
  readonly limit: number;
}

/** hnetd's budgets. */
export const SHORT_LINES: readonly LineBudget[] = [
  { nodes: 6, collisions: true, limit: 10_000 },
  { nodes: 50, collisions: false, limit: 30_000 },
  { nodes: 50, collisions: true, limit: 70_000 },
];
/** hnetd asks for no time here, only that it converges. */
export const LONG_LINE: LineBudget = { nodes: 150, collisions: false, limit: 120_000 };

/** The monkey over 7 routers with 2 ports each: 1 000 steps, then all agree again, or it throws. */
export function routersMonkey(seed: number): MonkeyReport {
  return monkey({
    nodes: 7,
    ports: 2,
    links: 6,
    mode: "hncp",
    steps: 1_000,
    limit: 75_000,
    seed: 1_000 + seed,
    machine: dncp,
  });
}

/** Start a line of HNCP nodes; virtual ms until all agree. Throws beyond the limit. */
export function startLine({ nodes, collisions, limit }: LineBudget, seed: number): number {
  const world = line(nodes, { seed, machine: dncp, mode: "hncp" });
  if (collisions) {
    const [a, b, c, d, e] = world.nodes as [SimNode, SimNode, SimNode, SimNode, SimNode];
    a.start();
    c.start();
    for (const copy of [b, d]) copy.start({ copyOf: a });
    e.start({ copyOf: c });
  }
  world.start();
  const ms = runUntilConverged(world, limit);
  const ids = new Set(world.nodes.map(({ id }) => id));
  if (ids.size < nodes) throw new Error(`seed ${seed}: ${nodes} nodes have ${ids.size} ids`);
  return ms;
}
