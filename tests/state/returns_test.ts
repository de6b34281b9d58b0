/** What was kept of a node is not told as news when the node comes back. */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import type { NodeView } from "../../lib/dncp/api.ts";
import { Returns } from "../../lib/state/returns.ts";

const A = "ab12000000000000";
const B = "ab13000000000000";

function node(id: string, seqno: number, self = false): NodeView {
  return { id, self, seqno, data: new Uint8Array(), hash: new Uint8Array(), origination: 0 };
}

/** With what it shows, as `ID SEQNO` or `-ID`. */
function shown(): { returns: Returns; told: () => string[] } {
  const all: string[] = [];
  const returns = new Returns(({ before, after }) =>
    all.push(
      after ? `${before ? `${before.seqno} ` : ""}${after.id} ${after.seqno}` : `-${before?.id}`,
    )
  );
  return { returns, told: () => all.splice(0) };
}

Deno.test("returns: who is new, changes and goes is shown at once", () => {
  const { returns, told } = shown();
  returns.nodeChanged(0, { after: node(A, 1) });
  returns.nodeChanged(1, { before: node(A, 1), after: node(A, 2) });
  returns.nodeChanged(2, { before: node(A, 2) });
  deepStrictEqual(told(), [`${A} 1`, `1 ${A} 2`, `-${A}`]);
  strictEqual(returns.nextWake(), Infinity);
});

Deno.test("returns: an old state is never shown where the new one comes soon", () => {
  const { returns, told } = shown();
  returns.nodeChanged(0, { after: node(A, 1) });
  returns.nodeChanged(10, { before: node(A, 1) });
  told();
  returns.nodeChanged(5_000, { after: node(A, 1) });
  deepStrictEqual([told(), returns.size, returns.nextWake()], [[], 1, 6_000]);
  returns.nodeChanged(5_100, { before: node(A, 1), after: node(A, 3) });
  // As one that is new: nobody has seen it come.
  deepStrictEqual(told(), [`${A} 3`]);
  deepStrictEqual([returns.size, returns.nextWake()], [0, Infinity]);
  returns.nodeChanged(5_200, { before: node(A, 3), after: node(A, 4) });
  deepStrictEqual(told(), [`3 ${A} 4`]);
});

Deno.test("returns: one that comes back unchanged is shown after a second, in the order of coming", () => {
  const { returns, told } = shown();
  for (const id of [A, B]) {
    returns.nodeChanged(0, { after: node(id, 1) });
    returns.nodeChanged(0, { before: node(id, 1) });
  }
  told();
  returns.nodeChanged(100, { after: node(B, 1) });
  returns.nodeChanged(200, { after: node(A, 1) });
  returns.wake(1_099);
  deepStrictEqual(told(), []);
  returns.wake(1_100);
  deepStrictEqual([told(), returns.nextWake()], [[`${B} 1`], 1_200]);
  returns.wake(1_200);
  deepStrictEqual([told(), returns.nextWake()], [[`${A} 1`], Infinity]);
});

Deno.test("returns: one that was restarted meanwhile is shown at once", () => {
  const { returns, told } = shown();
  returns.nodeChanged(0, { after: node(A, 1) });
  returns.nodeChanged(10, { before: node(A, 1) });
  returns.nodeChanged(20, { after: node(A, 1_001) });
  deepStrictEqual(told(), [`${A} 1`, `-${A}`, `${A} 1001`]);
});

Deno.test("returns: one that comes and goes again was never there, and is held back again", () => {
  const { returns, told } = shown();
  returns.nodeChanged(0, { after: node(A, 1) });
  returns.nodeChanged(10, { before: node(A, 1) });
  told();
  for (const now of [100, 300, 500]) {
    returns.nodeChanged(now, { after: node(A, 1) });
    returns.nodeChanged(now + 100, { before: node(A, 1) });
  }
  deepStrictEqual([told(), returns.size, returns.nextWake()], [[], 0, Infinity]);
  returns.nodeChanged(700, { after: node(A, 1) });
  returns.wake(returns.nextWake());
  deepStrictEqual(told(), [`${A} 1`]);
});

Deno.test("returns: this node itself is never held back", () => {
  const { returns, told } = shown();
  returns.nodeChanged(0, { before: node(A, 1, true) });
  returns.nodeChanged(1, { after: node(A, 1, true) });
  deepStrictEqual(told(), [`-${A}`, `${A} 1`]);
});
