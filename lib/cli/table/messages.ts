/**
 * Commands: messages between nodes, which survive outages.
 *
 * @module
 */
import type { Command } from "../call.ts";
import { none } from "./words.ts";

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
      " command is killed in between, the message comes again, and is never lost. Let one" +
      " consumer take at a time.",
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
    name: "call",
    usage: "GROUP ACTION [ARGS] [--timeout 5s] [--mode any]",
    summary: "have many nodes do something, and see who did",
    details: [
      "GROUP is names with commas between them, * for all nodes, or KEY=VALUE for the nodes whose state" +
      " says so: agent set room=kitchen. ACTION is one of [[piot.action]] there, or piot.ping, piot.info." +
      " ARGS is JSON where it is JSON, else text.",
    ],
    flags: [
      { name: "timeout", value: "DURATION", help: "for all of it (30s)" },
      {
        name: "mode",
        value: "MODE",
        help: "all, any (the first ok), quorum:N (N ok), settled (never fails)",
      },
      { name: "hold", help: "nodes that are away get it when they are back, if that is in time" },
    ],
    arguments: { least: 2, most: 3, name: "GROUP and ACTION" },
    load: () => import("../commands/call.ts"),
  },
  {
    name: "plan",
    usage: "FILE|- [--no-wait]",
    summary: "have nodes do one thing after the other, and undo it where that fails",
    details: [
      "FILE is TOML or JSON: steps with do, on, args, undo, in seq or par (docs/piot.md). The agent runs" +
      " it, also if this command ends; a plan with resume = true goes on after a crash of the agent, others" +
      " are rolled back then.",
    ],
    flags: [
      { name: "no-wait", help: "start it, print its id, and end" },
      { name: "list", help: "show the last plans" },
      { name: "follow", value: "ID", help: "show what a plan does, until it has ended" },
      { name: "cancel", value: "ID", help: "stop a plan and roll it back" },
    ],
    arguments: { least: 0, most: 1, name: "FILE" },
    load: () => import("../commands/plan.ts"),
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
