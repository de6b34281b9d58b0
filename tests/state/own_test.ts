/** The own dictionary: what is set and restored, the agent's entries, and which claim shows. */
import { deepStrictEqual, match, strictEqual, throws } from "node:assert/strict";
import { ExitCode } from "../../lib/core/mod.ts";
import {
  type Entry,
  NativeStateCodec,
  OwnDictionary,
  type PersistentChange,
  type StateRefusal,
} from "../../lib/state/mod.ts";
import { concat } from "../../lib/wire/bytes.ts";
import type { Json } from "../../lib/wire/cbor.ts";
import { made, refusal, WALL, writes } from "./dictionary.ts";

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
