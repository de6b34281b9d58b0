/**
 * Commands: keys, and how the next Pi joins.
 *
 * @module
 */
import type { Command } from "../call.ts";
import { keyFile, none } from "./words.ts";

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
  {
    name: "invite",
    usage: "[--for 10m] [--address HOST[:PORT]]",
    summary: "print the line by which the next Pi joins",
    details: [
      "The line is good for one computer and a short time, and lives in the running agent only." +
      " Whoever has it can join. The agent's log tells who did, and who tried in vain.",
    ],
    flags: [
      { name: "for", value: "DURATION", help: "how long it is good (10m)" },
      {
        name: "address",
        value: "HOST[:PORT]",
        repeated: true,
        help: "where the next Pi reaches this one; may be repeated",
      },
      { name: "list", help: "show the invitations that are out or were" },
      { name: "revoke", value: "ID", help: "withdraw one" },
    ],
    arguments: none,
    load: () => import("../commands/invite.ts"),
  },
  {
    name: "join",
    usage: "CODE [FLAGS]",
    summary: "join a network by a line from agent invite, and run",
    details: [
      "Fetches the network key over an exchange that only the holder of CODE can take part in, writes" +
      " it and a config (or adds the network to the one there is), and then runs as agent run does. Where" +
      " the agent is a service, that is started instead.",
    ],
    flags: [
      { name: "no-run", help: "join, and end" },
      {
        name: "address",
        value: "HOST[:PORT]",
        repeated: true,
        help: "where to join, instead of the addresses in CODE",
      },
      { name: "force", help: "leave another network of the same name; its key file is kept" },
      { name: "no-service", help: "pass over the service of this computer" },
      { name: "timeout", value: "DURATION", help: "give up an address after this long (5s)" },
      { ...keyFile, help: "write the network key here" },
      { name: "name", value: "NAME", help: "name of this node (else the host name)" },
      { name: "state-dir", value: "DIR", help: "folder of what must survive a restart" },
      { name: "listen", value: "HOST:PORT", help: "as for run" },
      { name: "connect", value: "HOST[:PORT]", repeated: true, help: "as for run" },
      { name: "interfaces", value: "GLOBS", help: "as for run" },
    ],
    arguments: { least: 1, most: 8, name: "CODE" },
    load: () => import("../commands/join.ts"),
  },
];
