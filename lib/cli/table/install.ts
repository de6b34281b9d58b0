/**
 * Commands: the agent as part of a computer: its service, what shells and `man` know of it.
 *
 * @module
 */
import type { Flag } from "../args.ts";
import type { Command } from "../call.ts";
import { none } from "./words.ts";

const user: Flag = {
  name: "user",
  help: "your own service, without root, instead of the system's",
};
const print: Flag = { name: "print", help: "show all of it, and change nothing" };

export const installCommands: readonly Command[] = [
  {
    name: "service install",
    usage: "[--user] [--name NAME] [--print] [--force]",
    summary: "run as a service of systemd, from now on and after every start of the computer",
    details: [
      "Writes the unit; a config, a key and the system user where there are none; and starts it. Run" +
      " it again after a change of the program's place or of [lsoe] enabled: what is as it should be" +
      " stays. --network names a new network (home).",
    ],
    flags: [
      user,
      {
        name: "name",
        value: "NAME",
        help: "name of this node, for a new config (else the host name)",
      },
      print,
      { name: "force", help: "overwrite an edited unit or another program; a backup is kept" },
    ],
    arguments: none,
    load: () => import("../commands/service_install.ts"),
  },
  {
    name: "service remove",
    usage: "[--user] [--print] [--purge]",
    summary: "stop the service, and take it away",
    details: ["Config, key and state stay, without --purge."],
    flags: [
      user,
      print,
      { name: "purge", help: "remove config, keys, state and the system user too" },
    ],
    arguments: none,
    load: () => import("../commands/service_remove.ts"),
  },
  {
    name: "completion",
    usage: "bash|zsh|fish",
    summary: "a script by which the shell completes commands and flags",
    details: [
      'bash: eval "$(agent completion bash)" in ~/.bashrc. zsh: the same with zsh in ~/.zshrc, after' +
      " compinit. fish: agent completion fish > ~/.config/fish/completions/agent.fish",
    ],
    flags: [],
    arguments: { least: 1, most: 1, name: "bash|zsh|fish" },
    load: () => import("../commands/completion.ts"),
  },
  {
    name: "man",
    usage: "",
    summary: "the manual page, for: agent man | man -l -",
    details: [],
    flags: [],
    arguments: none,
    load: () => import("../commands/man.ts"),
  },
];
