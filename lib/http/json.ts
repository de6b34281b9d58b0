/**
 * JSON values.
 *
 * @module
 */

/** A value as JSON knows it. At the top of a state entry `null` is excluded: there it means delete. */
export type JsonValue = null | boolean | number | string | JsonValue[] | {
  [key: string]: JsonValue;
};
