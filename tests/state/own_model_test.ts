/** The own dictionary against a plain, slow twin, under random sequences of operations. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { AgentError } from "../../lib/core/mod.ts";
import {
  type Entry,
  NativeStateCodec,
  OwnDictionary,
  type RefusalReason,
  StateRefusal,
  type Value,
} from "../../lib/state/mod.ts";
import { encodeCbor, type Json } from "../../lib/wire/cbor.ts";

const LIMITS = { limit: 160, agentReserve: 30, maxGuests: 2, maxGuestBytes: 80, maxLeases: 2 };

type Outcome = "done" | RefusalReason | "gone";
type Write = [key: string, value: Json];

interface Claim {
  holder: string;
  key: string;
  value: Value;
  at: number;
}

const bytesOf = ({ key, at, value }: Claim) => 4 + encodeCbor([key, at, value]).length;

/** All claims in one list, oldest first; everything else is computed from it each time. */
class Twin {
  claims: Claim[] = [];
  ends = new Map<string, number>();
  stored = new Map<string, Claim>();
  lastLease = 0;

  visible(): Map<string, Claim> {
    return new Map(this.claims.map((claim) => [claim.key, claim]));
  }

  fits(claims: Claim[]): boolean {
    const largest = new Map<string, number>();
    for (const claim of claims) {
      largest.set(claim.key, Math.max(largest.get(claim.key) ?? 0, bytesOf(claim)));
    }
    let agent = 0;
    let others = 0;
    for (const [key, bytes] of largest) {
      if (key.startsWith("agent/")) agent += bytes;
      else others += bytes;
    }
    return others + Math.max(agent, LIMITS.agentReserve) <= LIMITS.limit;
  }

  /** `holderOf`: who holds a key of this write; `whole`: the write replaces all that it holds. */
  write(wall: number, writes: Write[], holderOf: (key: string) => string, whole = false): Outcome {
    const last = new Map(writes);
    const agent = holderOf("") === "agent";
    for (const key of last.keys()) if (!agent && key.startsWith("agent/")) return "not-allowed";
    const visible = this.visible();
    let next = this.claims;
    if (whole) next = next.filter(({ holder, key }) => holder !== holderOf("") || last.has(key));
    for (const [key, value] of last) {
      next = next.filter((claim) => claim.holder !== holderOf(key) || claim.key !== key);
      if (value === null) continue;
      const shown = visible.get(key);
      const same = shown !== undefined &&
        encodeCbor(shown.value).toHex() === encodeCbor(value).toHex();
      next = [...next, { holder: holderOf(key), key, value, at: same ? shown.at : wall }];
    }
    if (holderOf("").startsWith("guest")) {
      for (const { holder, key, value } of this.claims) {
        const wanted = last.get(key);
        if (holder.startsWith("guest") || wanted === undefined || wanted === null) continue;
        if (encodeCbor(wanted).toHex() !== encodeCbor(value).toHex()) return "not-allowed";
      }
      const size = next.filter(({ holder }) => holder === holderOf(""))
        .reduce((sum, claim) => sum + bytesOf(claim), 0);
      if (size > LIMITS.maxGuestBytes) return "too-large";
    }
    if (!this.fits(next)) return "too-large";
    this.claims = next;
    this.stored = new Map(
      next.filter(({ holder }) => holder === "set").map((claim) => [claim.key, claim]),
    );
    return "done";
  }

  drop(holder: string): void {
    this.claims = this.claims.filter((claim) => claim.holder !== holder);
    this.ends.delete(holder);
  }

  wake(now: number): void {
    for (const [holder, end] of this.ends) if (end <= now) this.drop(holder);
  }

  count(kind: string): number {
    return [...this.ends.keys()].filter((holder) => holder.startsWith(kind)).length;
  }
}

type Operation =
  | { op: "set" | "agent"; writes: Write[] }
  | { op: "setFor"; writes: Write[]; ttl: number }
  | { op: "unset"; writes: Write[] }
  | { op: "openLease"; writes: Write[]; ttl: number | undefined }
  | { op: "updateLease"; writes: Write[]; which: number }
  | { op: "releaseLease"; which: number }
  | { op: "putGuest"; guest: string; writes: Write[]; ttl: number }
  | { op: "refreshGuest"; guest: string; ttl: number }
  | { op: "dropGuest"; guest: string }
  | { op: "restart" };

