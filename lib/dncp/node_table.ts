/**
 * All known nodes, which of them are reachable (RFC 7787 §4.6), and their common hash.
 *
 * @module
 */
import type { NodeId } from "./api.ts";
import { createNetworkHash, type NetworkHash } from "./network_hash.ts";
import type { NodeRecord } from "./node_record.ts";
import type { Profile } from "./profile.ts";

/** A state older than this lends no edges to the graph: 2^32 − 2^15 ms (RFC 7787 §4.6). */
const AGE_EXPIRED = 2 ** 32 - 2 ** 15;
/**
 * The age rule counts only for states held here longer than this. shncpd relays ages that have
 * wrapped, and such a node must not be thrown out on arrival.
 */
const AGE_TRUSTED_AFTER = 86_400_000;
/** Whole walks of the graph happen at most this often, in ms; growth is followed at once. */
const WALK_INTERVAL = 10;
/** How often grace and ages are looked after, in ms. */
const SWEEP_INTERVAL = 5_000;
const AGE_CHECK_INTERVAL = 3_600_000;

/** Told when a node becomes reachable, changes while reachable, or stops being so. */
export type OnNodeChanged = (change: { after?: NodeRecord; before?: NodeRecord }) => void;

/** The table of nodes. */
export class NodeTable {
  readonly hash: NetworkHash;
  readonly #profile: Profile;
  readonly #changed: OnNodeChanged;
  readonly #nodes = new Map<NodeId, NodeRecord>();
  readonly #grown = new Set<NodeId>();
  readonly #firstHops = new Set<NodeId>();
  #selfId: NodeId;
  #walkPending = false;
  #lastWalk = -Infinity;
  #nextSweep = Infinity;
  #nextAgeCheck: number;
  #reachable: NodeId[] | undefined;
  #unreachableCount = 0;
  /** Of all others. */
  #dataBytes = 0;
  /** Goes up whenever the network hash may have changed. */
  version = 0;
  /** Whole walks of the graph so far. */
  walks = 0;

  constructor(profile: Profile, selfId: NodeId, now: number, changed: OnNodeChanged) {
    this.#profile = profile;
    this.#selfId = selfId;
    this.#changed = changed;
    this.hash = createNetworkHash(profile);
    this.#nextAgeCheck = now + AGE_CHECK_INTERVAL;
  }

  get size(): number {
    return this.#nodes.size;
  }

  get(id: NodeId): NodeRecord | undefined {
    return this.#nodes.get(id);
  }

  /** Ids of the reachable nodes, ascending, oneself included. */
  reachableIds(): readonly NodeId[] {
    return this.#reachable ??= [...this.#nodes.values()].filter((record) => record.reachable)
      .map((record) => record.id).sort();
  }

