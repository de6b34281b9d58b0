import assert from "node:assert/strict";
import { Random } from "../../lib/core/mod.ts";
import { Queue } from "../../lib/piot/queue.ts";

Deno.test("queue: behaves as a sorted list, whatever leaves it, and from where", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = new Random(seed);
    const queue = new Queue<{ at: number }>();
    let list: { at: number }[] = [];
    for (let at = 1; at <= 6_000; at++) {
      const element = { at };
      queue.push(element);
      list.push(element);
      for (let n = random.below(3); n > 0 && list.length > 0; n--) {
        // Mostly from the front, so that it is compacted too.
        const gone = list[random.below(4) === 0 ? random.below(list.length) : 0] as { at: number };
        assert.equal(queue.delete(gone), true);
        assert.equal(queue.delete(gone), false);
        list = list.filter((one) => one !== gone);
      }
      assert.equal(queue.first, list[0]);
      assert.equal(queue.size, list.length);
    }
    assert.deepEqual([...queue], list);
    queue.clear();
    assert.equal(queue.size, 0);
    assert.equal(queue.first, undefined);
  }
});
