/**
 * Floor 0: what every room stands on, and nothing that knows a protocol. Clock, the one scheduler,
 * seeded randomness, durations, and the errors that reach people.
 *
 * @module
 */
export { type Clock, monotonicClock } from "./clock.ts";
export { LONGEST_SLEEP, type Machine, Scheduler, type Timer } from "./scheduler.ts";
export { Random } from "./random.ts";
export { formatDuration, parseDuration } from "./duration.ts";
export { AgentError, ExitCode, messageOf } from "./errors.ts";
