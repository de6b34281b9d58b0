/**
 * All commands and flags as one table: the parser, the help texts and the tests read it. A command's
 * code is only loaded when it is called.
 *
 * @module
 */
import type { Flag } from "./args.ts";
import type { Command } from "./call.ts";
import { nodeCommands } from "./table/node.ts";
import { cablesCommands } from "./table/cables.ts";
import { stateCommands } from "./table/state.ts";
import { messagesCommands } from "./table/messages.ts";
import { nearbyCommands } from "./table/nearby.ts";
import { leafyCommands } from "./table/leafy.ts";
import { joinCommands } from "./table/join.ts";
import { installCommands } from "./table/install.ts";
import { upgradeCommands } from "./table/upgrade.ts";
import { houseCommands } from "./table/house.ts";
import { ringCommands } from "./table/ring.ts";

/** Flags that stand before or after every command. */
export const globalFlags: readonly Flag[] = [
  {
    name: "config",
    value: "FILE",
    help: "config file (else $AGENT_CONFIG, ~/.config, /etc/agent)",
  },
  { name: "network", value: "NAME", help: "which network, where the agent is in several" },
  { name: "socket", value: "PATH", help: "socket of the local agent (else $AGENT_SOCKET, config)" },
  { name: "json", help: "JSON instead of text: one value, or one line a change" },
  { name: "leafy", help: "read or publish without being a node" },
  { name: "verbose", short: "v", help: "say more; with an error, its cause" },
  { name: "quiet", short: "q", help: "say less" },
  { name: "help", short: "h", help: "help for a command" },
  { name: "version", short: "V", help: "as the command version" },
];

/** In the order in which `agent help` lists them. */
export const commands: readonly Command[] = [
  ...nodeCommands,
  ...cablesCommands,
  ...stateCommands,
  ...leafyCommands,
  ...messagesCommands,
  ...nearbyCommands,
  ...ringCommands,
  ...joinCommands,
  ...installCommands,
  ...upgradeCommands,
  ...houseCommands,
];

/** The command that positionals begin with, and how many of them its name takes. */
export function findCommand(
  positionals: readonly string[],
): { command: Command; words: number } | undefined {
  for (const words of [2, 1]) {
    if (positionals.length < words) continue;
    const typed = positionals.slice(0, words).join(" ");
    const command = commands.find(({ name }) => name === typed);
    if (command !== undefined) return { command, words };
  }
  return undefined;
}