const key = fc.constantFrom("a", "b", "c", "d", "agent/x");
const agentKey = fc.constantFrom("agent/x", "agent/y");
const value = fc.constantFrom<Json>(1, true, "x".repeat(20), "y".repeat(45), [1, { a: 2 }], null);
const pairs = (keys: fc.Arbitrary<string>) => fc.array(fc.tuple(keys, value), { maxLength: 4 });
// Refused keys are rare, or little would happen.
const plain = fc.constantFrom("a", "b", "c", "d");
const writes = fc.oneof({ weight: 9, arbitrary: pairs(plain) }, {
  weight: 1,
  arbitrary: pairs(key),
});
const ttl = fc.constantFrom(1, 10, 60, 300);
const which = fc.integer({ min: 1, max: 6 });
const guest = fc.constantFrom("g1", "g2", "g3");
const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({ op: fc.constant("set" as const), writes }),
  fc.record({ op: fc.constant("agent" as const), writes: pairs(agentKey) }),
  fc.record({ op: fc.constant("setFor" as const), writes, ttl }),
  fc.record({ op: fc.constant("unset" as const), writes }),
  fc.record({
    op: fc.constant("openLease" as const),
    writes,
    ttl: fc.option(ttl, { nil: undefined }),
  }),
  fc.record({ op: fc.constant("updateLease" as const), writes, which }),
  fc.record({ op: fc.constant("releaseLease" as const), which }),
  {
    weight: 3,
    arbitrary: fc.record({ op: fc.constant("putGuest" as const), guest, writes, ttl }),
  },
  fc.record({ op: fc.constant("refreshGuest" as const), guest, ttl }),
  fc.record({ op: fc.constant("dropGuest" as const), guest }),
  fc.record({ op: fc.constant("restart" as const) }),
);

class Pair {
  readonly codec = new NativeStateCodec();
  store = new Map<string, Entry>();
  published = 0;
  own = this.make();
  twin = new Twin();

  make(): OwnDictionary {
    return new OwnDictionary({
      codec: this.codec,
      ...LIMITS,
      onChanged: () => this.published++,
      persist: (changes) => {
        ok(changes.length > 0);
        for (const { key, entry } of changes) {
          if (entry) this.store.set(key, entry);
          else ok(this.store.delete(key));
        }
      },
    });
  }

  /** The real dictionary's outcome of an operation. */
  real(now: number, wall: number, o: Operation): Outcome | boolean | string[] {
    const { own } = this;
    try {
      switch (o.op) {
        case "set":
          own.set(now, wall, o.writes);
          return "done";
        case "agent":
          own.setAgent(wall, o.writes);
          return "done";
        case "setFor":
          own.setFor(now, wall, o.writes, o.ttl);
          return "done";
        case "unset":
          return own.unset(o.writes.map(([key]) => key)).sort();
        case "openLease":
          own.openLease(now, wall, o.writes, o.ttl);
          return "done";
        case "updateLease":
          own.updateLease(now, wall, o.which, o.writes);
          return "done";
        case "releaseLease":
          return own.releaseLease(o.which);
        case "putGuest":
          own.putGuest(now, wall, o.guest, o.writes, o.ttl);
          return "done";
        case "refreshGuest":
          return own.refreshGuest(now, o.guest, o.ttl);
        case "dropGuest":
          return own.dropGuest(o.guest);
        case "restart":
          this.own = this.make();
          deepStrictEqual(this.own.restore(this.store.values()), []);
          return "done";
      }
    } catch (error) {
      if (error instanceof StateRefusal) return error.reason;
      ok(error instanceof AgentError);
      return "gone";
    }
  }

  /** The same by the twin. */
  model(now: number, wall: number, o: Operation): Outcome | boolean | string[] {
    const { twin } = this;
    switch (o.op) {
      case "set":
        return twin.write(wall, o.writes, () => "set");
      case "agent":
        return twin.write(wall, o.writes, () => "agent");
      case "setFor": {
        const outcome = twin.write(wall, o.writes, (key) => `timed ${key}`);
        if (outcome !== "done") return outcome;
        for (const [key, value] of new Map(o.writes)) {
          if (value === null) twin.ends.delete(`timed ${key}`);
          else twin.ends.set(`timed ${key}`, now + o.ttl);
        }
        return outcome;
      }
      case "unset": {
        const removed = new Set(
          twin.claims.filter(({ holder, key }) =>
            o.writes.some(([wanted]) => wanted === key) &&
            (holder === "set" || holder === `timed ${key}`)
          ).map(({ key }) => key),
        );
        for (const key of removed) {
          twin.drop(`timed ${key}`);
          twin.claims = twin.claims.filter((claim) => claim.holder !== "set" || claim.key !== key);
          twin.stored.delete(key);
        }
        return [...removed].sort();
      }
      case "openLease": {
        if (twin.count("lease") >= LIMITS.maxLeases) return "too-many";
        const holder = `lease ${twin.lastLease + 1}`;
        const outcome = twin.write(wall, o.writes, () => holder);
        if (outcome !== "done") return outcome;
        twin.lastLease++;
        twin.ends.set(holder, o.ttl === undefined ? Infinity : now + o.ttl);
        return outcome;
      }
      case "updateLease": {
        const holder = `lease ${o.which}`;
        if (!twin.ends.has(holder)) return "gone";
        return twin.write(wall, o.writes, () => holder, true);
      }
      case "releaseLease": {
        const there = twin.ends.has(`lease ${o.which}`);
        twin.drop(`lease ${o.which}`);
        return there;
      }
      case "putGuest": {
        const holder = `guest ${o.guest}`;
        if (!twin.ends.has(holder) && twin.count("guest") >= LIMITS.maxGuests) return "too-many";
        const outcome = twin.write(wall, o.writes, () => holder, true);
        if (outcome === "done") twin.ends.set(holder, now + o.ttl);
        return outcome;
      }
      case "refreshGuest": {
        const there = twin.ends.has(`guest ${o.guest}`);
        if (there) twin.ends.set(`guest ${o.guest}`, now + o.ttl);
        return there;
      }
      case "dropGuest": {
        const there = twin.ends.has(`guest ${o.guest}`);
        twin.drop(`guest ${o.guest}`);
        return there;
      }
      case "restart":
        twin.claims = twin.claims.filter(({ holder }) => holder === "set");
        twin.ends.clear();
        twin.lastLease = 0;
        return "done";
    }
  }

