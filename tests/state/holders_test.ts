/** Leases, entries with a TTL, and guests: who holds what, and until when. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { ExitCode } from "../../lib/core/mod.ts";
import type { StateRefusal } from "../../lib/state/mod.ts";
import { made, refusal, WALL, writes } from "./dictionary.ts";

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

Deno.test("own: one wake for all that ends together, one publication", () => {
  const { own, seen, shown } = made();
  for (let i = 0; i < 10; i++) own.putGuest(0, WALL, `${i}`, writes({ [`k${i}`]: i }), 100);
  own.setFor(0, WALL, writes({ t: 1 }), 100);
  const { published } = seen;
  own.wake(100);
  strictEqual(seen.published, published + 1);
  deepStrictEqual(shown(), {});
});
