/**
 * What was promised, and whether it was kept: messages, values, and entries with an end. Nothing here
 * knows a process or a clock; times are the caller's, in ms.
 *
 * Each ledger gives its complaints as lines for people; none means that all is well.
 *
 * @module
 */

/** What became of something that was asked for. `open`: its answer never came, so it may be either. */
export type Outcome = "open" | "accepted" | "refused";

interface Sent {
  outcome: Outcome;
  arrived: number;
  /** It is to be given up soon. */
  readonly isBrief: boolean;
  /** Why its sender was told that it was not delivered. */
  told?: string;
}

/** The messages of one sender to one receiver. */
interface Lane {
  readonly sent: Map<number, Sent>;
  last: number;
}

/**
 * Messages: what was accepted arrives once and in the order of its numbers, or its sender is told why
 * not. Numbers of a lane (`a1>b2`) grow.
 */
export class MessageLedger {
  readonly #lanes = new Map<string, Lane>();
  readonly #ids = new Map<string, Sent>();
  readonly #complaints: string[] = [];

  /** Before it is asked for. */
  sent(lane: string, n: number, isBrief = false): void {
    let found = this.#lanes.get(lane);
    if (!found) this.#lanes.set(lane, found = { sent: new Map(), last: -1 });
    found.sent.set(n, { outcome: "open", arrived: 0, isBrief });
  }

  accepted(lane: string, n: number, id: string): void {
    const sent = this.#sent(lane, n);
    sent.outcome = "accepted";
    this.#ids.set(id, sent);
  }

  refused(lane: string, n: number): void {
    this.#sent(lane, n).outcome = "refused";
  }

  /** A consumer has it. */
  arrived(lane: string, n: number): void {
    const sent = this.#lanes.get(lane)?.sent.get(n);
    if (!sent) {
      this.#complaints.push(`message ${lane} ${n} arrived, and was never sent`);
      return;
    }
    const { last } = this.#lanes.get(lane) as Lane;
    if (++sent.arrived > 1) this.#complaints.push(`message ${lane} ${n} arrived twice`);
    else if (n < last) this.#complaints.push(`message ${lane} ${n} arrived behind ${last}`);
    (this.#lanes.get(lane) as Lane).last = Math.max(last, n);
  }

  /** Its sender is told that it was not delivered. Ids that nobody got an answer with do not matter. */
  told(id: string, reason: string): void {
    const sent = this.#ids.get(id);
    if (!sent) return;
    sent.told = reason;
    if (reason === "expired" && !sent.isBrief) {
      this.#complaints.push(`message ${id} expired, and should wait for a day`);
    }
  }

  /** Accepted messages that neither arrived nor were told of. */
  missing(): string[] {
    return this.#each((sent, name) =>
      sent.outcome === "accepted" && sent.arrived === 0 && sent.told === undefined
        ? name
        : undefined
    );
  }

  complaints(): string[] {
    return [
      ...this.#complaints,
      ...this.missing().map((name) => `message ${name} was accepted, and is lost`),
      ...this.#each(({ outcome, arrived, told }, name) => {
        if (arrived === 0) return undefined;
        if (outcome === "refused") return `message ${name} was refused, and arrived`;
        if (told !== undefined) return `message ${name} arrived, and its sender was told: ${told}`;
        return undefined;
      }),
    ];
  }

  /** How many there are of each kind. */
  counts(): Record<Outcome | "arrived" | "told", number> {
    const counts = { open: 0, accepted: 0, refused: 0, arrived: 0, told: 0 };
    for (const { sent } of this.#lanes.values()) {
      for (const { outcome, arrived, told } of sent.values()) {
        counts[outcome]++;
        if (arrived > 0) counts.arrived++;
        if (told !== undefined) counts.told++;
      }
    }
    return counts;
  }

  #sent(lane: string, n: number): Sent {
    const sent = this.#lanes.get(lane)?.sent.get(n);
    if (!sent) throw new RangeError(`${lane} ${n} was never sent`);
    return sent;
  }

  #each(tell: (sent: Sent, name: string) => string | undefined): string[] {
    return [...this.#lanes].flatMap(([lane, { sent }]) =>
      [...sent].flatMap(([n, one]) => tell(one, `${lane} ${n}`) ?? [])
    );
  }
}

/** A value of a key; `undefined`: it is not there. */
export type Value = number | undefined;

interface Write {
  readonly value: Value;
  outcome: Outcome;
}

/**
 * Values that their nodes set to stay, a writer for each key: what was accepted is there until
 * something newer is. Numbers of a key are never used twice, and grow.
 */
export class StateLedger {
  readonly #keys = new Map<string, Write[]>();
  /** `OBSERVER KEY` → the newest that it has seen, as a place in the writes. */
  readonly #seen = new Map<string, number>();
  readonly #complaints = new Set<string>();

  /** Before it is asked for. Answers how to tell what became of it. */
  writing(key: string, value: Value): (outcome: Outcome) => void {
    const writes = this.#keys.get(key) ?? [];
    this.#keys.set(key, writes);
    const write: Write = { value, outcome: "open" };
    writes.push(write);
    return (outcome) => write.outcome = outcome;
  }

