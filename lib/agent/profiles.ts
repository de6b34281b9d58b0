/**
 * The profile of a network: that of its name, with the timers that the config sets.
 *
 * @module
 */
import { hncpProfile, nativeProfile, type Profile } from "../dncp/mod.ts";
import type { NetworkConfig } from "./config.ts";

/** The DNCP profile that a network runs. */
export function profileOf({ profile, timers }: NetworkConfig): Profile {
  const base = profile === "native" ? nativeProfile : hncpProfile;
  return {
    ...base,
    trickle: {
      imin: timers.trickleImin ?? base.trickle.imin,
      imax: timers.trickleImax ?? base.trickle.imax,
      k: timers.trickleK ?? base.trickle.k,
    },
    keepAlive: {
      interval: timers.keepAlive ?? base.keepAlive.interval,
      multiplier: timers.keepAliveMultiplier ?? base.keepAlive.multiplier,
    },
    grace: timers.grace ?? base.grace,
  };
}