  compare(): void {
    const visible = [...this.twin.visible().values()].sort((a, b) => a.key < b.key ? -1 : 1);
    deepStrictEqual(
      this.own.entries().map(({ key, value, at, source, until }) => ({
        key,
        value,
        at,
        source,
        until,
      })),
      visible.map(({ holder, key, value, at }) => ({
        ...{ key, value, at },
        source: holder.startsWith("timed") ? "lease" : holder.split(" ")[0],
        until: this.twin.ends.get(holder) ?? Infinity,
      })),
    );
    const fresh = new NativeStateCodec().encode(visible.map((claim) => ({ ...claim })));
    deepStrictEqual(this.own.encoded(), fresh);
    strictEqual(this.own.counts.guests, this.twin.count("guest"));
    ok(this.own.counts.bytes <= LIMITS.limit);
    deepStrictEqual(
      [...this.store].map(([key, { value, at }]) => [key, value, at]).sort(),
      [...this.twin.stored].map(([key, { value, at }]) => [key, value, at]).sort(),
    );
    const ends = [...this.twin.ends.values()];
    ok(this.own.nextWake() <= Math.min(Infinity, ...ends), "wakes in time");
  }
}

Deno.test("own: does what its twin does, under any sequence of operations", () => {
  const outcomes = new Map<string, number>();
  const step = fc.record({ operation, pause: fc.constantFrom(0, 1, 9, 30) });
  fc.assert(
    fc.property(fc.array(step, { minLength: 25, maxLength: 60 }), (steps) => {
      const pair = new Pair();
      let now = 0;
      for (const { operation, pause } of steps) {
        // Every wake on the way, exactly when it is asked for.
        for (const target = now + pause; now < target;) {
          now = Math.min(target, Math.max(now, pair.own.nextWake()));
          pair.own.wake(now);
          ok(pair.own.nextWake() > now, "it moves on");
          pair.twin.wake(now);
          pair.compare();
        }
        const wall = 1_000_000 + now;
        const { published } = pair;
        const before = JSON.stringify(pair.own.encoded().map((tlv) => tlv.toHex()));
        const version = pair.own.version;
        const outcome = pair.real(now, wall, operation);
        deepStrictEqual(outcome, pair.model(now, wall, operation), JSON.stringify(operation));
        pair.compare();
        if (operation.op !== "restart") {
          const after = JSON.stringify(pair.own.encoded().map((tlv) => tlv.toHex()));
          strictEqual(
            pair.published - published,
            before === after ? 0 : 1,
            "published iff changed",
          );
          strictEqual(pair.own.version - version, before === after ? 0 : 1);
        }
        const name = `${operation.op} ${Array.isArray(outcome) ? "done" : outcome}`;
        outcomes.set(name, (outcomes.get(name) ?? 0) + 1);
      }
    }),
    { numRuns: 300 },
  );
  for (
    const name of [
      ...["set done", "set too-large", "set not-allowed", "openLease too-many", "putGuest done"],
      ...[
        "putGuest too-many",
        "putGuest too-large",
        "putGuest not-allowed",
        "updateLease done",
        "updateLease gone",
      ],
      ...["refreshGuest true", "refreshGuest false", "agent done", "agent too-large"],
    ]
  ) ok((outcomes.get(name) ?? 0) > 0, `${name} was never seen`);
});
