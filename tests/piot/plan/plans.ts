/**
 * Three nodes, of which one runs plans.
 *
 * @module
 */
import { type PlanResult, Status } from "../../../lib/piot/mod.ts";
import type { Json } from "../../../lib/wire/cbor.ts";
import { meet, Worker } from "../workers.ts";
import { World } from "../world.ts";

/** A coordinator and two nodes that keep books of what was done to them. */
export function three(seed: number) {
  const world = new World(seed);
  /** What was done and undone on all nodes, in order. */
  const book: string[] = [];
  const make = (name: string) =>
    new Worker(world, name, (worker) => ({
      // {id, ms?, fail?, value?}
      do: (now, call) => {
        const { id, ms, fail, value } = call.args as Record<string, Json>;
        let stopped = false;
        const end = (now: number) => {
          if (stopped) return;
          if (fail) return void call.finish(now, { status: Status.Error, value: "it broke" });
          book.push(`do ${id}`);
          call.finish(now, { status: Status.Ok, value: value ?? null });
        };
        if (!ms) return end(now);
        worker.later(world, Number(ms), end);
        return (_now, why) => {
          stopped = true;
          worker.aborted.push(why);
        };
      },
      undo: (now, call) => {
        const { id, fail } = call.args as Record<string, Json>;
        if (fail) return void call.finish(now, { status: Status.Error, value: "stuck" });
        book.push(`undo ${id}${call.args && "of" in (call.args as object) ? " of" : ""}`);
        call.finish(now, { status: Status.Ok, value: null });
      },
    }), { tags: new Map([["kind", "worker"]]) });
  const hub = make("hub");
  const a = make("a");
  const b = make("b");
  meet(hub, a, b);
  world.run(2_000);
  return { world, hub, a, b, book };
}

export const step = (
  id: string,
  more: Record<string, Json> = {},
  args: Record<string, Json> = {},
) => ({
  do: "do",
  on: "a",
  id,
  args: { id, ...args },
  undo: { do: "undo", args: { id } },
  ...more,
});

export function run(worker: Worker, plan: unknown) {
  const heard = { id: "", results: [] as PlanResult[] };
  worker.node.act((_piot, now) => {
    heard.id = worker.actions.run(now, plan, (result) => void heard.results.push(result));
  });
  return heard;
}

export const statuses = (result: PlanResult | undefined) =>
  result?.steps.map(({ id, status, undone }) => `${id} ${status}${undone ? ` ${undone}` : ""}`);
