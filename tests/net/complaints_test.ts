/** Complaints come once in a while. */
import { deepStrictEqual } from "node:assert/strict";
import { Complaints } from "../../lib/net/mod.ts";

Deno.test("complaints: the first at once, then one a minute with the number left out", () => {
  let now = 0;
  const said: string[] = [];
  const complaints = new Complaints<"a" | "b">(
    (kind, where, message) => said.push(`${now / 1_000} ${kind} ${where} ${message}`),
    { now: () => now },
  );
  for (; now < 130_000; now += 1_000) complaints.about("a", "eth0", "no route");
  complaints.about("b", "lo", "gone");
  deepStrictEqual(said, [
    "0 a eth0 no route",
    "60 a eth0 no route (and 59 more like it)",
    "120 a eth0 no route (and 59 more like it)",
    "130 b lo gone",
  ]);
});
