/**
 * What one process's dictionary leaves for that of the next, where an agent starts anew: all that is
 * kept nowhere else. Times are what is left of them, as no clock of the process lives on.
 *
 * @module
 */
import type { Claims } from "./claims.ts";
import type { Entry } from "./entry.ts";
import { type BriefHolders, type Holder, newHolder } from "./holders.ts";

/** Entries of one holder. */
export interface Held {
  /** `timed`: written by `setFor`. */
  readonly source: "timed" | "lease" | "guest" | "agent";
  /** The guest's id. */
  readonly name?: string;
  /** In ms; without it, it ends when its holder does. */
  readonly leftMs?: number;
  readonly entries: readonly HeldEntry[];
}

/** An entry; `under`: another one shows in its place. */
export interface HeldEntry extends Entry {
  readonly under?: boolean;
}

/** All that they hold. */
export function heldOf(now: number, from: BriefHolders, agent: Holder, claims: Claims): Held[] {
  const held = (source: Held["source"], holder: Holder, name?: string): Held => ({
    source,
    ...(name !== undefined && { name }),
    ...(holder.until < Infinity && { leftMs: holder.until - now }),
    entries: Array.from(
      holder.entries.values(),
      (entry) => claims.top(entry.key)?.holder === holder ? entry : { ...entry, under: true },
    ),
  });
  return [
    ...Array.from(from.timed.all(), ([, holder]) => held("timed", holder)),
    ...Array.from(
      from.inherited.all(),
      ([, holder]) => held(holder.source === "agent" ? "agent" : "lease", holder),
    ),
    ...Array.from(from.leases.all(), ([, holder]) => held("lease", holder)),
    ...Array.from(from.guests.all(), ([name, holder]) => held("guest", holder, name)),
    held("agent", agent),
  ];
}

/** An entry, and who is to hold it. */
export type Placed = readonly [holder: Holder, entry: Entry];

/**
 * Makes their holders again, of nothing yet; answers what each is to hold, those first that lay under
 * others. Whoever has to come back himself (a lease, the agent) has `ttlMs` for it.
 */
export function place(
  now: number,
  held: Iterable<Held>,
  ttlMs: number,
  into: BriefHolders,
): { under: Placed[]; above: Placed[] } {
  const under: Placed[] = [];
  const above: Placed[] = [];
  for (const { source, name = "", leftMs = Infinity, entries } of held) {
    const own = source === "timed" || source === "guest";
    const until = now + Math.min(leftMs, own ? Infinity : ttlMs);
    if (until <= now) continue;
    const holder = newHolder(source === "timed" ? "lease" : source, until);
    if (source === "guest") into.guests.set(name, holder);
    else if (source !== "timed") into.inherited.set(`${into.inherited.size}`, holder);
    for (const { key, value, at, under: hidden } of entries) {
      if (source === "timed") into.timed.set(key, holder);
      (hidden ? under : above).push([holder, { key, value, at }]);
    }
  }
  return { under, above };
}
