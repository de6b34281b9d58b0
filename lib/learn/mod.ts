/**
 * Floor 3: networkzero on real sockets (`spec/networkzero.md`): the machines of `lib/nearby` on the
 * connections of `lib/net`. {@linkcode BeaconService} is the beacon that an agent runs;
 * {@linkcode Nearby} is everything a program needs, and `functions.ts` the same as plain functions.
 *
 * @module
 */
export * from "./beacon_service.ts";
export { Carried, type Ground, LINGER } from "./carried.ts";
export { Nearby, type NearbyOptions } from "./nearby.ts";
export { FOREVER, Waits } from "./waiting.ts";
export type { News } from "./messenger.ts";
