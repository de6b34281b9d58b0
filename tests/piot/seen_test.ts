import assert from "node:assert/strict";
import fc from "fast-check";
import { orderedId, SeenIds } from "../../lib/piot/seen.ts";

const ORIGIN = "00000000000000aa";

Deno.test("a count and its gaps know what a list of all ids knows", () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 80 }), (counts) => {
    let seen = new SeenIds();
    const twin = new Set<number>();
    for (const count of counts) {
      if (seen.knows(orderedId(ORIGIN, count))) continue;
      seen.add(orderedId(ORIGIN, count));
      twin.add(count);
      const again = new SeenIds();
      again.load(seen.save());
      seen = again;
      for (let i = 1; i <= 61; i++) {
        assert.equal(seen.knows(orderedId(ORIGIN, i)), twin.has(i), `${i} of ${[...twin]}`);
      }
    }
  }));
});

Deno.test("what is kept stays small: 64 starts of a peer, 64 gaps each", () => {
  const seen = new SeenIds();
  for (let origin = 1; origin <= 100; origin++) {
    for (let count = 1; count <= 400; count += 2) {
      seen.add(orderedId(origin.toString(16).padStart(16, "0"), count));
    }
  }
  const { origins, highest, gaps } = seen.save();
  assert.equal(origins.length, 64);
  assert.equal(highest.length, 64);
  assert.equal(gaps.length, 64 * 64 * 3);
  assert.equal(seen.knows(orderedId("0000000000000064", 399)), true);
  assert.equal(seen.knows(orderedId("0000000000000064", 2)), true, "an old gap counts as seen");
});

Deno.test("random ids are not taken for ordered ones", () => {
  const seen = new SeenIds();
  assert.equal(seen.knows("f".repeat(32)), undefined);
});
