/** How much room there is, and that no write goes beyond. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { ExitCode } from "../../lib/core/mod.ts";
import type { StateRefusal } from "../../lib/state/mod.ts";
import { made, refusal, WALL, writes } from "./dictionary.ts";

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
