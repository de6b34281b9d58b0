/** Copies of one node's disk that meet only by way of a third node. */
import { notStrictEqual, strictEqual } from "node:assert/strict";
import { Place, until } from "../in_process.ts";

Deno.test("clones: two copies that dial the same node part, and it keeps both", async () => {
  await using place = new Place();
  const before = await place.start("a");
  const { nodeId } = before.network.machine;
  await place.stop(before);
  Deno.mkdirSync(`${place.dir}/copy`);
  Deno.copyFileSync(`${place.dir}/a/agent.db`, `${place.dir}/copy/agent.db`);
  const c = await place.start("c");
  const a = await place.start("a", { connect: [c.address] });
  await until("the first is there", () => c.network.view.size === 2);
  const copy = await place.start("copy", { connect: [c.address] });
  const ids = () => [a, copy].map(({ network }) => network.machine.nodeId);
  await until(
    "all three are there",
    () => [a, copy, c].every(({ network }) => network.view.size === 3),
  );
  notStrictEqual(ids()[0], ids()[1]);
  strictEqual(ids().filter((id) => id === nodeId).length, 1, "one of them keeps the id");
});
