import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import { type AgentError, ExitCode } from "../../lib/core/mod.ts";
import {
  type Entry,
  NativeStateCodec,
  OwnDictionary,
  type OwnDictionaryOptions,
  type PersistentChange,
  type StateRefusal,
} from "../../lib/state/mod.ts";
import { concat } from "../../lib/wire/bytes.ts";
import type { Json } from "../../lib/wire/cbor.ts";

const WALL = 1_795_251_600_000;

/** A dictionary with what it persists and how often it asks to be published. */
function made(options: Partial<OwnDictionaryOptions> = {}) {
  const stored = new Map<string, Entry>();
  const seen = { published: 0, persisted: 0 };
  const own = new OwnDictionary({
    codec: new NativeStateCodec(),
    onChanged: () => seen.published++,
    persist: (changes) => {
      seen.persisted++;
      for (const { key, entry } of changes) {
        if (entry) stored.set(key, entry);
        else stored.delete(key);
      }
    },
    ...options,
  });
  const shown = () =>
    Object.fromEntries(own.entries().map(({ key, value, at }) => [key, [value, at - WALL]]));
  return { own, stored, seen, shown };
}

const writes = (object: Record<string, Json>) => Object.entries(object);

function refusal(call: () => unknown): AgentError {
  try {
    call();
  } catch (error) {
    ok(error instanceof Error);
    ok(!error.message.includes("\n"), "one line");
    return error as AgentError;
  }
  throw new Error("it was not refused");
}

Deno.test("own: set, set again, unset", () => {
  const { own, stored, seen, shown } = made();
  const changes = own.set(0, WALL, writes({ a: 1, b: [1, { c: 2 }] }));
  deepStrictEqual(changes.map(({ key }) => key), ["a", "b"]);
  deepStrictEqual(shown(), { a: [1, 0], b: [[1, { c: 2 }], 0] });
  strictEqual(own.get("a")?.source, "set");
  strictEqual(own.get("a")?.until, Infinity);
  const before = { ...seen, version: own.version, encoded: own.encoded() };
  deepStrictEqual(own.set(1, WALL + 1, writes({ a: 1, b: [1, { c: 2 }] })), [], "nothing new");
  deepStrictEqual({ ...seen, version: own.version, encoded: own.encoded() }, before);
  strictEqual(own.encoded(), before.encoded, "the very same array");
  own.set(2, WALL + 2, writes({ a: true }));
  deepStrictEqual(shown().a, [true, 2]);
  deepStrictEqual(own.unset(["b", "none", "b"]), ["b"]);
  deepStrictEqual(shown(), { a: [true, 2] });
  deepStrictEqual([...stored.values()], [{ key: "a", value: true, at: WALL + 2 }]);
  strictEqual(seen.published, 3);
});

Deno.test("own: null deletes, also of what is not there", () => {
  const { own, stored, seen, shown } = made();
  own.set(0, WALL, writes({ a: 1, b: 2 }));
  deepStrictEqual(own.set(0, WALL, writes({ a: null, none: null })), [
    { key: "a", entry: undefined },
  ]);
  deepStrictEqual(shown(), { b: [2, 0] });
  deepStrictEqual([...stored.keys()], ["b"]);
  own.set(0, WALL, writes({ none: null }));
  deepStrictEqual(seen, { published: 2, persisted: 2 });
});

Deno.test("own: the encoding is that of the codec, in the order of node data", () => {
  const { own } = made();
  own.set(0, WALL, writes({ b: 2, a: 1 }));
  const decoded = new NativeStateCodec().decode(concat([...own.encoded()]));
  deepStrictEqual([...decoded.entries.keys()], ["a", "b"]);
  strictEqual(own.counts.bytes, concat([...own.encoded()]).length);
});

Deno.test("own: what persist refuses is not there, and nothing of the write is", () => {
  let full = false;
  const { own, seen, shown } = made({
    persist: () => {
      if (full) throw new Error("disk full");
    },
  });
  own.set(0, WALL, writes({ a: 1 }));
  full = true;
  throws(() => own.set(0, WALL, writes({ a: 2, b: 2 })), /disk full/);
  throws(() => own.unset(["a"]), /disk full/);
  deepStrictEqual(shown(), { a: [1, 0] });
  strictEqual(seen.published, 1);
});

