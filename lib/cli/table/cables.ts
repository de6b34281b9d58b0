/**
 * Commands: interfaces, and which cable leads where.
 *
 * @module
 */
import type { Command } from "../call.ts";
import { none } from "./words.ts";

export const cablesCommands: readonly Command[] = [
  {
    name: "links",
    usage: "[--tree | --dot]",
    summary: "which cable leads where, in the whole network",
    details: [
      "By node: interface and addresses, the cable, and what is at its other end. A cable that only" +
      " one end reports is drawn with a question mark. In brackets: the LSOE id of an end that is no node here.",
    ],
    flags: [
      { name: "tree", help: "as a tree from this node" },
      { name: "dot", help: "for Graphviz: agent links --dot | dot -Tsvg" },
    ],
    arguments: none,
    load: () => import("../commands/links.ts"),
  },
  {
    name: "interfaces",
    usage: "[--watch]",
    summary: "network interfaces as the agent sees them",
    details: [],
    flags: [{ name: "watch", help: "stay, and show each change" }],
    arguments: none,
    load: () => import("../commands/interfaces.ts"),
  },
  {
    name: "lsoe sessions",
    usage: "",
    summary: "neighbours on the cables of this node",
    details: [],
    flags: [],
    arguments: none,
    load: () => import("../commands/lsoe_sessions.ts"),
  },
  {
    name: "lsoe watch",
    usage: "",
    summary: "what happens on the cables of this node",
    details: ["Begins with the sessions that are there, and ends with Ctrl-C."],
    flags: [],
    arguments: none,
    load: () => import("../commands/lsoe_watch.ts"),
  },
];
