/**
 * References to results of earlier steps: `{"$ref": "stepId/path/0"}` (spec/piot.md §12).
 *
 * @module
 */
import type { Json } from "../../wire/cbor.ts";

const REF = "$ref";

/** Where a reference stands, and what it says. `undefined`: it is none, though it looks like one. */
export interface Ref {
  readonly path: string;
  readonly text: string | undefined;
}

/** A step and the way into its result. An empty step is the own one, of an undo. */
function split(text: string): { step: string; path: string[] } {
  const [step = "", ...path] = text.split("/");
  return { step, path };
}

/** The step that a reference names; empty for the own one. */
export function stepOf(text: string): string {
  return split(text).step;
}

/** All references in a value. `at` is its path, for messages. */
export function* refsIn(value: Json, at: string): Iterable<Ref> {
  if (typeof value !== "object" || value === null) return;
  if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) yield* refsIn(item, `${at}[${i}]`);
    return;
  }
  if (Object.hasOwn(value, REF)) {
    const text = value[REF];
    const isRef = typeof text === "string" && Object.keys(value).length === 1;
    yield { path: at, text: isRef ? text : undefined };
    return;
  }
  for (const [key, item] of Object.entries(value)) yield* refsIn(item, `${at}.${key}`);
}

/** A reference to what is not there. */
export class RefError extends Error {}

/**
 * A value with its references replaced.
 *
 * @param resultOf of a step; `undefined` where it has none.
 * @throws {RefError}
 */
export function resolveRefs(value: Json, resultOf: (step: string) => Json | undefined): Json {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => resolveRefs(item, resultOf));
  const text = value[REF];
  if (typeof text === "string") return follow(text, resultOf);
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, resolveRefs(item, resultOf)]),
  );
}

function follow(text: string, resultOf: (step: string) => Json | undefined): Json {
  const { step, path } = split(text);
  let value = resultOf(step);
  if (value === undefined) throw new RefError(`"${text}": step "${step}" has no result`);
  for (const key of path) {
    let next: Json | undefined;
    if (Array.isArray(value)) next = /^\d+$/.test(key) ? value[Number(key)] : undefined;
    else if (typeof value === "object" && value !== null && Object.hasOwn(value, key)) {
      next = value[key];
    }
    if (next === undefined) throw new RefError(`"${text}": there is no "${key}" in the result`);
    value = next;
  }
  return value;
}