  /**
   * Somebody sees a value. `observer` is another one after each restart: who begins anew may learn
   * something old first.
   */
  seen(observer: string, key: string, value: number): void {
    const writes = this.#keys.get(key) ?? [];
    const at = writes.findLastIndex((write) => write.value === value);
    const write = writes[at];
    const said = `${key} = ${value} at ${observer}`;
    if (!write) {
      this.#complaints.add(`${said}: nobody wrote that`);
      return;
    }
    if (write.outcome === "refused") this.#complaints.add(`${said}: that was refused`);
    const name = `${observer} ${key}`;
    const before = this.#seen.get(name) ?? -1;
    if (at < before) {
      this.#complaints.add(`${said}: stale, it had seen ${writes[before]?.value} before`);
    }
    this.#seen.set(name, Math.max(at, before));
  }

  /** What may be there when all is quiet: what was accepted last, or what came later without answer. */
  possible(key: string): Value[] {
    const writes = this.#keys.get(key) ?? [];
    const last = writes.findLastIndex(({ outcome }) => outcome === "accepted");
    const later = writes.slice(last + 1).filter(({ outcome }) => outcome === "open");
    const accepted = last < 0 ? undefined : writes[last]?.value;
    return [...new Set([accepted, ...later.map(({ value }) => value)])];
  }

  /** What somebody sees when all is quiet. */
  final(observer: string, values: Readonly<Record<string, unknown>>): void {
    for (const key of this.#keys.keys()) {
      const possible = this.possible(key);
      if (possible.includes(values[key] as Value)) continue;
      this.#complaints.add(
        `${key} = ${values[key] ?? "nothing"} at ${observer} in the end, and not ` +
          possible.map((value) => value ?? "nothing").join(" or "),
      );
    }
  }

  complaints(): string[] {
    return [...this.#complaints];
  }

  counts(): Record<Outcome, number> {
    const counts = { open: 0, accepted: 0, refused: 0 };
    for (const { outcome } of [...this.#keys.values()].flat()) counts[outcome]++;
    return counts;
  }
}

/** How long an entry may outlive its end where it is looked at, in ms. */
export interface Tolerance {
  /** Until its end is known everywhere: a dead peer is noticed within the keep-alive limit. */
  readonly slack: number;
  /**
   * Who meets a node again knows its old entries for a moment before the new ones come. Seen later
   * than `slack`, an entry may show no longer than this.
   */
  readonly glimpse: number;
}

interface Brief {
  /** When it has to be gone; `undefined` while its answer is awaited. */
  end: number | undefined;
  /** Observer → when it was seen first after its end. */
  readonly late: Map<string, number>;
}

/** Entries that end by themselves: gone when their time is over, and never back. */
export class BriefLedger {
  readonly #briefs = new Map<string, Brief>();
  readonly #tolerance: Tolerance;
  readonly #complaints = new Set<string>();
  #accepted = 0;
  readonly #glimpses: string[] = [];
  #sightings = 0;

  constructor(tolerance: Tolerance) {
    this.#tolerance = tolerance;
  }

  /** Before it is asked for. `key` is never used twice. */
  publishing(key: string): void {
    this.#briefs.set(key, { end: undefined, late: new Map() });
  }

  /** Its answer came, or never will (`accepted` false): it ends at `end` at the latest. */
  ends(key: string, end: number, accepted: boolean): void {
    const brief = this.#briefs.get(key);
    if (!brief) throw new RangeError(`${key} was never published`);
    brief.end = end;
    if (accepted) this.#accepted++;
  }

  /** Keys that somebody sees at a moment; all of them. */
  seen(observer: string, keys: Iterable<string>, now: number): void {
    const shown = new Set(keys);
    for (const [key, brief] of this.#briefs) {
      if (!shown.has(key)) brief.late.delete(observer);
      else if (brief.end === undefined || now <= brief.end + this.#tolerance.slack) {
        this.#sightings++;
      } else this.#late(observer, key, brief, brief.end, now);
    }
    for (const key of shown) {
      if (!this.#briefs.has(key)) {
        this.#complaints.add(`${key} at ${observer}: nobody published it`);
      }
    }
  }

  /** What somebody sees when all is quiet, and everything has ended. */
  final(observer: string, keys: Iterable<string>): void {
    for (const key of keys) this.#complaints.add(`${key} is at ${observer} in the end`);
  }

  complaints(): string[] {
    return [...this.#complaints];
  }

  /** Which were seen for a moment after their end. */
  glimpses(): readonly string[] {
    return this.#glimpses;
  }

  counts(): { accepted: number; sightings: number; glimpses: number } {
    return {
      accepted: this.#accepted,
      sightings: this.#sightings,
      glimpses: this.#glimpses.length,
    };
  }

  #late(observer: string, key: string, brief: Brief, end: number, now: number): void {
    const first = brief.late.get(observer);
    if (first === undefined) {
      brief.late.set(observer, now);
      const late = Math.round(now - end);
      this.#glimpses.push(`${(now / 1_000).toFixed(3)}: ${key} at ${observer}, ${late} ms late`);
      return;
    }
    if (now - first < this.#tolerance.glimpse) return;
    this.#complaints.add(
      `${key} shows at ${observer} ${Math.round(now - end)} ms after its end, for ` +
        `${Math.round(now - first)} ms`,
    );
  }
}
