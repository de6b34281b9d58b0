/**
 * Commands: messages between nodes, which survive outages.
 *
 * @module
 */
import { type Command, none } from "./command.ts";

const link = { least: 1, most: 1, name: "NAME" };

export const messagesCommands: readonly Command[] = [
  {
    name: "send",
    usage: "NODE TEXT|- [--name TOPIC] [--ttl 24h] [--wait 1s]",
    summary: "send a message, which arrives once and in order, however long that takes",
    details: [
      "NODE is a name or id as in agent nodes; a name that no node has yet is waited for. - takes the" +
      " message from stdin. When it ends with 0, the message is kept on this computer's disk, and what" +
      " is printed says whether it has arrived: confirmed, or held until the other node is there.",
      "Exit code 4 where it is not kept: no room, a full disk, a link that is blocked; or where NODE" +
      " refused it within --wait.",
    ],
    flags: [
      { name: "name", value: "TOPIC", help: "what it is about, for routes and readers" },
      { name: "type", value: "TYPE", help: "type of the body (text/plain)" },
      { name: "json-body", help: "TEXT is JSON, and arrives as that value" },
      { name: "ttl", value: "DURATION", help: "drop it, and say so, after this long (24h)" },
      { name: "wait", value: "DURATION", help: "wait so long for it to arrive (1s)" },
      { name: "no-hold", help: "only if NODE is connected now; else exit code 3" },
    ],
    arguments: { least: 2, most: 2, name: "NODE and TEXT, or -" },
    load: () => import("../commands/send.ts"),
  },
  {
    name: "inbox",
    usage: "[--take] [--follow]",
    summary: "received messages",
    details: [
      "They stay until somebody takes them. With --take each is removed after it was printed: if this" +
      " command is killed in between, the message comes again, and is never lost. With --json a line" +
      ' each: {"id", "from", "at", "header", "body"}. Let one consumer take at a time.',
    ],
    flags: [
      { name: "take", help: "remove what was printed" },
      { name: "follow", help: "stay, and show what arrives" },
      { name: "name", value: "TOPIC", help: "only those of this topic" },
    ],
    arguments: none,
    load: () => import("../commands/inbox.ts"),
  },
  {
    name: "outbox",
    usage: "[--dismiss]",
    summary: "messages that wait for other nodes, and those that were not delivered",
    details: ["What was not delivered is shown, with the reason, until it is dismissed."],
    flags: [{ name: "dismiss", help: "forget what was not delivered, after showing it" }],
    arguments: none,
    load: () => import("../commands/outbox.ts"),
  },
  {
    name: "links known",
    usage: "",
    summary: "nodes that messages were exchanged with, or wait for",
    details: [],
    flags: [],
    arguments: none,
    load: () => import("../commands/links_known.ts"),
  },
  {
    name: "links forget",
    usage: "NAME",
    summary: "forget a node: its link, and all messages from and for it",
    details: ["NAME is a name, id or number of agent links known."],
    flags: [],
    arguments: link,
    load: () => import("../commands/links_forget.ts"),
  },
  {
    name: "links approve",
    usage: "NAME",
    summary: 'accept a node that asked for a link (policy = "ask")',
    details: [],
    flags: [],
    arguments: link,
    load: () => import("../commands/links_approve.ts"),
  },
  {
    name: "links block",
    usage: "NAME",
    summary: "exchange no messages with a node; what waits for it is dropped",
    details: [],
    flags: [],
    arguments: link,
    load: () => import("../commands/links_block.ts"),
  },
  {
    name: "links unblock",
    usage: "NAME",
    summary: "exchange messages with a node again",
    details: [],
    flags: [],
    arguments: link,
    load: () => import("../commands/links_unblock.ts"),
  },
];
