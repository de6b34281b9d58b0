import assert from "node:assert/strict";
import { Turn } from "../../lib/piot/turn.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("turn: what follows from an output is said after its own write, not with this turn's words", () => {
  const log: string[] = [];
  const turn = new Turn({
    scan: () => [],
    commit: (changes) => void log.push(`stored ${[...changes.keys()]}`),
  });
  const say = (words: string) =>
    turn.say(1, (all) => log.push(`said ${text(all)}`)).put(bytes(words));
  turn.put("a", bytes("1"));
  turn.then(() => {
    turn.put("b", bytes("2"));
    say("of b");
  });
  say("of a");
  say(", whole");
  turn.commit();
  assert.deepEqual(log, ["stored a", "said of a, whole"]);
  turn.commit();
  assert.deepEqual(log.slice(2), ["stored b", "said of b"]);
});

Deno.test("turn: what can wait is written with the next write, in its last form", () => {
  const log: Map<string, string | null>[] = [];
  const turn = new Turn({
    scan: () => [],
    commit: (changes) =>
      void log.push(new Map([...changes].map(([key, value]) => [key, value && text(value)]))),
  });
  let value = "old";
  turn.putLater("note", () => bytes(value));
  turn.removeLater("row");
  assert.ok(turn.isEmpty && turn.hasLazy);
  turn.commit();
  assert.equal(log.length, 0);
  value = "new";
  turn.put("x", bytes("x"));
  turn.commit();
  assert.deepEqual(log.pop(), new Map([["x", "x"], ["row", null], ["note", "new"]]));
  assert.ok(!turn.hasLazy);

  turn.putLater("note", () => bytes(value));
  turn.putLast("note", () => bytes("at once"));
  turn.commit();
  assert.deepEqual(log.pop(), new Map([["note", "at once"]]));
  turn.putLast("note", () => bytes("never"));
  turn.remove("note");
  turn.commit();
  assert.deepEqual(log.pop(), new Map([["note", null]]));
});
