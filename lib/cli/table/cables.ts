/**
 * Commands: interfaces, and which cable leads where.
 *
 * @module
 */
import { type Command, none } from "./command.ts";

export const cablesCommands: readonly Command[] = [
  {
    name: "interfaces",
    usage: "[--watch]",
    summary: "network interfaces as the agent sees them",
    details: [],
    flags: [{ name: "watch", help: "stay, and show each change" }],
    arguments: none,
    load: () => import("../commands/interfaces.ts"),
  },
];
