/** What one process leaves for the next. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { ExitCode } from "../../lib/core/mod.ts";
import { concat } from "../../lib/wire/bytes.ts";
import { made, refusal, WALL, writes } from "./dictionary.ts";

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
