import assert from "node:assert/strict";
import { MacCache } from "../../lib/lsoe/mac_cache.ts";
import { BROADCAST } from "../../lib/wire/mac.ts";

const A = 0x02_00_00_00_0b_01;
const B = A + 1;
const TIMEOUT = 1_000;

Deno.test("a station that shows up on another interface is not believed", () => {
  const cache = new MacCache(TIMEOUT);
  assert.equal(cache.accept(0, A, 1), "taken");
  assert.equal(cache.accept(600, A, 1), "taken");
  assert.equal(cache.accept(700, A, 2), "moved");
  // A frame that was dropped keeps nothing alive.
  assert.equal(cache.accept(1_600, A, 2), "moved");
  assert.equal(cache.interfaceOf(A), 1);
  assert.equal(cache.accept(1_601, A, 2), "taken");
  assert.equal(cache.interfaceOf(A), 2);
});

Deno.test("a station is on an interface and on the VLANs on it at once, and moves within each", () => {
  const cache = new MacCache(TIMEOUT);
  assert.equal(cache.accept(0, A, 1), "taken");
  assert.equal(cache.accept(0, A, 2, 7), "taken");
  assert.equal(cache.accept(0, A, 3, 9), "taken");
  // Another card of ours is in VLAN 7 too.
  assert.equal(cache.accept(0, A, 4, 7), "moved");
  assert.equal(cache.accept(0, A, 5), "moved");
  assert.deepEqual([0, 7, 9, 11].map((vlan) => cache.interfaceOf(A, vlan)), [1, 2, 3, undefined]);
  // Each goes by itself.
  cache.remove(2, A);
  assert.equal(cache.interfaceOf(A, 7), 2);
  cache.remove(2, A, 7);
  assert.equal(cache.accept(1, A, 4, 7), "taken");
  cache.removeInterface(1);
  assert.equal(cache.accept(1, A, 5), "taken");
  assert.equal(cache.interfaceOf(A, 9), 3);
  cache.wake(cache.nextWake());
  assert.equal(cache.size, 2);
});

Deno.test("groups, broadcast and nothing are no source", () => {
  const cache = new MacCache(TIMEOUT);
  for (const mac of [0, BROADCAST, 0x0180c200000e]) {
    assert.equal(cache.accept(0, mac, 1), "refused");
  }
  assert.equal(cache.size, 0);
});

Deno.test("a station is followed as soon as its old session or interface is gone", () => {
  const cache = new MacCache(TIMEOUT);
  cache.accept(0, A, 1);
  cache.accept(0, B, 1);
  // The session of another interface is none of its business.
  cache.remove(2, A);
  assert.equal(cache.accept(1, A, 2), "moved");
  cache.remove(1, A);
  assert.equal(cache.accept(1, A, 2), "taken");
  assert.equal(cache.accept(1, B, 2), "moved");
  cache.removeInterface(1);
  assert.equal(cache.accept(1, B, 2), "taken");
  assert.equal(cache.size, 2);
});

Deno.test("entries age out, each in its time", () => {
  const cache = new MacCache(TIMEOUT);
  assert.equal(cache.nextWake(), Infinity);
  cache.accept(0, A, 1);
  cache.accept(100, B, 1);
  cache.accept(500, A, 1);
  const first = cache.nextWake();
  assert.ok(first > 1_100 && first <= 1_101);
  cache.wake(first);
  assert.equal(cache.interfaceOf(B), undefined);
  assert.equal(cache.interfaceOf(A), 1);
  cache.wake(cache.nextWake());
  assert.equal(cache.size, 0);
  assert.equal(cache.nextWake(), Infinity);
});

Deno.test("10 000 forged stations push out the oldest, not who still speaks", () => {
  const cache = new MacCache(TIMEOUT);
  for (let i = 0; i < 10_000; i++) {
    assert.equal(cache.accept(i / 100, 0x02_00_00_01_00_00 + i, 2), "taken");
    if (i % 1_000 === 0) cache.accept(i / 100, A, 1);
    assert.ok(cache.size <= 4_096);
  }
  assert.equal(cache.interfaceOf(A), 1);
  assert.equal(cache.size, 4_096);
});
