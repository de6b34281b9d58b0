/**
 * Virtual networks: many protocol machines under virtual time, with delay, loss, duplication,
 * reordering, partitions, crashes and restarts, all drawn from one seed. A {@linkcode World} holds
 * nodes and links; `topology.ts` makes the usual ones; `convergence.ts` says whether they agree, and
 * why not; `scenario.ts` has what benches measure; `monkey.ts` breaks things. Nothing here knows the
 * protocol: `dncp.ts` brings it in.
 *
 * To read along with a failing seed: `world.trace.log = console.log` before `world.start()`.
 *
 * @module
 */
export { components, isConverged, notConverged, runUntilConverged } from "./convergence.ts";
export { dncp } from "./dncp.ts";
export { goodLink, type LinkConditions } from "./link.ts";
export type { SimNode } from "./node.ts";
export { coldStart, oneChange, type Outcome } from "./scenario.ts";
export {
  line,
  mesh,
  type Mode,
  ring,
  shared,
  star,
  type Topology,
  tree,
  value,
} from "./topology.ts";
export type { TopologyOptions } from "./topology.ts";
export { totals, type Traffic } from "./traffic.ts";
export { type Observer, World, type WorldOptions } from "./world.ts";
