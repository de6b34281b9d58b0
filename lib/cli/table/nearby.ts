/**
 * Commands: programs nearby (networkzero).
 *
 * @module
 */
import type { Command } from "../call.ts";
import { none } from "./words.ts";

const name = { least: 1, most: 1, name: "NAME" };
const ABOUT_ADDRESSES =
  "ADDRESS is 192.168.1.5:5000; a port or an IPv4 address alone, or 192.168.*, is completed.";

export const nearbyCommands: readonly Command[] = [
  {
    name: "advertise",
    usage: "NAME [ADDRESS] [--ttl 20s]",
    summary: "tell everybody nearby that a service is here, until it is taken back",
    details: [
      `${ABOUT_ADDRESSES} Without a host each network is told this computer's address in it; without a` +
      " port a free one is chosen. The agent goes on telling after this command has ended.",
    ],
    flags: [
      { name: "ttl", value: "DURATION", help: "others forget it after such a silence (20s)" },
      { name: "if-new", help: "exit code 4 where it is advertised already" },
    ],
    arguments: { least: 1, most: 2, name: "NAME" },
    load: () => import("../commands/advertise.ts"),
  },
  {
    name: "unadvertise",
    usage: "NAME",
    summary: "take a service back",
    details: [],
    flags: [],
    arguments: name,
    load: () => import("../commands/unadvertise.ts"),
  },
  {
    name: "discover",
    usage: "NAME [--timeout 5s]",
    summary: "where a service is",
    details: [
      "Prints the address that is best for this computer. Waits where nobody advertises it" +
      " yet.",
    ],
    flags: [
      { name: "timeout", value: "DURATION", help: "wait so long for it (5s); 0: only look" },
      { name: "all", help: "all its addresses, a line each, best first" },
    ],
    arguments: name,
    load: () => import("../commands/discover.ts"),
  },
  {
    name: "services",
    usage: "",
    summary: "all services nearby",
    details: [],
    flags: [],
    arguments: none,
    load: () => import("../commands/services.ts"),
  },
  {
    name: "ask",
    usage: "NAME|ADDRESS TEXT [--timeout 10s]",
    summary: "send a text to a service, and print its reply",
    details: [
      "ADDRESS is 192.168.1.5:5000, and needs no agent.",
    ],
    flags: [
      { name: "timeout", value: "DURATION", help: "for all of it (10s)" },
      { name: "json-body", help: "TEXT is JSON, and arrives as that value" },
    ],
    arguments: { least: 2, most: 2, name: "NAME and TEXT" },
    load: () => import("../commands/ask.ts"),
  },
  {
    name: "answer",
    usage: "NAME|ADDRESS [-- COMMAND…]",
    summary: "be a service that answers what it is asked",
    details: [
      "For each message COMMAND is run, without a shell: the message is on its stdin and in $MESSAGE, its" +
      " stdout is the reply. Where it fails, the reply is null. Without COMMAND you are shown the" +
      " message, and type the reply. Ends with Ctrl-C, and takes NAME back.",
    ],
    flags: [
      { name: "count", value: "N", help: "end after N messages" },
      { name: "address", value: "ADDRESS", help: "advertise and listen there (any free port)" },
    ],
    arguments: { least: 1, most: Infinity, name: "NAME" },
    load: () => import("../commands/answer.ts"),
  },
  {
    name: "news publish",
    usage: "NAME TOPIC DATA",
    summary: "tell news to all who follow",
    details: [
      "DATA is JSON where it is valid JSON, else text. The agent keeps the publisher and advertises NAME," +
      " until: agent unadvertise NAME.",
    ],
    flags: [],
    arguments: { least: 3, most: 3, name: "NAME, TOPIC and DATA" },
    load: () => import("../commands/news_publish.ts"),
  },
  {
    name: "news follow",
    usage: "NAME|ADDRESS [PREFIX]",
    summary: "show the news of a service, or those whose topic begins with PREFIX",
    details: [
      "Waits for NAME where nobody advertises it yet, and finds it again where it has moved. Ends with Ctrl-C.",
    ],
    flags: [{ name: "count", value: "N", help: "end after N news" }],
    arguments: { least: 1, most: 2, name: "NAME" },
    load: () => import("../commands/news_follow.ts"),
  },
];
