/**
 * Many answers into one (spec/piot.md §11).
 *
 * @module
 */
import type { Json } from "../../wire/cbor.ts";

/** An answer that is ok. */
export interface OkAnswer {
  readonly node: string;
  readonly value: Json;
}

/** A reduction of the answers that are ok, in the order of the targets. */
export type Reducer = (answers: readonly OkAnswer[]) => Json;

/** Those that can be named. The numeric ones pass over what is no number; of none, they are null. */
export const REDUCERS = {
  list: (answers) => answers.map(({ value }) => value),
  map: (answers) => Object.fromEntries(answers.map(({ node, value }) => [node, value])),
  count: (answers) => answers.length,
  sum: (answers) => numbers(answers).reduce((sum, value) => sum + value, 0),
  min: (answers) => ofSome(numbers(answers), (all) => all.reduce((a, b) => Math.min(a, b))),
  max: (answers) => ofSome(numbers(answers), (all) => all.reduce((a, b) => Math.max(a, b))),
  avg: (answers) =>
    ofSome(numbers(answers), (all) => all.reduce((sum, value) => sum + value, 0) / all.length),
} as const satisfies Record<string, Reducer>;

export type ReducerName = keyof typeof REDUCERS;

export function isReducerName(name: unknown): name is ReducerName {
  return typeof name === "string" && Object.hasOwn(REDUCERS, name);
}

function numbers(answers: readonly OkAnswer[]): number[] {
  return answers.flatMap(({ value }) => typeof value === "number" ? [value] : []);
}

function ofSome(values: number[], reduce: (values: number[]) => number): number | null {
  return values.length === 0 ? null : reduce(values);
}
