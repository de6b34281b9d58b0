/** Sessions that are not needed, and connections that are not believed. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { CloseCode } from "../../lib/piot/mod.ts";
import { World } from "./world.ts";

const MINUTE = 60_000;

Deno.test("a session that was dialled because it was needed ends after some idle minutes", async () => {
  const world = new World(1);
  const a = world.node("a");
  const b = world.node("b");
  a.connect(b, "needed");
  void a.send("b", "one");
  a.connect(b, "needed");
  world.run(4.5 * MINUTE);
  deepStrictEqual(b.texts(), ["one"]);
  strictEqual(a.piot?.links()[0]?.state, "up");
  world.run(MINUTE);
  strictEqual(a.piot?.links()[0]?.state, "linked");
  ok(a.events.some((event) => event.kind === "sessionDown" && event.code === CloseCode.Normal));
  world.run(10 * MINUTE);
  strictEqual(a.events.filter(({ kind }) => kind === "sessionUp").length, 1);
  const two = a.send("b", "two");
  world.run(1_000);
  await two;
  deepStrictEqual(b.texts(), ["one", "two"]);
});

Deno.test("a link that is held to stays up, and so does one that is used", () => {
  for (const [dial, every] of [["always", Infinity], ["needed", 3 * MINUTE]] as const) {
    const world = new World(2);
    const a = world.node("a");
    const b = world.node("b");
    a.connect(b, dial);
    for (let at = 0, next = 0; at < 30; at++) {
      if (at * MINUTE >= next) {
        void a.send("b", `${at}`);
        a.connect(b, dial);
        next += every;
      }
      world.run(MINUTE);
    }
    strictEqual(a.events.filter(({ kind }) => kind === "sessionUp").length, 1, dial);
    strictEqual(a.piot?.links()[0]?.state, "up", dial);
  }
});
