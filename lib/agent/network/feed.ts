/**
 * How the outside world reaches a machine: every input carries the time and is followed by a look at
 * the machine's next wake. An exception in a machine is a fault of this program; it is reported and
 * the agent runs on.
 *
 * @module
 */
import type { Scheduler } from "../../core/mod.ts";

/** Runs `input` with the current time, then lets the scheduler look again. */
export type Feed = (input: (now: number) => void) => void;

/** A feed for all machines of one agent. */
export function feedInto(
  scheduler: Pick<Scheduler, "now" | "touch">,
  onError: (error: unknown) => void,
): Feed {
  return (input) => {
    try {
      input(scheduler.now());
    } catch (error) {
      onError(error);
    }
    scheduler.touch();
  };
}
