/**
 * Commands: the node and what it sees.
 *
 * @module
 */
import type { Command } from "../call.ts";
import { keyFile, none } from "./words.ts";

export const nodeCommands: readonly Command[] = [
  {
    name: "run",
    usage: "[FLAGS]",
    summary: "be a node: share state with the other Pis, in the foreground",
    details: [
      "With neither config nor key it starts a new network, with a fresh key in its state folder, and" +
      " says how the next Pi joins. Ends in order on SIGINT and SIGTERM; SIGHUP reloads the config.",
    ],
    flags: [
      { name: "name", value: "NAME", help: "name of this node (else the host name)" },
      keyFile,
      { name: "listen", value: "HOST:PORT", help: 'TCP address for other nodes, or "none"' },
      {
        name: "connect",
        value: "HOST[:PORT]",
        repeated: true,
        help: "hold a stream to this node; may be repeated",
      },
      {
        name: "interfaces",
        value: "GLOBS",
        help: 'where to look for nodes: "eth*,wlan0"; "" for nowhere',
      },
      { name: "state-dir", value: "DIR", help: "folder of what must survive a restart" },
    ],
    arguments: none,
    load: () => import("../commands/run.ts"),
  },
  {
    name: "status",
    usage: "",
    summary: "this node, its networks, and what needs attention",
    details: [],
    flags: [],
    arguments: none,
    load: () => import("../commands/status.ts"),
  },
  {
    name: "nodes",
    usage: "",
    summary: "all nodes that can be reached",
    details: [],
    flags: [],
    arguments: none,
    load: () => import("../commands/nodes.ts"),
  },
  {
    name: "peers",
    usage: "",
    summary: "nodes that this one talks to directly",
    details: [],
    flags: [],
    arguments: none,
    load: () => import("../commands/peers.ts"),
  },
];