Deno.test("own: an entry is durable before it shows", () => {
  const shownWhenPersisted: (number | undefined)[] = [];
  const own: OwnDictionary = new OwnDictionary({
    codec: new NativeStateCodec(),
    persist: () => shownWhenPersisted.push(own.get("a")?.value as number | undefined),
  });
  own.set(0, WALL, writes({ a: 1 }));
  own.set(0, WALL, writes({ a: 2 }));
  own.unset(["a"]);
  deepStrictEqual(shownWhenPersisted, [undefined, 1, 2]);
});

Deno.test("own: a restart restores values and times; what no longer fits is given back", () => {
  const first = made();
  first.own.set(0, WALL, writes({ a: 1, b: "x".repeat(50) }));
  const second = made({ limit: 100, agentReserve: 40 });
  const kept: Entry[] = [
    ...first.stored.values(),
    { key: "agent/name", value: "pi", at: 0 },
    { key: "c\n", value: 1, at: 0 },
    { key: "d", value: null as unknown as string, at: 0 },
    { key: "e", value: 5, at: WALL - 1 },
  ];
  const refused = second.own.restore(kept);
  deepStrictEqual(refused.map(({ key }) => key), ["b", "agent/name", "c\n", "d"]);
  deepStrictEqual(second.shown(), { a: [1, 0], e: [5, -1] });
  deepStrictEqual(second.seen, { published: 1, persisted: 0 });
});

