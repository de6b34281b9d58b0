/**
 * What a dictionary holds: keys, values, and the time of their change, with the rules they keep.
 *
 * @module
 */
import { AgentError, ExitCode } from "../core/errors.ts";
import type { Json } from "../wire/cbor.ts";

/** A value: like JSON, but never `null` itself, which means "delete". */
export type Value = Exclude<Json, null>;

/** One entry of a dictionary. Entries are never modified; a change makes a new one. */
export interface Entry {
  /** 1–255 bytes of UTF-8 without control characters. */
  readonly key: string;
  readonly value: Value;
  /** When the value changed: whole milliseconds since 1970 (UTC), by the owner's clock. */
  readonly at: number;
}

/** Keys that begin with this belong to the agent itself. */
export const AGENT_PREFIX = "agent/";

/** Longest key, in bytes of UTF-8. */
export const MAX_KEY_BYTES = 255;
/** Arrays and objects within each other in one value, at the most; leaves room for what goes around it. */
export const MAX_VALUE_DEPTH = 32;
/** The latest time that has a calendar date, in ms since 1970 (ECMA-262 §21.4.1.1). */
export const MAX_TIME = 8.64e15;

const encoder = new TextEncoder();

/** Bytes of a text as UTF-8. */
export function utf8Length(text: string): number {
  return encoder.encode(text).length;
}

/** A text as it stands in an error message: quoted, escaped, not too long. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 59)}…` : text);
}

/** What is wrong with a key, in words that follow the key; `undefined` where nothing is. */
export function keyProblem(key: string): string | undefined {
  if (key.length === 0) return "is empty";
  if (!key.isWellFormed()) return "is not well-formed Unicode";
  if (/\p{Cc}/u.test(key)) return "contains a control character";
  // No UTF-16 unit takes less than one byte or more than three.
  if (key.length * 3 <= MAX_KEY_BYTES) return undefined;
  const bytes = key.length > MAX_KEY_BYTES ? key.length : utf8Length(key);
  if (bytes <= MAX_KEY_BYTES) return undefined;
  return `is longer than ${MAX_KEY_BYTES} bytes`;
}

/**
 * The key itself, where it may be used as one.
 * @throws {AgentError} exit 2.
 */
export function checkKey(key: string): string {
  const problem = keyProblem(key);
  if (problem === undefined) return key;
  throw new AgentError(
    `the key ${
      quote(key)
    } ${problem}; a key is 1 to ${MAX_KEY_BYTES} bytes of text without control characters`,
    ExitCode.Usage,
  );
}

/** What is wrong with a value, in words that follow it; `undefined` where nothing is. */
export function valueProblem(value: unknown): string | undefined {
  if (value === null) return "is null, and null means delete";
  return jsonProblem(value, 0);
}

function jsonProblem(value: unknown, depth: number): string | undefined {
  switch (typeof value) {
    case "boolean":
      return undefined;
    case "number":
      return Number.isFinite(value) ? undefined : `contains ${value}, which JSON cannot say`;
    case "string":
      return value.isWellFormed() ? undefined : "contains text that is not well-formed Unicode";
    case "object":
      break;
    default:
      return `contains a ${typeof value}, which JSON cannot say`;
  }
  if (value === null) return undefined;
  if (depth >= MAX_VALUE_DEPTH) return `is nested deeper than ${MAX_VALUE_DEPTH} levels`;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const problem = jsonProblem(value[i], depth + 1);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) {
    return "contains an object of a class, which JSON cannot say";
  }
  for (const [key, item] of Object.entries(value)) {
    const problem = jsonProblem(key, depth) ?? jsonProblem(item, depth + 1);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/**
 * The value itself, where it may be stored under `key`.
 * @throws {AgentError} exit 2.
 */
export function checkValue(key: string, value: unknown): Value {
  const problem = valueProblem(value);
  if (problem === undefined) return value as Value;
  throw new AgentError(
    `the value of ${quote(key)} ${problem}; ${
      value === null ? "unset the key instead" : "give it as JSON or as text"
    }`,
    ExitCode.Usage,
  );
}

/** A wall clock's reading as the time of an entry. */
export function timestamp(wall: number): number {
  return Math.min(Math.max(0, Math.round(wall)), MAX_TIME);
}

/** Whether a number can stand as the time of an entry, and be shown as a date. */
function isTimestamp(at: unknown): at is number {
  return Number.isInteger(at) && (at as number) >= 0 && (at as number) <= MAX_TIME;
}

/** The entry of three decoded parts, where they make one. */
export function entryOf(key: unknown, at: unknown, value: unknown): Entry | undefined {
  if (typeof key !== "string" || keyProblem(key) !== undefined || !isTimestamp(at)) {
    return undefined;
  }
  return valueProblem(value) === undefined ? { key, value: value as Value, at } : undefined;
}

/** Whether two values are the same JSON; the order of an object's members does not count. */
export function jsonEqual(a: Json, b: Json): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, i) => jsonEqual(item, b[i] as Json));
  }
  if (Array.isArray(b)) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && jsonEqual(a[key] as Json, b[key] as Json));
}

/** Whether two entries of one key are the same, time included. Either may be missing. */
export function entryEqual(a: Entry | undefined, b: Entry | undefined): boolean {
  if (a === b) return true;
  return a !== undefined && b !== undefined && a.at === b.at && jsonEqual(a.value, b.value);
}

/** Entries in the order of their keys (UTF-16 units, the same everywhere). */
export function byKey(a: Entry, b: Entry): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}
