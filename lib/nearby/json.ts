/**
 * Values on the wire: JSON in the very form that Python's encoder gives it (`spec/networkzero.md §2`),
 * so that lengths agree octet for octet.
 *
 * @module
 */
import { messageOf } from "../core/errors.ts";
import { WireError } from "../wire/bytes.ts";
import type { Json } from "../wire/cbor.ts";
import { NetworkZeroError } from "./errors.ts";

export type { Json };

/** Values within values, at the most; Python gives up near there too. */
const MAX_DEPTH = 900;
const encoder = new TextEncoder();
// The mark is kept, so that it is refused as Python refuses it.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * The text of a value. `undefined` is taken as `null`, a `bigint` as its digits.
 * @throws {NetworkZeroError} for what JSON cannot say: octets, functions, dates, infinity, circles.
 */
export function encodeJson(value: unknown): string {
  return write(value, 0);
}

/** {@linkcode encodeJson} as octets. */
export function encodeJsonBytes(value: unknown): Uint8Array {
  return encoder.encode(encodeJson(value));
}

/**
 * Any JSON in UTF-8.
 * @throws {WireError} for anything else; `offset` is 0, for the runtime does not tell it.
 */
export function decodeJson(bytes: Uint8Array): Json {
  try {
    return JSON.parse(decoder.decode(bytes)) as Json;
  } catch (error) {
    throw new WireError(`not JSON: ${messageOf(error)}`, 0);
  }
}

function write(value: unknown, depth: number): string {
  switch (typeof value) {
    case "string":
      return writeText(value);
    case "number":
      if (!Number.isFinite(value)) {
        throw new NetworkZeroError(`${value} is not a number that can be sent`);
      }
      return String(value);
    case "boolean":
    case "bigint":
      return String(value);
    case "undefined":
      return "null";
    case "object":
      if (value === null) return "null";
      if (depth >= MAX_DEPTH) {
        throw new NetworkZeroError(
          `this value is nested more than ${MAX_DEPTH} deep, or contains itself; send something flatter`,
        );
      }
      return Array.isArray(value) ? writeArray(value, depth + 1) : writeObject(value, depth + 1);
    default:
      throw new NetworkZeroError(
        `a ${typeof value} cannot be sent; send text, numbers, lists or objects`,
      );
  }
}

function writeArray(values: readonly unknown[], depth: number): string {
  let text = "";
  // By index, so that holes of a sparse array count too.
  for (let i = 0; i < values.length; i++) text += (i > 0 ? ", " : "") + write(values[i], depth);
  return `[${text}]`;
}

function writeObject(value: object, depth: number): string {
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
    throw new NetworkZeroError(
      "octets cannot be sent in a message; turn them into text first, with bytesToString",
    );
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) {
    const kind = (value as { constructor?: { name?: string } }).constructor?.name || "thing";
    throw new NetworkZeroError(
      `a ${kind} cannot be sent; send text, numbers, lists or plain objects`,
    );
  }
  let text = "";
  for (const [key, member] of Object.entries(value)) {
    text += (text === "" ? "" : ", ") + writeText(key) + ": " + write(member, depth);
  }
  return `{${text}}`;
}

/** `JSON.stringify` escapes as Python does, but lets DEL and everything above ASCII stand. */
function writeText(text: string): string {
  const quoted = JSON.stringify(text);
  return /[\x7f-\uffff]/.test(quoted) ? quoted.replace(/[\x7f-\uffff]/g, escape) : quoted;
}

function escape(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
