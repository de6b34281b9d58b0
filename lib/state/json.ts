/**
 * Entries as scripts see them.
 *
 * @module
 */
import type { NodeId } from "../dncp/api.ts";
import type { Entry, Value } from "./entry.ts";

/** Entries of one node, in the order of their keys. */
export interface NodeEntries {
  readonly id: NodeId;
  readonly node: string;
  readonly entries: readonly Entry[];
}

/** `{NODE: {KEY: {value, at}}}` with `at` as ISO 8601 text: the shape that scripts rely on. */
export type StateJson = { [node: string]: { [key: string]: { value: Value; at: string } } };

/** Entries in the shape that scripts rely on. */
export function toStateJson(nodes: Iterable<Omit<NodeEntries, "id">>): StateJson {
  // `fromEntries` makes own members of names and keys like "__proto__", too.
  return Object.fromEntries(Array.from(nodes, ({ node, entries }) => [
    node,
    Object.fromEntries(
      entries.map(({ key, value, at }) => [key, { value, at: new Date(at).toISOString() }]),
    ),
  ]));
}
