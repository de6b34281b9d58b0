import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { type DropReason, Gate } from "../../lib/http/gate.ts";

const LIMITS = { most: 3, askMs: 10, answerMs: 60, leaveMs: 2 };

function made() {
  const dropped: [number, DropReason][] = [];
  const gate = new Gate({ ...LIMITS, drop: (id, why) => dropped.push([id, why]) });
  return { gate, dropped };
}

Deno.test("gate: who does not ask in time goes, and so does who does not take the answer", () => {
  const { gate, dropped } = made();
  ok(gate.enter(0, 1));
  ok(gate.enter(1, 2));
  ok(gate.enter(2, 3));
  gate.asked(5, 2);
  gate.asked(5, 3);
  gate.served(3);
  strictEqual(gate.nextWake(), 10);
  gate.wake(9);
  deepStrictEqual(dropped, []);
  gate.wake(10);
  deepStrictEqual(dropped, [[1, "late"]]);
  gate.wake(15);
  deepStrictEqual(dropped.slice(1), [[2, "late"]], "the server did not begin with it");
  strictEqual(gate.nextWake(), Infinity, "the server may take its time");
  gate.answered(1_000, 3);
  strictEqual(gate.nextWake(), 1_060);
  gate.moved(1_059, 3);
  gate.wake(1_060);
  strictEqual(gate.nextWake(), 1_119);
  gate.wake(1_119);
  deepStrictEqual(dropped.slice(2), [[3, "stalled"]]);
  strictEqual(gate.size, 0);
});

Deno.test("gate: an answer that moves lives for ever", () => {
  const { gate, dropped } = made();
  gate.enter(0, 1);
  gate.served(1);
  gate.answered(0, 1);
  for (let now = 0; now < 100_000; now += 15) {
    gate.moved(now, 1);
    while (gate.nextWake() <= now) gate.wake(now);
  }
  deepStrictEqual(dropped, []);
});

Deno.test("gate: after the answer there is a moment to close, whatever is still told", () => {
  const { gate, dropped } = made();
  gate.enter(0, 1);
  gate.served(1);
  gate.leaving(5, 1);
  gate.answered(6, 1);
  gate.moved(6, 1);
  gate.wake(7);
  deepStrictEqual(dropped, [[1, "left-open"]]);
  gate.enter(8, 2);
  gate.leaving(8, 2);
  gate.left(2);
  strictEqual(gate.nextWake(), Infinity);
});

Deno.test("gate: the oldest that has not asked makes room, and never one that is served", () => {
  const { gate, dropped } = made();
  gate.enter(0, 1);
  gate.enter(0, 2);
  gate.enter(0, 3);
  gate.asked(1, 1);
  ok(gate.enter(2, 4));
  deepStrictEqual(dropped, [[2, "oldest"]]);
  gate.served(3);
  gate.answered(3, 3);
  gate.served(4);
  strictEqual(gate.enter(4, 5), false);
  strictEqual(gate.size, 3);
  gate.leaving(5, 3);
  ok(gate.enter(6, 5), "one that has its answer makes room, too");
  deepStrictEqual(dropped.slice(1), [[3, "left-open"]]);
});

Deno.test("gate: never more than allowed, and nobody for ever who does nothing, whatever happens", () => {
  const events = ["enter", "asked", "served", "answered", "moved", "leaving", "left"] as const;
  const step = fc.record({
    event: fc.constantFrom(...events),
    id: fc.integer({ min: 1, max: 6 }),
    pause: fc.constantFrom(0, 1, 3, 20),
  });
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const { gate, dropped } = made();
    const inside = new Set<number>();
    let now = 0;
    const gone = () => {
      for (const [id] of dropped.splice(0)) ok(inside.delete(id), `${id} went twice`);
      strictEqual(gate.size, inside.size);
    };
    for (const { event, id, pause } of steps) {
      for (const target = now + pause; now < target;) {
        now = Math.min(target, Math.max(now, gate.nextWake()));
        gate.wake(now);
        gone();
        ok(gate.nextWake() > now);
      }
      if (event === "enter") {
        if (!inside.has(id) && gate.enter(now, id)) inside.add(id);
      } else if (event === "left") {
        gate.left(id);
        inside.delete(id);
      } else if (event === "served") gate.served(id);
      else gate[event](now, id);
      gone();
      ok(gate.size <= LIMITS.most);
    }
    // Only what the server is at stays by itself; it has its own limits.
    for (const id of inside) gate.answered(now, id);
    for (const end = now + LIMITS.answerMs; now < end;) {
      now = Math.min(end, gate.nextWake());
      gate.wake(now);
    }
    strictEqual(gate.size, 0);
  }));
});