Deno.test("own: bad keys and values are refused with exit code 2, agent/ with 4, and change nothing", () => {
  const { own, seen, shown } = made();
  const put = (key: string, value: unknown) => () =>
    own.set(0, WALL, [["fine", 1], [key, value as Json]]);
  strictEqual(refusal(put("", 1)).exitCode, ExitCode.Usage);
  strictEqual(refusal(put("k".repeat(256), 1)).exitCode, ExitCode.Usage);
  strictEqual(refusal(put("a", undefined)).exitCode, ExitCode.Usage);
  const error = refusal(put("agent/name", "me"));
  strictEqual(error.exitCode, ExitCode.Refused);
  strictEqual((error as StateRefusal).reason, "not-allowed");
  match(error.message, /^"agent\/name" is the agent's own/);
  for (
    const call of [
      () => own.openLease(0, WALL, writes({ "agent/x": 1 })),
      () => own.setFor(0, WALL, writes({ "agent/x": 1 }), 1000),
      () => own.putGuest(0, WALL, "g", writes({ "agent/x": 1 }), 1000),
      () => own.set(0, WALL, writes({ "agent/x": null })),
    ]
  ) strictEqual((refusal(call) as StateRefusal).reason, "not-allowed");
  deepStrictEqual(shown(), {});
  deepStrictEqual(seen, { published: 0, persisted: 0 });
  deepStrictEqual(own.counts, { guests: 0, leases: 0, bytes: 0 });
  own.set(0, WALL, writes({ "agent": 1, "agents/x": 1 }));
});

Deno.test("own: agent keys come and go, and only under agent/", () => {
  const { own, stored, shown } = made();
  own.setAgent(WALL, writes({ "agent/name": "pi", "agent/version": "1" }));
  own.setAgent(WALL + 1, writes({ "agent/name": "pi", "agent/version": null, "agent/no": null }));
  deepStrictEqual(shown(), { "agent/name": ["pi", 0] });
  strictEqual(own.get("agent/name")?.source, "agent");
  strictEqual(stored.size, 0);
  throws(() => own.setAgent(WALL, writes({ name: "pi" })), RangeError);
});

Deno.test("own: what the process before said of itself stays until it is said again, or too late", () => {
  const { own, stored, seen, shown } = made();
  const said = ["agent/name", "agent/piot", "agent/links/x", "agent/gone", "temp"].map((key) => (
    { key, value: "before", at: WALL - 5 }
  ));
  own.inherit(0, [{ source: "agent", entries: said }], 1_000);
  strictEqual(seen.published, 1, "all of it at once");
  deepStrictEqual(Object.keys(shown()), said.slice(0, 4).map(({ key }) => key).sort());
  own.setAgent(WALL, writes({ "agent/name": "before", "agent/piot": "now", "agent/gone": null }));
  deepStrictEqual(shown(), {
    "agent/links/x": ["before", -5],
    "agent/name": ["before", -5],
    "agent/piot": ["now", 0],
  });
  own.setAgent(WALL, writes({ "agent/piot": null }));
  strictEqual(own.get("agent/piot"), undefined, "the older one does not show again");
  strictEqual(own.nextWake(), 1_000);
  own.wake(1_000);
  deepStrictEqual(shown(), { "agent/name": ["before", -5] });
  deepStrictEqual(own.handOver(1_000), [
    { source: "agent", entries: [{ key: "agent/name", value: "before", at: WALL - 5 }] },
  ]);
  strictEqual(stored.size, 0);
});

Deno.test("own: nothing that shows changes when one process hands over to the next", () => {
  const before = made();
  before.own.set(0, WALL, writes({ kept: 1, covered: 1, covering: 1 }));
  before.own.setFor(0, WALL + 1, writes({ brief: 1, covered: 2, covering: 0 }), 60_000);
  before.own.set(0, WALL + 2, writes({ covering: 2 }));
  before.own.putGuest(0, WALL + 3, "g", writes({ guest: 1, both: 1 }), 9_000);
  before.own.openLease(0, WALL + 3, writes({ leased: 1, both: 0 }));
  before.own.openLease(0, WALL + 4, writes({ short: 1 }), 2_000);
  before.own.putGuest(0, WALL + 5, "silent", [], 9_000);
  before.own.setAgent(WALL, writes({ "agent/name": "pi" }));
  const held = JSON.parse(JSON.stringify(before.own.handOver(500)));
  const late = refusal(() => before.own.setFor(501, WALL, writes({ late: 1 }), 1_000));
  strictEqual(late.exitCode, ExitCode.Unreachable);
  strictEqual(refusal(() => before.own.unset(["brief"])).exitCode, ExitCode.Unreachable);

  const { own, shown, seen, stored } = made();
  own.restore(before.stored.values());
  own.inherit(7_000, held, 30_000);
  deepStrictEqual(shown(), before.shown());
  deepStrictEqual(concat([...own.encoded()]), concat([...before.own.encoded()]));
  strictEqual(stored.size, 0, "nothing is written");
  strictEqual(own.guestUntil("g"), 15_500);
  strictEqual(own.guestUntil("silent"), 15_500);
  ok(own.refreshGuest(7_000, "g", 9_000));
  // Who comes back takes his own over; his going then counts, and nobody saw him away.
  const { published } = seen;
  const lease = own.openLease(7_500, WALL + 9, writes({ leased: 1, both: 0 }));
  deepStrictEqual(Object.keys(shown()), Object.keys(before.shown()));
  strictEqual(shown()["leased"]?.[1], 3);
  strictEqual(seen.published, published, "as before");
  own.releaseLease(lease);
  ok(!("leased" in shown()));
  strictEqual(shown()["both"]?.[0], 1);
  // The others have their time.
  own.wake(8_500);
  ok(!("short" in shown()), "the lease with a TTL");
  own.wake(16_000);
  ok(!("guest" in shown()));
  own.wake(37_000);
  deepStrictEqual(Object.keys(shown()), ["brief", "covered", "covering", "kept"]);
  own.wake(66_500);
  deepStrictEqual(shown(), { covered: [1, 0], covering: [2, 2], kept: [1, 0] });
});

Deno.test("own: what was handed over twice, and what is damaged, does no harm", () => {
  const { own, shown } = made({ limit: 2_200 });
  const entry = { key: "a", value: 1, at: WALL };
  own.inherit(0, [
    { source: "lease", entries: [entry, { ...entry, key: "agent/name" }] },
    { source: "timed", leftMs: -1, entries: [{ ...entry, key: "over" }] },
    { source: "guest", leftMs: 5, entries: [{ ...entry, key: "" }] },
    { source: "timed", leftMs: 5, entries: [{ ...entry, key: "big", value: "x".repeat(200) }] },
  ], 1_000);
  deepStrictEqual(shown(), { a: [1, 0] });
  const again = made();
  again.own.inherit(9_000, own.handOver(400), 30_000);
  strictEqual(again.own.nextWake(), 9_600, "it is not given more time each time");
});

Deno.test("own: a lease lives until it is released", () => {
  const { own, stored, seen, shown } = made();
  const lease = own.openLease(0, WALL, writes({ a: 1, b: 2 }));
  strictEqual(own.nextWake(), Infinity);
  own.updateLease(5, WALL + 5, lease, writes({ a: 1, c: 3 }));
  deepStrictEqual(shown(), { a: [1, 0], c: [3, 5] });
  strictEqual(own.get("a")?.source, "lease");
  strictEqual(own.releaseLease(lease), true);
  strictEqual(own.releaseLease(lease), false);
  deepStrictEqual(shown(), {});
  deepStrictEqual(own.encoded(), []);
  strictEqual(stored.size, 0);
  strictEqual(seen.published, 3);
  const error = refusal(() => own.updateLease(6, WALL, lease, writes({ a: 1 })));
  strictEqual(error.exitCode, ExitCode.NotThere);
  match(error.message, /^lease 1 has ended/);
});

Deno.test("own: a lease with a TTL ends exactly then", () => {
  const { own, shown } = made();
  const lease = own.openLease(1_000.5, WALL, writes({ a: 1 }), 500);
  strictEqual(own.nextWake(), 1_500.5);
  own.wake(1_500.4);
  deepStrictEqual(shown(), { a: [1, 0] });
  own.wake(1_500.5);
  deepStrictEqual(shown(), {});
  strictEqual(own.nextWake(), Infinity);
  strictEqual(own.releaseLease(lease), false);
});

Deno.test("own: a lease that is over cannot be updated, though nobody woke the dictionary", () => {
  const { own, shown } = made();
  const lease = own.openLease(0, WALL, writes({ a: 1 }), 500);
  const late = refusal(() => own.updateLease(500, WALL, lease, writes({ a: 2 })));
  strictEqual(late.exitCode, ExitCode.NotThere);
  deepStrictEqual(shown(), {});
});

Deno.test("own: set with a TTL, over again", () => {
  const { own, stored, shown } = made();
  own.setFor(0, WALL, writes({ a: 1, b: 1 }), 1_000);
  own.setFor(100, WALL + 100, writes({ a: 2 }), 300);
  deepStrictEqual(shown(), { a: [2, 100], b: [1, 0] });
  strictEqual(own.nextWake(), 400);
  own.wake(400);
  deepStrictEqual(shown(), { b: [1, 0] }, "the earlier value of a does not come back");
  own.setFor(500, WALL + 500, writes({ b: 1 }), 2_000);
  own.wake(1_000);
  deepStrictEqual(shown(), { b: [1, 0] }, "refreshed, and the value had not changed");
  own.setFor(1_100, WALL, writes({ b: null, none: null }), 5);
  deepStrictEqual(shown(), {});
  own.wake(2_500);
  strictEqual(own.nextWake(), Infinity);
  strictEqual(stored.size, 0);
  own.setFor(3_000, WALL, writes({ c: 1 }), 1_000);
  deepStrictEqual(own.unset(["c"]), ["c"], "unset ends it");
  deepStrictEqual(shown(), {});
});

Deno.test("own: a TTL that cannot be is refused", () => {
  const { own, shown } = made();
  for (const ttl of [0, -1, NaN, Infinity]) {
    strictEqual(refusal(() => own.setFor(0, WALL, writes({ a: 1 }), ttl)).exitCode, 2);
    strictEqual(refusal(() => own.openLease(0, WALL, writes({ a: 1 }), ttl)).exitCode, 2);
    strictEqual(refusal(() => own.putGuest(0, WALL, "g", writes({ a: 1 }), ttl)).exitCode, 2);
  }
  deepStrictEqual(shown(), {});
});

Deno.test("own: the claim written last shows; when it goes, the one beneath shows again", () => {
  const { own, shown } = made();
  own.set(0, WALL, writes({ a: "set" }));
  const lease = own.openLease(1, WALL + 1, writes({ a: "lease" }));
  own.setFor(2, WALL + 2, writes({ a: "timed" }), 100);
  deepStrictEqual(shown(), { a: ["timed", 2] });
  strictEqual(own.get("a")?.until, 102);
  own.releaseLease(lease);
  deepStrictEqual(shown(), { a: ["timed", 2] }, "from the middle");
  own.wake(102);
  deepStrictEqual(shown(), { a: ["set", 0] });
  own.openLease(200, WALL + 200, writes({ a: "lease" }));
  own.set(201, WALL + 201, writes({ a: "set" }));
  deepStrictEqual(shown(), { a: ["set", 201] }, "written last, though the store had it already");
  own.unset(["a"]);
  deepStrictEqual(shown(), { a: ["lease", 200] });
});

Deno.test("own: another source that writes what shows already changes nothing for others", () => {
  const { own, stored, seen, shown } = made();
  const lease = own.openLease(0, WALL, writes({ a: { x: 1 } }));
  own.set(5, WALL + 5, writes({ a: { x: 1 } }));
  deepStrictEqual(shown(), { a: [{ x: 1 }, 0] });
  strictEqual(stored.get("a")?.at, WALL, "kept, with the time of the change");
  own.releaseLease(lease);
  deepStrictEqual(shown(), { a: [{ x: 1 }, 0] });
  strictEqual(seen.published, 1);
});

Deno.test("own: a guest is replaced whole, refreshed, and dropped", () => {
  const { own, stored, seen, shown } = made();
  own.putGuest(0, WALL, "g", writes({ a: 1, b: 2 }), 100);
  own.putGuest(50, WALL + 50, "g", writes({ b: 2, c: 3 }), 100);
  deepStrictEqual(shown(), { b: [2, 0], c: [3, 50] });
  strictEqual(own.guestUntil("g"), 150);
  const { published } = seen;
  strictEqual(own.refreshGuest(149, "g", 100), true);
  strictEqual(seen.published, published, "a refresh publishes nothing");
  strictEqual(own.nextWake(), 249);
  own.wake(249);
  deepStrictEqual(shown(), {});
  strictEqual(own.refreshGuest(249, "g", 100), false);
  own.putGuest(300, WALL, "g", writes({ a: 1 }), 100);
  strictEqual(own.dropGuest("g"), true);
  strictEqual(own.dropGuest("g"), false);
  deepStrictEqual(shown(), {});
  strictEqual(own.guestUntil("g"), undefined);
  strictEqual(stored.size, 0);
});

Deno.test("own: no guest takes the place of what the node's own users and networks hold", () => {
  const { own, shown, seen } = made();
  own.set(0, WALL, writes({ set: 1 }));
  own.setFor(0, WALL, writes({ brief: 1 }), 1_000);
  const lease = own.openLease(0, WALL, writes({ leased: 1, set: 2 }));
  own.share("old", [{ key: "pi/door", value: "shut", at: WALL }]);
  own.putGuest(0, WALL, "g", writes({ mine: 1 }), 500);
  const before = shown();
  const { published } = seen;
  for (const key of ["set", "brief", "leased", "pi/door"]) {
    const refused = refusal(() =>
      own.putGuest(9, WALL + 9, "g", writes({ mine: 2, [key]: 9 }), 99)
    );
    strictEqual((refused as StateRefusal).reason, "not-allowed");
    strictEqual(
      refused.message,
      `"${key}" is set on this node itself, and a guest cannot change that; ` +
        "take another key, or another node",
    );
    strictEqual(
      refusal(() => own.putGuest(9, WALL + 9, "h", writes({ [key]: 9 }), 99)).exitCode,
      4,
    );
  }
  // What lies beneath counts too: it would be hidden as soon as the lease is released.
  refusal(() => own.putGuest(9, WALL + 9, "g", writes({ set: 2 }), 99));
  deepStrictEqual(shown(), before, "nothing has changed");
  deepStrictEqual([seen.published, own.guestUntil("g"), own.counts.guests], [published, 500, 1]);
  // What is free again may be had.
  own.releaseLease(lease);
  own.putGuest(10, WALL + 10, "g", writes({ leased: 9, set: 1 }), 500);
  deepStrictEqual(shown()["leased"], [9, 10]);
});

Deno.test("own: what a guest holds, others of this node may write over, and have removed", () => {
  const { own, shown } = made();
  own.putGuest(0, WALL, "g", writes({ a: "guest", b: "same" }), 100);
  own.set(1, WALL + 1, writes({ a: "set" }));
  own.openLease(1, WALL + 1, writes({ b: "same" }));
  deepStrictEqual(shown(), { a: ["set", 1], b: ["same", 0] });
  ok(own.refreshGuest(2, "g", 200), "it is still there, beneath");
  deepStrictEqual(shown(), { a: ["set", 1], b: ["same", 0] });
  refusal(() => own.putGuest(3, WALL + 3, "g", writes({ a: "guest again" }), 100));
  own.putGuest(3, WALL + 3, "g", writes({ a: "set", b: "same" }), 100);
  deepStrictEqual(shown(), { a: ["set", 1], b: ["same", 0] }, "the same value is no conflict");
  own.set(4, WALL + 4, writes({ a: "set anew" }));
  deepStrictEqual(shown()["a"], ["set anew", 4]);
  own.unset(["a"]);
  deepStrictEqual(shown()["a"], ["set", 1], "of the guest, for the rest of its time");
  own.putGuest(5, WALL + 5, "h", writes({ a: "another" }), 50);
  deepStrictEqual(shown()["a"], ["another", 5], "among guests the last one shows");
  own.wake(103);
  deepStrictEqual(shown(), { b: ["same", 0] });
});

Deno.test("own: neither sources nor ends are published", () => {
  const plain = made();
  plain.own.set(0, WALL, writes({ a: 1, b: 2, c: 3, d: 4 }));
  const mixed = made();
  mixed.own.set(0, WALL, writes({ a: 1 }));
  mixed.own.openLease(0, WALL, writes({ b: 2 }), 1_000);
  mixed.own.putGuest(0, WALL, "g", writes({ c: 3 }), 1_000);
  mixed.own.setFor(0, WALL, writes({ d: 4 }), 1_000);
  deepStrictEqual(mixed.own.encoded(), plain.own.encoded());
});

Deno.test("own: as many guests and leases as allowed, and their sizes", () => {
  const { own } = made({ maxGuests: 2, maxGuestBytes: 60, maxLeases: 2 });
  own.putGuest(0, WALL, "1", writes({ a: 1 }), 100);
  own.putGuest(0, WALL, "2", writes({ b: 1 }), 100);
  const third = refusal(() => own.putGuest(99, WALL, "3", writes({ c: 1 }), 100)) as StateRefusal;
  strictEqual(third.reason, "too-many");
  match(third.message, /^this node has 2 guests/);
  own.putGuest(99, WALL, "1", writes({ a: 2 }), 100);
  own.putGuest(100, WALL, "3", writes({ c: 1 }), 100);
  const large = refusal(() => own.putGuest(100, WALL, "3", writes({ c: "x".repeat(60) }), 100));
  strictEqual((large as StateRefusal).reason, "too-large");
  match(large.message, /^a guest's entries may take 60 bytes, these take 7\d; publish less$/);
  deepStrictEqual(own.entries().map(({ key }) => key), ["a", "c"]);
  own.openLease(0, WALL, []);
  const lease = own.openLease(0, WALL, []);
  const refused = refusal(() => own.openLease(0, WALL, []));
  strictEqual((refused as StateRefusal).reason, "too-many");
  strictEqual(refused.exitCode, ExitCode.Refused);
  own.releaseLease(lease);
  own.openLease(0, WALL, []);
});

Deno.test("own: 65 keys of the largest size fit, and the message names the figures where they do not", () => {
  const { own, shown } = made();
  const key = (i: number) => `${i}`.padStart(3, "0") + "k".repeat(252);
  for (let i = 0; i < 65; i++) own.set(0, WALL, [[key(i), "v".repeat(700)]]);
  // 4 header, 1 array, 2 + 255 key, 9 time, 3 + 700 value.
  strictEqual(own.counts.bytes, 65 * 974);
  const error = refusal(() => own.set(0, WALL, [[key(65), "v".repeat(5_000)]]));
  strictEqual(error.exitCode, ExitCode.Refused);
  strictEqual((error as StateRefusal).reason, "too-large");
  strictEqual(
    error.message,
    "this would make this node's state 70 632 bytes with the 2 048 that are kept for agent/…; " +
      "65 536 are allowed: unset keys or make values smaller",
  );
  strictEqual(Object.keys(shown()).length, 65);
});

Deno.test("own: the limit is met to the byte, and the agent has its reserve", () => {
  const { own, seen } = made({ limit: 100, agentReserve: 40 });
  // 4 header, 1 array, 2 key, 9 time, 1 + n value.
  own.set(0, WALL, writes({ a: "x".repeat(20), b: 0 }));
  strictEqual(own.counts.bytes, 37 + 17);
  refusal(() => own.set(0, WALL, writes({ c: 0 })));
  refusal(() => own.set(0, WALL, writes({ b: Number.MAX_SAFE_INTEGER })));
  // 60 bytes are for all but the agent; text of 24 bytes and more has a head of 2.
  refusal(() => own.set(0, WALL, writes({ a: "x".repeat(26) })));
  own.set(0, WALL, writes({ a: "x".repeat(25) }));
  strictEqual(own.counts.bytes, 60);
  own.setAgent(WALL, [["agent/name", "x".repeat(14)]]);
  strictEqual(own.counts.bytes, 100);
  const before = { ...seen };
  const error = refusal(() => own.setAgent(WALL, [["agent/name", "x".repeat(15)]]));
  match(error.message, /state 101 bytes; 100 are allowed/);
  deepStrictEqual({ ...seen }, before);
});

Deno.test("own: what the agent writes can leave bytes for what is more important", () => {
  const { own, shown } = made({ limit: 100, agentReserve: 40 });
  own.set(0, WALL, writes({ a: "x".repeat(25), b: 0 }));
  const error = refusal(() => own.setAgent(WALL, [["agent/links/x", "x".repeat(6)]], 6));
  match(error.message, /state 101 bytes .*; 100 are allowed/);
  own.setAgent(WALL, [["agent/links/x", "x".repeat(5)]], 6);
  own.setAgent(WALL, [["agent/links/x", "x".repeat(4)]], 60);
  strictEqual(Object.keys(shown()).length, 3, "what shrinks is never refused");
});

Deno.test("own: a write that swaps within the limit is taken as a whole", () => {
  const { own, shown } = made({ limit: 100, agentReserve: 0 });
  own.set(0, WALL, writes({ a: "x".repeat(70) }));
  refusal(() => own.set(0, WALL, writes({ b: "x".repeat(70) })));
  own.set(0, WALL, writes({ b: "x".repeat(70), a: null }));
  deepStrictEqual(Object.keys(shown()), ["b"]);
});

Deno.test("own: what shows again never goes beyond the limit", () => {
  const { own } = made({ limit: 100, agentReserve: 0 });
  own.set(0, WALL, writes({ a: "x".repeat(60) }));
  own.openLease(0, WALL, writes({ a: 1 }), 100);
  // Only 17 bytes show now, but 78 may show again.
  const error = refusal(() => own.set(0, WALL, writes({ b: "x".repeat(60) })));
  strictEqual((error as StateRefusal).reason, "too-large");
  own.set(0, WALL, writes({ b: 1 }));
  own.wake(100);
  ok(own.counts.bytes <= 100);
});

Deno.test("own: one wake for all that ends together, one publication", () => {
  const { own, seen, shown } = made();
  for (let i = 0; i < 10; i++) own.putGuest(0, WALL, `${i}`, writes({ [`k${i}`]: i }), 100);
  own.setFor(0, WALL, writes({ t: 1 }), 100);
  const { published } = seen;
  own.wake(100);
  strictEqual(seen.published, published + 1);
  deepStrictEqual(shown(), {});
});

Deno.test("own: a key named __proto__ is a key", () => {
  const { own } = made();
  own.set(0, WALL, [["__proto__", 1], ["constructor", 2]]);
  deepStrictEqual(own.entries().map(({ key }) => key), ["__proto__", "constructor"]);
});

Deno.test("own: persistent changes tell exactly what to store", () => {
  const log: PersistentChange[][] = [];
  const { own } = made({ persist: (changes) => void log.push([...changes]) });
  own.set(0, WALL, writes({ a: 1, b: 1 }));
  own.set(1, WALL + 1, writes({ a: 1, b: 2, c: null }));
  own.openLease(2, WALL + 2, writes({ d: 1 }));
  own.setFor(2, WALL + 2, writes({ e: 1 }), 10);
  own.unset(["a", "d", "e", "none"]);
  deepStrictEqual(log, [
    [
      { key: "a", entry: { key: "a", value: 1, at: WALL } },
      { key: "b", entry: { key: "b", value: 1, at: WALL } },
    ],
    [{ key: "b", entry: { key: "b", value: 2, at: WALL + 1 } }],
    [{ key: "a", entry: undefined }],
  ]);
});
