/**
 * Nodes that come back as they went. When a cut heals, the graph reaches the nodes behind it at once,
 * and for a moment nothing is known of them but what was kept: values that were replaced meanwhile,
 * entries that ended. To tell those as new would be wrong, so they are held back until something newer
 * comes, or nothing does. A node that comes back with a newer state is shown at once.
 *
 * @module
 */
import type { NodeId, NodeView } from "../dncp/api.ts";
import type { Machine } from "../core/scheduler.ts";

/**
 * How long a state is held back, in ms. Half a network's states are there 75 to 140 ms after a cut
 * heals that is four hops of 10 ms away; a second leaves room for slow links and busy computers.
 */
const HOLD = 1_000;
/** Nodes that went and are remembered; of one that is not, its return is shown at once. */
const MOST = 4_096;

/** As `DncpEvents.nodeChanged`. */
export interface NodeChange {
  readonly after?: NodeView;
  readonly before?: NodeView;
}

/** Stands between a machine's events and the view that is fed by them. */
export class Returns implements Machine {
  readonly #show: (change: NodeChange) => void;
  /** Nodes that went, with the number of the state that they had, the oldest first. */
  readonly #gone = new Map<NodeId, number>();
  /** What is held back, and until when, in that order. */
  readonly #held = new Map<NodeId, { after: NodeView; until: number }>();

  constructor(show: (change: NodeChange) => void) {
    this.#show = show;
  }

  /** Nodes that are reachable and not shown yet. */
  get size(): number {
    return this.#held.size;
  }

  nodeChanged(now: number, change: NodeChange): void {
    const { before, after } = change;
    const id = (after ?? before)?.id;
    if (id === undefined) return;
    const unseen = this.#held.delete(id);
    if (after === undefined) {
      this.#remember(id, (before as NodeView).seqno);
      if (!unseen) this.#show(change);
      return;
    }
    const left = this.#gone.get(id);
    this.#gone.delete(id);
    if (!after.self && before === undefined && left === after.seqno) {
      this.#held.set(id, { after, until: now + HOLD });
      return;
    }
    this.#show(unseen ? { after } : change);
  }

  nextWake(): number {
    for (const { until } of this.#held.values()) return until;
    return Infinity;
  }

  wake(now: number): void {
    for (const [id, { after, until }] of this.#held) {
      if (until > now) return;
      this.#held.delete(id);
      this.#show({ after });
    }
  }

  #remember(id: NodeId, seqno: number): void {
    this.#gone.delete(id);
    this.#gone.set(id, seqno);
    if (this.#gone.size > MOST) this.#gone.delete(this.#gone.keys().next().value as NodeId);
  }
}