  /**
   * Keep a node's state. False where there is no room, and all the room is taken by reachable nodes:
   * then the state is not kept.
   */
  store(record: NodeRecord): boolean {
    const before = this.#nodes.get(record.id);
    if (!record.self && !this.#makeRoom(record, before)) return false;
    this.#dataBytes += sizeOf(record) - sizeOf(before);
    this.#nodes.set(record.id, record);
    if (before) {
      record.reachable = before.reachable;
      record.lastReachable = before.lastReachable;
    } else {
      this.#unreachableCount++;
      this.#scheduleSweep(record.received);
    }
    if (record.self && !record.reachable) this.#setReachable(record, true);
    this.#noteLinks(before, record);
    if (record.reachable && before) {
      this.hash.set(record.id, record.seqno, record.hash);
      this.version++;
      this.#changed({ after: record, before });
    }
    return true;
  }

  /** Oneself under a new id: the entry under the old one goes at once (RFC 7788 §4.4). */
  changeSelf(id: NodeId): void {
    const old = this.#nodes.get(this.#selfId);
    this.#selfId = id;
    if (old) this.#forget(old);
    this.#walkPending = true;
  }

  /** A node that publishes nothing counts these as its neighbours, in one direction only. */
  setFirstHop(id: NodeId, on: boolean): void {
    if (on) this.#firstHops.add(id);
    else this.#firstHops.delete(id);
    this.#walkPending = true;
  }

  /** Whether the graph may be about to change. */
  get graphPending(): boolean {
    return this.#walkPending || this.#grown.size > 0;
  }

  get nextWake(): number {
    const walk = this.#walkPending ? this.#lastWalk + WALK_INTERVAL : Infinity;
    return Math.min(walk, this.#nextSweep, this.#nextAgeCheck);
  }

  /** Bring reachability up to date, forget nodes beyond their grace, look after ages. */
  update(now: number): void {
    if (now >= this.#nextAgeCheck) {
      this.#nextAgeCheck = now + AGE_CHECK_INTERVAL;
      for (const record of this.#nodes.values()) {
        if (record.reachable && this.#expired(record, now)) this.#walkPending = true;
      }
    }
    if (this.#grown.size > 0) this.#grow(now);
    if (this.#walkPending && now >= this.#lastWalk + WALK_INTERVAL) this.#walk(now);
    if (now >= this.#nextSweep) this.#sweep(now);
  }

  #noteLinks(before: NodeRecord | undefined, after: NodeRecord): void {
    if (before && before.links === after.links) return;
    this.#grown.add(after.id);
    if (!before?.reachable) return;
    for (const link of before.links) {
      if (!after.hasLink(link.node, link.peerEndpoint, link.endpoint)) {
        this.#walkPending = true;
        return;
      }
    }
  }

  /** Follow new links outwards: what was reachable stays so, what hangs on becomes so. */
  #grow(now: number): void {
    const queue = [...this.#grown];
    this.#grown.clear();
    for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
      const record = this.#nodes.get(id);
      if (!record || this.#expired(record, now)) continue;
      if (!record.reachable && this.#firstHops.has(id)) this.#setReachable(record, true);
      for (const link of record.links) {
        const other = this.#nodes.get(link.node);
        if (!other || other.reachable === record.reachable) continue;
        if (!other.hasLink(record.id, link.endpoint, link.peerEndpoint)) continue;
        if (this.#expired(other, now)) continue;
        if (other.reachable) {
          this.#setReachable(record, true);
          // Its links were passed over so far because they led from one unreachable node to another.
          queue.push(record.id);
          break;
        }
        this.#setReachable(other, true);
        queue.push(other.id);
      }
    }
  }

  #walk(now: number): void {
    this.#walkPending = false;
    this.#lastWalk = now;
    this.walks++;
    const visited = new Set<NodeId>();
    const queue: NodeId[] = [];
    const self = this.#nodes.get(this.#selfId);
    if (self?.self) {
      visited.add(self.id);
      queue.push(self.id);
    }
    for (const id of this.#firstHops) {
      const record = this.#nodes.get(id);
      if (!record || this.#expired(record, now) || visited.has(id)) continue;
      visited.add(id);
      queue.push(id);
    }
    for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
      const record = this.#nodes.get(id) as NodeRecord;
      for (const link of record.links) {
        if (visited.has(link.node)) continue;
        const other = this.#nodes.get(link.node);
        if (!other || this.#expired(other, now)) continue;
        if (!other.hasLink(record.id, link.endpoint, link.peerEndpoint)) continue;
        visited.add(other.id);
        queue.push(other.id);
      }
    }
    for (const record of [...this.#nodes.values()]) {
      const reachable = visited.has(record.id);
      if (record.reachable === reachable) continue;
      if (!reachable) record.lastReachable = now;
      this.#setReachable(record, reachable);
    }
    this.#scheduleSweep(now);
  }

  #setReachable(record: NodeRecord, reachable: boolean): void {
    record.reachable = reachable;
    this.#reachable = undefined;
    this.version++;
    if (reachable) {
      this.#unreachableCount--;
      this.hash.set(record.id, record.seqno, record.hash);
      this.#changed({ after: record });
    } else {
      this.#unreachableCount++;
      this.hash.delete(record.id);
      this.#changed({ before: record });
    }
  }

  #expired(record: NodeRecord, now: number): boolean {
    return !record.self && now - record.origination > AGE_EXPIRED &&
      now - record.received > AGE_TRUSTED_AFTER;
  }

  #scheduleSweep(now: number): void {
    if (this.#unreachableCount > 0 && this.#nextSweep === Infinity) {
      this.#nextSweep = now + SWEEP_INTERVAL;
    }
  }

  #sweep(now: number): void {
    for (const record of [...this.#nodes.values()]) {
      if (record.reachable || now - record.lastReachable < this.#profile.grace) continue;
      this.#forget(record);
    }
    this.#nextSweep = this.#unreachableCount > 0 ? now + SWEEP_INTERVAL : Infinity;
  }

  #forget(record: NodeRecord): void {
    if (record.reachable) this.#setReachable(record, false);
    this.#nodes.delete(record.id);
    this.#dataBytes -= sizeOf(record);
    this.#unreachableCount--;
  }

  /** Whether one more node fits, and what its data take more than before. */
  #makeRoom(record: NodeRecord, before: NodeRecord | undefined): boolean {
    const { maxNodes, maxAllData } = this.#profile;
    const more = sizeOf(record) - sizeOf(before);
    while (
      !before && this.#nodes.size >= maxNodes || more > 0 && this.#dataBytes + more > maxAllData
    ) {
      if (!this.#evictOne(record.id)) return false;
    }
    return true;
  }

  /** Make room by forgetting the unreachable node that was last seen longest ago. */
  #evictOne(spared: NodeId): boolean {
    let oldest: NodeRecord | undefined;
    for (const record of this.#nodes.values()) {
      if (record.reachable || record.id === spared) continue;
      if (!oldest || record.lastReachable < oldest.lastReachable) oldest = record;
    }
    if (oldest) this.#forget(oldest);
    return oldest !== undefined;
  }
}

function sizeOf(record: NodeRecord | undefined): number {
  return record === undefined || record.self ? 0 : record.data.length;
}
