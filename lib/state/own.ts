/**
 * This node's own dictionary, from its sources: what was `set` to stay, what local clients lease, what
 * leafy guests publish through this node, what a gateway copies here from other networks, and what
 * the agent says of itself.
 *
 * A refused write changes nothing, and nothing is ever dropped to make room. What a write promises
 * holds once it has returned: `set` entries are handed to `persist` before they show.
 *
 * @module
 */
import { AgentError, ExitCode, type Machine } from "../core/mod.ts";
import type { Json } from "../wire/cbor.ts";
import { Budget, checkGuestSize, StateRefusal } from "./budget.ts";
import { Claims } from "./claims.ts";
import {
  AGENT_PREFIX,
  byKey,
  checkValue,
  type Entry,
  entryEqual,
  entryOf,
  timestamp,
} from "./entry.ts";
import {
  BriefHolders,
  type Changes,
  type Holder,
  Holders,
  newHolder,
  writerOf,
} from "./holders.ts";
import { type Held, heldOf, place } from "./inherit.ts";
import {
  type LeaseId,
  OWN_DEFAULTS,
  type OwnDictionaryOptions,
  type OwnEntry,
  type PersistentChange,
  type Writes,
} from "./own_api.ts";
import {
  checkAgents,
  checkNotAgents,
  checkTtl,
  differing,
  lastOfEach,
  replacing,
} from "./writes.ts";

/** The node's own dictionary. */
export class OwnDictionary implements Machine {
  readonly #options: Required<OwnDictionaryOptions>;
  readonly #claims: Claims;
  readonly #budget: Budget;
  readonly #set = newHolder("set");
  readonly #agent = newHolder("agent");
  readonly #brief = new BriefHolders();
  /** By the name of the network that they come from. */
  readonly #shared = new Holders<string>();
  #lastLease = 0;
  #handedOver = false;
  #version = 0;
  #encoded: Uint8Array[] | undefined;

  constructor(options: OwnDictionaryOptions) {
    this.#options = { ...OWN_DEFAULTS, ...options };
    this.#claims = new Claims(options.codec);
    const { limit, agentReserve } = this.#options;
    this.#budget = new Budget(options.codec.overhead, limit, agentReserve);
  }

  /** Grows by one with every change of what shows. */
  get version(): number {
    return this.#version;
  }

  /** TLVs for the node data, sorted. The same array until the next change. */
  encoded(): readonly Uint8Array[] {
    return this.#encoded ??= this.#options.codec.encode(this.#claims.visible());
  }

