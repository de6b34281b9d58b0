/**
 * Reading shared state from the local agent and showing it: `get` and `--leafy read`.
 *
 * @module
 */
import type { Wanted } from "../agent/config/leafy.ts";
import { ExitCode } from "../core/errors.ts";
import type { StateTree } from "../http/api.ts";
import type { Call, Globals } from "./call.ts";
import type { Client } from "./client.ts";
import { isIn } from "./entries.ts";
import { complain } from "./output/stdio.ts";
import { queryOf } from "./sockets.ts";

/** What the local agent knows, and why that may not be all. */
export interface LocalState {
  readonly state: StateTree;
  readonly reasons: readonly string[];
}

/** Asks the local agent for what is wanted; for everything where nothing is named. */
export async function readLocal(
  client: Client,
  globals: Globals,
  wanted: readonly Wanted[],
): Promise<LocalState> {
  const answers = await Promise.all(
    queries(wanted).map(async (parameters) => {
      const { body, headers } = await client.request(
        "GET",
        `/v1/state${queryOf(globals, parameters)}`,
      );
      const partial = headers.get("agent-partial") ?? "";
      return {
        state: JSON.parse(body) as StateTree,
        reasons: partial === "" ? [] : partial.split(",").map((part) => decodeURIComponent(part)),
      };
    }),
  );
  const [first] = answers;
  if (first !== undefined && answers.length === 1) return first;
  return {
    state: merge(answers.map(({ state }) => state)),
    reasons: [...new Set(answers.flatMap(({ reasons }) => reasons))],
  };
}

type Parameters = (readonly [string, string])[];

/** One request for each node that is named, with all its keys; a prefix is a request of its own. */
function queries(wanted: readonly Wanted[]): Parameters[] {
  if (wanted.length === 0) return [[]];
  const byNode = new Map<string, Parameters>();
  const others: Parameters[] = [];
  for (const { node, key, prefix } of wanted) {
    const base: Parameters = node === undefined ? [] : [["node", node]];
    if (key === undefined) {
      others.push(prefix === undefined ? base : [...base, ["prefix", prefix]]);
      continue;
    }
    const id = node ?? "";
    byNode.set(id, [...(byNode.get(id) ?? base), ["key", key]]);
  }
  return [...byNode.values(), ...others];
}

function merge(trees: readonly StateTree[]): StateTree {
  const nodes = new Map<string, Map<string, StateTree[string][string]>>();
  for (const tree of trees) {
    for (const [node, entries] of Object.entries(tree)) {
      const all = nodes.get(node) ?? new Map();
      nodes.set(node, all);
      for (const [key, entry] of Object.entries(entries)) all.set(key, entry);
    }
  }
  // fromEntries, because a key may be called `__proto__`.
  return Object.fromEntries(
    [...nodes].map(([node, entries]) => [node, Object.fromEntries(entries)]),
  );
}

/** Prints a state; exit code 1 where something that was asked for by name is not in it. */
export function showState(call: Call, state: StateTree, wanted: readonly Wanted[]): number {
  call.out.print(state, () => ({
    columns: ["NODE", "KEY", "VALUE", "CHANGED"],
    rows: Object.entries(state).sort(byName).flatMap(([node, entries]) =>
      Object.entries(entries).sort(byName).map(([key, { value, at }]) => [
        { text: node, tone: "strong" as const },
        key,
        { value },
        { at },
      ])
    ),
  }));
  const missing = wanted.filter((one) => !isIn(state, one));
  if (missing.length === 0) return ExitCode.Done;
  if (!call.globals.quiet) complain(`not there: ${missing.map(nameOf).join(", ")}`);
  return ExitCode.NotThere;
}

function byName([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function nameOf({ node, key, prefix }: Wanted): string {
  return `${node === undefined ? "" : `${node}:`}${key ?? prefix ?? ""}`;
}
