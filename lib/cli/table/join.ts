/**
 * Commands: keys, and how the next Pi joins.
 *
 * @module
 */
import { type Command, none } from "./command.ts";

export const joinCommands: readonly Command[] = [
  {
    name: "key generate",
    usage: "[--output FILE]",
    summary: "make a network key",
    details: [
      "Without --output it goes to stdout. A file gets mode 0600 and is never overwritten.",
    ],
    flags: [{ name: "output", value: "FILE", help: "write it to this new file" }],
    arguments: none,
    load: () => import("../commands/key_generate.ts"),
  },
];
