/**
 * A thread that runs targets one after the other, and shows where it is, so that one that never comes
 * back can be told from one that works.
 *
 * @module
 */
import { Failure, run } from "./engine.ts";
import { targetsOf } from "./registry.ts";
import type { Job, Report } from "./pool.ts";

const self = globalThis as unknown as {
  onmessage: (event: MessageEvent<Job>) => void;
  postMessage(report: Report): void;
};

self.onmessage = async ({ data: { name, seed, inputs, place } }) => {
  const progress = (subject: number, step: number) => {
    place[1] = subject | 0;
    place[2] = step;
    Atomics.add(place, 0, 1);
  };
  try {
    const protocol = name.slice(0, name.indexOf("/"));
    const target = (await targetsOf(protocol)).find((each) => each.name === name);
    if (target === undefined) throw new Error(`there is no target ${name}`);
    const { tally, growth, ms } = await run(target, { seed, inputs, progress });
    // What was rejected and nobody waited for comes up now, before all is said to be well.
    await new Promise((resolve) => setTimeout(resolve, 0));
    const { taken, refused, types } = tally;
    self.postMessage({ kind: "done", inputs: tally.inputs, taken, refused, types, growth, ms });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const cause = error instanceof Failure ? error.cause : error;
    const stack = cause instanceof Error ? cause.stack ?? "" : "";
    const { input, story } = error instanceof Failure ? error : {};
    self.postMessage({ kind: "failed", message, stack, input, story });
  }
};

addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  const { reason } = event;
  const message = `a promise that nobody waits for was rejected: ${reason}`;
  const stack = reason instanceof Error ? reason.stack ?? "" : "";
  self.postMessage({ kind: "failed", message, stack, input: undefined, story: undefined });
});
