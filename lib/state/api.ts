/**
 * The part of this room that commands need which start and end at once: keys, values, addresses, and
 * the JSON that scripts see. `mod.ts` has the rest.
 *
 * @module
 */
export * from "./address.ts";
export * from "./entry.ts";
export * from "./json.ts";
export { MAX_NAME_BYTES } from "./names.ts";
