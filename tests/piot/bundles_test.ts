import assert from "node:assert/strict";
import fc from "fast-check";
import { Random } from "../../lib/core/mod.ts";
import type { PiotStore } from "../../lib/piot/mod.ts";
import { type Bundle, Bundles } from "../../lib/piot/bundles.ts";
import { decodeNumbers, encodeNumbers } from "../../lib/piot/numbers.ts";
import {
  entryRecord,
  keys,
  ordinalOf,
  recentRecord,
  sendingRecord,
} from "../../lib/piot/records.ts";
import { Turn } from "../../lib/piot/turn.ts";
import { WireError } from "../../lib/wire/bytes.ts";
import { World } from "./world.ts";

const KEYS = keys.outbox(1);

class Memory implements PiotStore {
  entries = new Map<string, Uint8Array>();

  scan(prefix: string): [string, Uint8Array][] {
    return [...this.entries].filter(([key]) => key.startsWith(prefix)).sort(([a], [b]) =>
      a < b ? -1 : 1
    );
  }

  commit(changes: ReadonlyMap<string, Uint8Array | null>): void {
    for (const [key, value] of changes) {
      if (value === null) this.entries.delete(key);
      else this.entries.set(key, value.slice());
    }
  }
}

const idOf = (at: number) => at.toString(16).padStart(32, "0");

Deno.test("bundles: after a crash there is what was stored, less what had left and was written", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = new Random(seed);
    const store = new Memory();
    let turn = new Turn(store);
    let bundles = new Bundles(turn, recentRecord, KEYS);
    /** What is there now; what the disk must have; what it may have, because that can wait. */
    let live = new Map<number, Bundle>();
    let kept = new Set<number>();
    let mayBeThere = new Set<number>();
    let next = 1;
    const commit = () => {
      const writes = [...kept].some((at) => !live.has(at) && !mayBeThere.has(at)) ||
        [...live.keys()].some((at) => !kept.has(at));
      turn.commit();
      kept = new Set(live.keys());
      if (writes) mayBeThere = new Set();
    };
    for (let step = 0; step < 300; step++) {
      const dice = random.unit();
      if (dice < 0.5) {
        for (let i = random.below(random.chance(0.1) ? 200 : 6); i >= 0; i--) {
          live.set(next, bundles.add(next, { id: idOf(next) }));
          next++;
        }
      } else if (dice < 0.8 && live.size > 0) {
        const all = [...live];
        const [at, bundle] = random.chance(0.7) ? all[0]! : random.pick(all);
        const later = kept.has(at) && random.chance(0.6);
        live.delete(at);
        if (later) mayBeThere.add(at);
        bundles.remove(bundle, at, later);
      } else if (dice < 0.95) commit();
      else {
        turn = new Turn(store);
        bundles = new Bundles(turn, recentRecord, KEYS);
        live = new Map();
        for (const { at, bundle, value } of bundles.load(store)) {
          assert.equal(value.id, idOf(at));
          assert.ok(kept.has(at) || mayBeThere.has(at), `seed ${seed}: ${at} is there again`);
          live.set(at, bundle);
        }
        for (const at of kept) {
          assert.ok(live.has(at) || mayBeThere.has(at), `seed ${seed}: ${at} is lost`);
        }
        const places = [...live.keys()];
        assert.deepEqual(places, places.toSorted((a, b) => a - b));
        kept = new Set(places);
        mayBeThere = new Set();
      }
    }
    for (const [at, bundle] of live) bundles.remove(bundle, at, random.chance(0.5));
    turn.tidy();
    turn.commit();
    assert.equal(store.entries.size, 0, `seed ${seed}: something is left`);
  }
});

Deno.test("bundles: one turn is few rows, and a large record has one for itself", () => {
  const store = new Memory();
  const turn = new Turn(store);
  const bundles = new Bundles(turn, entryRecord, KEYS);
  const record = (at: number, size: number) => ({
    id: idOf(at),
    header: new Uint8Array(),
    body: new Uint8Array(size),
    created: 0,
    expires: 0,
  });
  for (let at = 1; at <= 500; at++) bundles.add(at, record(at, 10));
  turn.commit();
  assert.equal(store.entries.size, 8);
  for (let at = 501; at <= 504; at++) bundles.add(at, record(at, 20_000));
  turn.commit();
  assert.equal(store.entries.size, 12);
});

Deno.test("bundles: rows that earlier versions wrote are bundles of one", async () => {
  const world = new World(1);
  const a = world.node("a");
  await Promise.all(["1", "2", "3"].map((text) => a.send("b", text)));
  a.crash();
  const disk = new Map<string, Uint8Array>();
  for (const [key, value] of a.disk.copy()) {
    if (!key.includes("/o/")) disk.set(key, value);
    else {
      const { row } = keys.outbox(1);
      entryRecord.decodeAll(value).forEach((entry, i) =>
        disk.set(row(ordinalOf(key) + i), entryRecord.encode(entry))
      );
    }
  }
  a.disk.restore(disk);
  a.start();
  assert.equal(a.piot?.outbox().length, 3);
  const b = world.node("b");
  a.connect(b);
  world.run(2_000);
  assert.deepEqual(b.texts(), ["1", "2", "3"]);
  world.run(2_000);
  assert.deepEqual([...a.disk.scan("")].filter(([key]) => /\/[op]\//.test(key)), []);
});

Deno.test("numbers: runs say what pairs did, and damage is an error", () => {
  const steps = fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })));
  fc.assert(fc.property(steps, (steps) => {
    const sent = new Map<number, { at: number } | undefined>();
    const pairs: number[] = [];
    let [seq, at] = [0, 0];
    for (const [i, j] of steps) {
      seq += i;
      at += j;
      sent.set(seq, { at });
      pairs.push(i, j);
    }
    sent.set(seq + 1, undefined);
    const expected = new Map([...sent].flatMap(([seq, entry]) => entry ? [[entry.at, seq]] : []));
    assert.deepEqual(decodeNumbers(encodeNumbers(sent)), expected);
    assert.deepEqual(decodeNumbers(undefined, pairs), expected);
  }));
  const window = new Map(Array.from({ length: 2_000 }, (_, i) => [i + 7, { at: i + 9 }]));
  const bytes = sendingRecord.encode({
    epoch: "0".repeat(16),
    lastSeq: 7,
    runs: encodeNumbers(window),
  });
  assert.ok(bytes.length < 30);
  assert.throws(() => decodeNumbers([1, 1, Number.MAX_SAFE_INTEGER]), WireError);
});
