/**
 * Commands: the shared state.
 *
 * @module
 */
import type { Command } from "../call.ts";
import { ABOUT_KEYS, ABOUT_VALUES, entries, keys } from "./words.ts";

export const stateCommands: readonly Command[] = [
  {
    name: "get",
    usage: "[[NODE:]KEY…]",
    summary: "show shared state",
    details: [ABOUT_KEYS],
    flags: [],
    arguments: keys,
    load: () => import("../commands/get.ts"),
  },
  {
    name: "set",
    usage: "KEY=VALUE… [--ttl 5m]",
    summary: "set entries of this node; they survive a restart",
    details: [ABOUT_VALUES, "Several entries change at once, so no other node sees half of it."],
    flags: [{ name: "ttl", value: "DURATION", help: "remove them after this long" }],
    arguments: entries,
    load: () => import("../commands/set.ts"),
  },
  {
    name: "unset",
    usage: "KEY…",
    summary: "remove entries of this node",
    details: [],
    flags: [],
    arguments: { least: 1, most: Infinity, name: "KEY" },
    load: () => import("../commands/unset.ts"),
  },
  {
    name: "watch",
    usage: "[PREFIX] [--snapshot]",
    summary: "show each change as it happens",
    details: [
      "PREFIX is what the key begins with. Runs until Ctrl-C. A" +
      ' change is "set", "unset", or "lost" when its node can no longer be reached.',
    ],
    flags: [{ name: "snapshot", help: "begin with what is there now" }],
    arguments: { least: 0, most: 1, name: "PREFIX" },
    load: () => import("../commands/watch.ts"),
  },
];
