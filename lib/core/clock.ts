/**
 * The two clocks. Machines never read either: time reaches them as an argument.
 *
 * @module
 */

/** Where the composition root reads time. Tests and the simulator bring their own. */
export interface Clock {
  /** Milliseconds, monotonic, from an arbitrary start. Fractions allowed. */
  now(): number;
  /** Milliseconds since 1970 (UTC), for time stamps that people read. May jump. */
  wall(): number;
}

/** The real clocks of this computer. */
export const monotonicClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
};
