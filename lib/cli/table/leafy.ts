/**
 * Commands: taking part without being a node.
 *
 * @module
 */
import type { Command } from "../call.ts";
import { ABOUT_KEYS, ABOUT_VALUES, entries, keyFile, keys } from "./words.ts";

/** Whether what follows an optional duration flag is its value and not an entry. */
function looksLikeDuration(next: string): boolean {
  return /^\d/.test(next) && !next.includes("=");
}

export const leafyCommands: readonly Command[] = [
  {
    name: "read",
    leafy: true,
    usage: "[[NODE:]KEY…] [--from HOST[:PORT]] [--timeout 3s]",
    summary: "read shared state once, without being a node",
    details: [
      ABOUT_KEYS,
      "Asks --from, else the local agent if one runs, else the first node that answers on the network.",
    ],
    flags: [
      { name: "from", value: "HOST[:PORT]", help: "ask this node" },
      { name: "timeout", value: "DURATION", help: "give up after this long (3s)" },
      keyFile,
    ],
    arguments: keys,
    load: () => import("../commands/leafy_read.ts"),
  },
  {
    name: "publish",
    leafy: true,
    usage: "KEY=VALUE… [--ttl [60s]] [--via HOST[:PORT]]",
    summary: "publish entries without being a node",
    details: [
      "With --ttl it hands them over, tells through which node and until when, and ends. Without, it" +
      " stays, and they vanish when it ends (Ctrl-C).",
      ABOUT_VALUES,
    ],
    flags: [
      {
        name: "ttl",
        value: "[DURATION]",
        isValue: looksLikeDuration,
        help: "vanish after this long; without a figure, publish_ttl of the config (60s)",
      },
      { name: "via", value: "HOST[:PORT]", help: "publish through this node" },
      { name: "timeout", value: "DURATION", help: "give up after this long (3s)" },
      keyFile,
    ],
    arguments: entries,
    load: () => import("../commands/leafy_publish.ts"),
  },
];
