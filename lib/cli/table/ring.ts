/**
 * Commands: the ring (pzog).
 *
 * @module
 */
import type { Flag } from "../args.ts";
import type { Command } from "../call.ts";
import { none } from "./words.ts";

const member: Flag = {
  name: "member",
  value: "NAME=HOST[:PORT]",
  repeated: true,
  help: "a member, instead of the config's; repeated, in order",
};

export const ringCommands: readonly Command[] = [
  {
    name: "ring serve",
    usage: "[--v0.1] [--index N] [--member NAME=HOST[:PORT]…] [FLAGS]",
    summary: "be a server of the ring, in the foreground, without a node",
    details: [
      "Members are those of [ring] in the config. agent run serves the ring too, with [ring] enabled =" +
      " true. SIGHUP opens the log files anew.",
      "--v0.1 is the server before there was a ring: it logs what it receives, on port 55551.",
    ],
    flags: [
      { name: "v0.1", help: "a single server, without a ring" },
      { name: "index", value: "N", help: "which of the members this is (else by name)" },
      { name: "name", value: "NAME", help: "own name among the members (else the host name)" },
      member,
      {
        name: "listen",
        value: "HOST:PORT",
        help: "where to listen (else everywhere, at the port of this member)",
      },
      {
        name: "log-dir",
        value: "DIR",
        help: "folder of the logs (else log_dir, or ring/ in the state)",
      },
      { name: "allow-shutdown", help: "let SHUTDOWN end it also from other computers" },
    ],
    arguments: none,
    load: () => import("../commands/ring_serve.ts"),
  },
  {
    name: "ring send",
    usage: "[-s NAME|HOST | -r] [-n COUNT] [-i 10s] [-m TEXT] [FLAGS]",
    summary: "hand texts to servers of the ring, to be logged by all",
    details: [
      "Each text goes to a random member, in turn (-r), or always to the same (-s). Without -m it is" +
      " random. Ends after COUNT texts or with Ctrl-C. sprog.log has what was sent.",
    ],
    flags: [
      { name: "specific-host", short: "s", value: "NAME|HOST[:PORT]", help: "always this server" },
      { name: "round-robin", short: "r", help: "one server after the other, from the first" },
      { name: "testing", short: "T", help: "as -s 127.0.0.1" },
      {
        name: "port",
        short: "p",
        value: "PORT",
        help: "port of every server (else its own, 55552)",
      },
      { name: "interval", short: "i", value: "DURATION", help: "between two texts (10s)" },
      { name: "count", short: "n", value: "COUNT", help: "how many texts; -1: no end (-1)" },
      { name: "message", short: "m", value: "TEXT", help: "this text instead of random ones" },
      { name: "length", value: "LOW-HIGH", help: "length of the random texts (32-60)" },
      { name: "seed", value: "NUMBER", help: "the same random texts and servers again" },
      { name: "show", short: "j", help: "only show what would be done" },
      { name: "log-dir", value: "DIR", help: "folder of sprog.log (else as for ring serve)" },
      member,
    ],
    arguments: none,
    load: () => import("../commands/ring_send.ts"),
  },
  {
    name: "ring status",
    usage: "",
    summary: "the ring as the server on this computer sees it",
    details: [
      "LOST and NO LINK count copies that a member may not have, or has not; see error.log.",
    ],
    flags: [],
    arguments: none,
    load: () => import("../commands/ring_status.ts"),
  },
];
