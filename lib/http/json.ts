/**
 * JSON values.
 *
 * @module
 */

/** A value as JSON knows it. At the top of a state entry `null` is excluded: there it means delete. */
export type { Json as JsonValue } from "../wire/cbor.ts";
