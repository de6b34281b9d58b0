/**
 * Commands: config, help, and the program itself.
 *
 * @module
 */
import type { Command } from "../call.ts";
import { none } from "./words.ts";

export const houseCommands: readonly Command[] = [
  {
    name: "config check",
    usage: "[FILE]",
    summary: "tell what is wrong in the config",
    details: [],
    flags: [],
    arguments: { least: 0, most: 1, name: "FILE" },
    load: () => import("../commands/config_check.ts"),
  },
  {
    name: "config show",
    usage: "[--defaults]",
    summary: "show the config that holds",
    details: [],
    flags: [{ name: "defaults", help: "the commented default file instead" }],
    arguments: none,
    load: () => import("../commands/config_show.ts"),
  },
  {
    name: "demo",
    usage: "",
    summary: "three agents on this computer that share state, in seconds",
    details: ["Uses loopback and a temporary folder only, and cleans up."],
    flags: [],
    arguments: none,
    load: () => import("../commands/demo.ts"),
  },
  {
    name: "help",
    usage: "[COMMAND]",
    summary: "this, or help for a command",
    details: [],
    flags: [],
    arguments: { least: 0, most: 2, name: "COMMAND" },
    load: () => import("../commands/help.ts"),
  },
  {
    name: "version",
    usage: "",
    summary: "the version of this program",
    details: [],
    flags: [],
    arguments: none,
    load: () => import("../commands/version.ts"),
  },
];