  /** All entries that show, in the order of their keys. */
  entries(): OwnEntry[] {
    return [...this.#claims.keys()].flatMap((key) => this.get(key) ?? []).sort(byKey);
  }

  /** The entry that shows under a key. */
  get(key: string): OwnEntry | undefined {
    const top = this.#claims.top(key);
    return top && { ...top.entry, source: top.holder.source, until: top.holder.until };
  }

  /**
   * Take over what the store has kept, times included; for the start, before anything else. Gives
   * back what cannot be taken (a limit that is lower now, a key that no longer may be), to be told.
   */
  restore(entries: Iterable<Entry>): Entry[] {
    const refused: Entry[] = [];
    let changed = false;
    for (const entry of entries) {
      const taken = this.#takeOver(this.#set, entry);
      if (taken === undefined) refused.push(entry);
      else changed = taken || changed;
    }
    if (changed) this.#changed();
    return refused;
  }

  /**
   * Write to stay. Returns what changed in the persistent entries; empty where all values were
   * there already.
   * @throws {AgentError} exit 2 for keys and values that cannot be, 4 where there is no room; and
   * whatever `persist` throws. Nothing has changed then.
   */
  set(now: number, wall: number, writes: Writes): readonly PersistentChange[] {
    this.#endDue(now);
    const changes = this.#prepare(wall, writes, (key) => this.#set.entries.has(key));
    this.#checkRoom(this.#set, changes);
    const persistent = this.#persist(changes);
    this.#finish(this.#set, changes);
    return persistent;
  }

  /**
   * Remove what was written by {@linkcode set} or {@linkcode setFor}. Returns the keys where there
   * was something. What leases, guests and the agent hold stays.
   */
  unset(keys: Iterable<string>): string[] {
    this.#checkOpen();
    const unique = new Set(keys);
    const persistent = new Map<string, undefined>();
    for (const key of unique) if (this.#set.entries.has(key)) persistent.set(key, undefined);
    this.#persist(persistent);
    const removed = [...unique].filter((key) =>
      persistent.has(key) || this.#brief.timed.get(key) !== undefined
    );
    let changed = this.#write(this.#set, persistent);
    for (const key of removed) {
      const timed = this.#brief.timed.get(key);
      if (timed === undefined) continue;
      this.#brief.timed.delete(key);
      changed = this.#vacate(timed) || changed;
    }
    if (changed) this.#changed();
    return removed;
  }

  /**
   * Write for `ttlMs` only, without anybody who keeps it alive: `set --ttl`. Writing a key again
   * replaces the earlier value and its end. Not kept over a restart.
   * @throws {AgentError} as {@linkcode set}.
   */
  setFor(now: number, wall: number, writes: Writes, ttlMs: number): void {
    this.#endDue(now);
    const until = now + checkTtl(ttlMs);
    const changes = this.#prepare(wall, writes, (key) => this.#brief.timed.get(key) !== undefined);
    let growth = 0;
    for (const [key, entry] of changes) {
      const holder = this.#brief.timed.get(key) ?? newHolder("lease");
      growth += this.#claims.growth(holder, new Map([[key, entry]]));
    }
    this.#budget.check("others", growth);
    let changed = false;
    for (const [key, entry] of changes) {
      const holder = this.#brief.timed.get(key) ?? newHolder("lease");
      holder.until = until;
      changed = this.#write(holder, new Map([[key, entry]])) || changed;
      if (entry === undefined) this.#brief.timed.delete(key);
      else this.#brief.timed.set(key, holder);
    }
    this.#brief.moved();
    if (changed) this.#changed();
  }

  /**
   * Entries that live until the lease is released or, where it has a TTL, for that long.
   * @throws {AgentError} as {@linkcode set}, and exit 4 where there are too many leases.
   */
  openLease(now: number, wall: number, writes: Writes, ttlMs?: number): LeaseId {
    this.#endDue(now);
    const until = now + (ttlMs === undefined ? Infinity : checkTtl(ttlMs));
    if (this.#brief.leases.size >= this.#options.maxLeases) {
      throw new StateRefusal(
        `this node has ${this.#brief.leases.size} open leases, as many as it allows; close one first`,
        "too-many",
      );
    }
    const holder = newHolder("lease", until);
    const changes = this.#prepare(wall, writes, () => false);
    this.#checkRoom(holder, changes);
    const id = ++this.#lastLease;
    this.#brief.leases.set(id, holder);
    this.#brief.moved();
    this.#finish(holder, changes);
    return id;
  }

  /**
   * All that an open lease holds, in place of what it held before.
   * @throws {AgentError} as {@linkcode set}, and exit 1 where the lease has ended.
   */
  updateLease(now: number, wall: number, id: LeaseId, writes: Writes): void {
    this.#endDue(now);
    const holder = this.#lease(id);
    const changes = replacing(holder, this.#prepare(wall, writes, () => false));
    this.#checkRoom(holder, changes);
    this.#finish(holder, changes);
  }

  /** End a lease. False where it had ended already. */
  releaseLease(id: LeaseId): boolean {
    return this.#drop(this.#brief.leases, id);
  }

  /**
   * All that a guest publishes through this node, in place of what it published before. Never in place
   * of what somebody else holds here: a guest that would change what shows under a key of the node's
   * own users is refused. They may write over the guest's at any time.
   * @throws {AgentError} exit 2 for values that cannot be, {@linkcode StateRefusal} for the rest.
   */
  putGuest(now: number, wall: number, guestId: string, writes: Writes, ttlMs: number): void {
    this.#endDue(now);
    const until = now + checkTtl(ttlMs);
    const known = this.#brief.guests.get(guestId);
    if (known === undefined && this.#brief.guests.size >= this.#options.maxGuests) {
      throw new StateRefusal(
        `this node has ${this.#brief.guests.size} guests, as many as it allows; ask another node`,
        "too-many",
      );
    }
    const holder = known ?? newHolder("guest");
    const entries = this.#prepare(wall, writes, () => false);
    this.#claims.checkGuest(entries);
    checkGuestSize(this.#options.maxGuestBytes, this.#options.codec, entries.values());
    const changes = replacing(holder, entries);
    this.#checkRoom(holder, changes);
    holder.until = until;
    this.#brief.guests.set(guestId, holder);
    this.#brief.moved();
    this.#finish(holder, changes);
  }

  /** Only move the end of what a guest publishes. False where there is no such guest (any more). */
  refreshGuest(now: number, guestId: string, ttlMs: number): boolean {
    this.#endDue(now);
    const holder = this.#brief.guests.get(guestId);
    if (holder === undefined) return false;
    holder.until = now + checkTtl(ttlMs);
    this.#brief.moved();
    return true;
  }

  /** Remove what a guest publishes. False where there was nothing. */
  dropGuest(guestId: string): boolean {
    return this.#drop(this.#brief.guests, guestId);
  }

  /** When a guest's entries end, on the monotonic clock, in ms; `undefined` where there is none. */
  guestUntil(guestId: string): number | undefined {
    return this.#brief.guests.get(guestId)?.until;
  }

  /** Guests and leases at the moment, for metrics. */
  get counts(): { readonly guests: number; readonly leases: number; readonly bytes: number } {
    return {
      guests: this.#brief.guests.size,
      leases: this.#brief.leases.size + this.#brief.timed.size,
      bytes: this.encoded().reduce((sum, tlv) => sum + tlv.length, 0),
    };
  }

  /**
   * All that the gateway copies here from the network `from`, in place of what it copied before. Gives
   * back what there is no room for, or what may not be; the rest is taken.
   */
  share(from: string, entries: Iterable<Entry>): Entry[] {
    const holder = this.#shared.get(from) ?? newHolder("gateway");
    this.#shared.set(from, holder);
    const refused: Entry[] = [];
    const wanted = new Map(Array.from(entries, (entry) => [entry.key, entry]));
    // What goes makes room for what comes.
    const gone = [...holder.entries.keys()].filter((key) => !wanted.has(key));
    let changed = this.#write(holder, new Map(gone.map((key) => [key, undefined])));
    for (const entry of wanted.values()) {
      if (entryEqual(holder.entries.get(entry.key), entry)) continue;
      let taken = this.#takeOver(holder, entry);
      if (taken === undefined) {
        refused.push(entry);
        // Better nothing than something that is no longer so.
        taken = this.#write(holder, new Map([[entry.key, undefined]]));
      }
      changed = taken || changed;
    }
    if (changed) this.#changed();
    return refused;
  }

  /**
   * What the agent says of itself, under `agent/…`. Keys that are not named stay as they are. `spare`:
   * bytes that must be left for what is more important; a write without them is refused.
   * @throws {AgentError} exit 4 where there is no room.
   */
  setAgent(wall: number, writes: Writes, spare = 0): void {
    const changes = new Map<string, Entry | undefined>();
    for (const [key, value, at = wall] of lastOfEach(writes)) {
      checkAgents(key);
      changes.set(key, value === null ? undefined : this.#entry(at, key, value));
    }
    const growth = this.#claims.growth(this.#agent, changes);
    if (growth > 0) this.#budget.check("agent", growth + spare);
    this.#finish(this.#agent, changes);
  }

  /**
   * All that is kept nowhere else, for {@linkcode inherit} of the next process. What anybody but the
   * agent writes from now on would be lost, and is refused with exit code 3.
   */
  handOver(now: number): Held[] {
    this.#endDue(now);
    this.#handedOver = true;
    return heldOf(now, this.#brief, this.#agent, this.#claims);
  }

  /**
   * Go on with what the process before held, for the start, behind {@linkcode restore}. What a lease or
   * the agent itself held stays until they write its key, and `ttlMs` at the most. What has no room
   * is left out.
   */
  inherit(now: number, held: Iterable<Held>, ttlMs: number): void {
    const { under, above } = place(now, held, ttlMs, this.#brief);
    const stays = under.flatMap(([, { key }]) => this.#set.entries.get(key) ?? []);
    const set = stays.map((entry) => [this.#set, entry] as const);
    let changed = false;
    for (const [holder, entry] of [...under, ...set, ...above]) {
      changed = this.#takeOver(holder, entry) || changed;
    }
    this.#brief.moved();
    if (changed) this.#changed();
  }

  nextWake(): number {
    return this.#brief.next;
  }

  wake(now: number): void {
    this.#endDue(now);
  }

  #endDue(now: number): void {
    let changed = false;
    for (const holder of this.#brief.takeDue(now)) changed = this.#vacate(holder) || changed;
    if (changed) this.#changed();
  }

  #drop<K>(holders: Holders<K>, name: K): boolean {
    const holder = holders.get(name);
    if (holder === undefined) return false;
    holders.delete(name);
    this.#brief.moved();
    if (this.#vacate(holder)) this.#changed();
    return true;
  }

  #lease(id: LeaseId): Holder {
    const holder = this.#brief.leases.get(id);
    if (holder !== undefined) return holder;
    throw new AgentError(`lease ${id} has ended; open a new one`, ExitCode.NotThere);
  }

  /** Writes by anybody but the agent, checked. `holds`: whether there is something to delete. */
  #prepare(
    wall: number,
    writes: Writes,
    holds: (key: string) => boolean,
  ): Map<string, Entry | undefined> {
    this.#checkOpen();
    const changes = new Map<string, Entry | undefined>();
    for (const [key, value, at = wall] of lastOfEach(writes)) {
      checkNotAgents(key);
      if (value !== null) changes.set(key, this.#entry(at, key, value));
      else if (holds(key)) changes.set(key, undefined);
    }
    return changes;
  }

  #checkOpen(): void {
    if (!this.#handedOver) return;
    throw new AgentError("the agent is starting anew; try again in a second", ExitCode.Unreachable);
  }

  #entry(wall: number, key: string, value: Json): Entry {
    return this.#claims.entryFor(key, checkValue(key, value), timestamp(wall));
  }

  #persist(changes: Changes): readonly PersistentChange[] {
    const persistent = differing(this.#set, changes);
    if (persistent.length > 0) this.#options.persist(persistent);
    return persistent;
  }

  #checkRoom(holder: Holder, changes: Changes): void {
    this.#budget.check(writerOf(holder), this.#claims.growth(holder, changes));
  }

  /** {@linkcode #write} of what others hand over; `undefined` where it may not be or has no room. */
  #takeOver(holder: Holder, entry: Entry): boolean | undefined {
    const { key, value, at } = entry;
    const changes = new Map([[key, entry]]);
    const may = key.startsWith(AGENT_PREFIX) === (holder.source === "agent") &&
      entryOf(key, at, value) !== undefined &&
      this.#budget.fits(writerOf(holder), this.#claims.growth(holder, changes));
    return may ? this.#write(holder, changes) : undefined;
  }

  /** Write without checks. True where something else shows now. */
  #write(holder: Holder, changes: Changes): boolean {
    this.#budget.take(writerOf(holder), this.#claims.growth(holder, changes));
    return this.#claims.apply(holder, changes);
  }

  /** Take away all that a holder holds. */
  #vacate(holder: Holder): boolean {
    return this.#write(holder, new Map([...holder.entries.keys()].map((key) => [key, undefined])));
  }

  #finish(holder: Holder, changes: Changes): void {
    let changed = this.#write(holder, changes);
    for (const [before, gone] of this.#brief.replacedBy(holder, changes)) {
      changed = this.#write(before, gone) || changed;
    }
    if (changed) this.#changed();
  }

  #changed(): void {
    this.#version++;
    this.#encoded = undefined;
    this.#options.onChanged();
  }
}
